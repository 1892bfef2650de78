"""The partner's guide keeps its word: every line of its table of answers, asked of a real practice."""

import re
from collections.abc import Callable

import pytest

from agent.domain.availability import Slot
from exchange_formats.receipts import BookingOutcome
from tests.flows.card_index import change_appointment, delete_appointment
from tests.flows.stage import ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.partner_guide import GUIDE


def answers() -> dict[str, str]:
    """What is sent and what the practice has -> what the guide says is answered, by its table."""
    (table,) = re.findall(r"^\| you send \| the practice has \|.*\n\|.*\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()]
    return {f"{sent}: {has}": answer for sent, has, answer in rows}


def two_slots(stage: Stage) -> tuple[Slot, Slot]:
    """Two of one assignment."""
    seen: dict[int, Slot] = {}
    while (slot := stage.slot()).assignment_id not in seen:
        seen[slot.assignment_id] = slot
    return seen[slot.assignment_id], slot


def same_again(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking()
    first = stage.send(booking, stage.cancel(booking)).outcomes
    assert stage.send(booking, stage.cancel(booking)).outcomes == first
    return []


def other_content(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking()
    other = booking.model_copy(update={"patient": stage.somebody()})
    return stage.send(booking, other).outcomes[1:]


def lower_revision(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking(revision=2)
    return stage.send(booking, stage.cancel(booking, revision=1)).outcomes[1:]


def book_over_an_appointment(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking()
    again = [stage.booking(booking_id=booking.booking_id, revision=revision) for revision in (2, 4)]
    outcomes = stage.send(booking, again[0], stage.cancel(booking, revision=3), again[1]).outcomes
    return [outcomes[1], outcomes[3]]


def book_behind_its_cancel(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking(revision=2)
    return stage.send(stage.cancel(booking, revision=1), booking).outcomes[1:]


def book(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking()
    declined = booking.model_copy(update={"assignment_id": "987654"})
    booking = booking.model_copy(update={"revision": 2})
    return [*stage.send(declined, booking).outcomes[1:], *stage.send(stage.booking()).outcomes]


def switched_off(stage: Stage) -> list[BookingOutcome]:
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    stage.send(booking)
    with stage.agent_with(dentport={"may_cancel": False, "may_reschedule": False}):
        return stage.send(stage.cancel(booking), stage.reschedule(booking, new, revision=3)).outcomes


def no_appointment(stage: Stage) -> list[BookingOutcome]:
    old, new = two_slots(stage)
    unknown, somebody_elses = stage.booking(slot=old), stage.booking(slot=old)
    declined = stage.booking(slot=old, assignment_id="987654")
    stage.send(somebody_elses, partner_id=ZAHNZEIT)
    wishes = [
        wish
        for booking in (unknown, somebody_elses, declined)
        for wish in (stage.cancel(booking), stage.reschedule(booking, new, revision=3))
    ]
    return stage.send(declined, *wishes).outcomes[1:]


def cancel_what_is_cancelled(stage: Stage) -> list[BookingOutcome]:
    mine, deleted, staffs = stage.booking(), stage.booking(), stage.booking()
    stage.send(mine, deleted, staffs, stage.cancel(mine))
    delete_appointment(stage.house.connector, deleted.booking_id)
    change_appointment(stage.house.connector, staffs.booking_id, status="cancelled")
    return stage.send(stage.cancel(mine, revision=3), stage.cancel(deleted), stage.cancel(staffs)).outcomes


def cancel_what_has_begun(stage: Stage) -> list[BookingOutcome]:
    begun, over = stage.booking(), stage.booking()
    stage.send(begun, over)
    change_appointment(stage.house.connector, begun.booking_id, status="arrived")
    change_appointment(stage.house.connector, over.booking_id, status="fulfilled")
    return stage.send(stage.cancel(begun), stage.cancel(over)).outcomes


def cancel(stage: Stage) -> list[BookingOutcome]:
    booking = stage.booking()
    return stage.send(booking, stage.cancel(booking)).outcomes[1:]


def reschedule_what_is_closed(stage: Stage) -> list[BookingOutcome]:
    _, new = two_slots(stage)
    cancelled, deleted, begun = (stage.booking() for _ in range(3))
    stage.send(cancelled, deleted, begun, stage.cancel(cancelled))
    delete_appointment(stage.house.connector, deleted.booking_id)
    change_appointment(stage.house.connector, begun.booking_id, status="arrived")
    wishes = [stage.reschedule(booking, new, revision=3) for booking in (cancelled, deleted, begun)]
    return stage.send(*wishes).outcomes


def reschedule_to_another_assignment(stage: Stage) -> list[BookingOutcome]:
    old, new = two_slots(stage)
    while new.assignment_id == old.assignment_id:
        new = stage.slot()
    booking = stage.booking(slot=old)
    return stage.send(booking, stage.reschedule(booking, new)).outcomes[1:]


def reschedule_to_a_taken_time(stage: Stage) -> list[BookingOutcome]:
    old, taken = two_slots(stage)
    booking = stage.booking(slot=old)
    outcomes = stage.send(booking, stage.booking(slot=taken), stage.reschedule(booking, taken)).outcomes
    assert stage.send(stage.booking(slot=old)).outcome.reason == "slot_taken"
    return outcomes[2:]


def reschedule(stage: Stage) -> list[BookingOutcome]:
    old, new = two_slots(stage)
    booking = stage.booking(slot=old)
    return stage.send(booking, stage.reschedule(booking, new)).outcomes[1:]


# In the order of the guide's table.
CASES: tuple[Callable[[Stage], list[BookingOutcome]], ...] = (
    same_again,
    other_content,
    lower_revision,
    book_over_an_appointment,
    book_behind_its_cancel,
    book,
    switched_off,
    no_appointment,
    cancel_what_is_cancelled,
    cancel_what_has_begun,
    cancel,
    reschedule_what_is_closed,
    reschedule_to_another_assignment,
    reschedule_to_a_taken_time,
    reschedule,
)


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    ("case", "answer"), list(zip(CASES, answers().values(), strict=True)), ids=list(answers())
)
def test_each_case_of_the_guide_is_answered_as_it_says(
    stage: Stage, case: Callable[[Stage], list[BookingOutcome]], answer: str
) -> None:
    promised = set(re.findall(r"`([a-z_]+)`", answer))
    for outcome in case(stage):
        said = {outcome.reason or outcome.outcome, outcome.appointment_status} - {None}
        assert said == promised
