"""The example files are one exchange: what is asked in one is answered in another, and all of it could be."""

import re
from datetime import datetime
from typing import Any

from agent.domain.availability import parse_slot_id
from agent.domain.practice_hours import after_open_time
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from tests.kit.partner_guide import examples, section

MINUTE, DAY = 60, 86400


def example(kind: Kind) -> Document[Any]:
    return decode("".join(f"{line}\n" for line in examples(kind)).encode(), kind)


def records(kind: Kind, record: str) -> list[Any]:
    return [one for one in example(kind).records if one.record == record]


def seconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp())


def position(kind: Kind) -> int:
    """Of the file in the practice's audit chain."""
    return int(str(example(kind).envelope.audit_head).partition(":")[0])


BOOKINGS = records(Kind.BOOKINGS, "booking")
OUTCOMES = records(Kind.RECEIPTS, "booking_outcome")
OFFERED = {(slot.assignment_id, slot.starts_at): slot for slot in records(Kind.AVAILABILITY, "slot")}


def test_the_receipt_answers_each_line_of_the_bookings_file_in_its_order() -> None:
    assert example(Kind.RECEIPTS).envelope.in_reply_to == example(Kind.BOOKINGS).envelope.message_id
    asked = [(one.booking_id, one.revision) for one in BOOKINGS]
    assert [(one.booking_id, one.revision) for one in OUTCOMES] == asked


def test_slot_ids_are_those_that_the_practice_gives() -> None:
    for slot in OFFERED.values():
        named = (int(slot.assignment_id), int(slot.column_id), seconds(slot.starts_at))
        assert parse_slot_id(slot.slot_id) == named


def test_every_wished_time_is_on_offer_and_every_accepted_one_is_what_was_wished() -> None:
    for wish, outcome in zip(BOOKINGS, OUTCOMES, strict=True):
        if wish.action == "cancel":
            assert (outcome.appointment_status, outcome.starts_at) == ("cancelled", None)
            continue
        slot = OFFERED[wish.assignment_id, wish.starts_at]
        assert wish.slot_id in (slot.slot_id, None)
        if outcome.outcome == "accepted":
            told = (outcome.appointment_status, outcome.column_id, outcome.starts_at, outcome.ends_at)
            assert told == ("booked", slot.column_id, slot.starts_at, slot.ends_at)


def test_alternatives_are_the_next_slots_of_the_assignment_that_nobody_took() -> None:
    taken: set[str] = set()
    for wish, outcome in zip(BOOKINGS, OUTCOMES, strict=True):
        if outcome.reason == "slot_taken":
            left = sorted(
                (slot.starts_at, slot.slot_id)
                for (assignment_id, start), slot in OFFERED.items()
                if assignment_id == wish.assignment_id and start >= wish.starts_at and start not in taken
            )
            offered = [(slot.starts_at, slot.slot_id) for slot in outcome.alternatives]
            assert offered == left[:3]
        taken.add(outcome.starts_at)
    assert any(outcome.alternatives for outcome in OUTCOMES)


def test_the_availability_file_is_good_for_as_long_as_its_openings_say() -> None:
    envelope = example(Kind.AVAILABILITY).envelope
    openings = [
        (seconds(one.starts_at), seconds(one.ends_at)) for one in records(Kind.AVAILABILITY, "opening")
    ]
    start = seconds(envelope.created_at)
    for told, minutes in ((envelope.next_expected_at, 15), (envelope.valid_until, 60)):
        assert seconds(str(told)) == after_open_time(openings, start, minutes * MINUTE, start + 14 * DAY)


def test_updates_tell_of_accepted_bookings_and_were_decided_later() -> None:
    assert position(Kind.AVAILABILITY) < position(Kind.RECEIPTS) < position(Kind.APPOINTMENT_UPDATES)
    stood = {one.booking_id: one for one in OUTCOMES if one.appointment_status == "booked"}
    for update in records(Kind.APPOINTMENT_UPDATES, "appointment_update"):
        told = stood[update.booking_id]
        moved = (update.column_id, update.starts_at) != (told.column_id, told.starts_at)
        assert moved != (update.appointment_status == "cancelled")


def test_the_acknowledgement_names_the_patients_file_and_all_its_removals() -> None:
    patients, answer = example(Kind.PATIENTS), example(Kind.ACKNOWLEDGEMENTS)
    assert answer.envelope.in_reply_to == patients.envelope.message_id
    removed = [one.patient_id for one in records(Kind.PATIENTS, "removal")]
    assert [one.patient_id for one in answer.records] == removed


def test_the_story_of_the_guide_names_the_files_bookings_and_ids_of_the_examples() -> None:
    story = section("16. An exchange from beginning to end")
    for kind in Kind:
        if kind is not Kind.REFERENCE_DATA:
            assert f"`{kind.value}` {example(kind).envelope.sequence}" in story, kind
    text = "".join(line for kind in Kind for line in examples(kind))
    for word in re.findall(r"`([a-z0-9]+(?:-[0-9]+)+|[0-9a-f]{16})`", story):
        assert word in text, word
    assert f"position {position(Kind.APPOINTMENT_UPDATES)}" in story
    assert f"the receipt's {position(Kind.RECEIPTS)}" in story
