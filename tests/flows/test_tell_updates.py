"""Appointment updates: told once, in order, with what holds now, and nothing the partner asked for (A11)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.adapters import tables
from agent.clock import utc_now
from agent.domain.availability import Slot
from agent.domain.documents import datetime_text
from agent.domain.intervals import utc_datetime
from agent.domain.updates import NEWS_FOR
from agent.errors import LicenceInvalidError, TransferError
from agent.flows.deliver import deliver
from agent.flows.tell_updates import tell_updates
from agent.ports import Database, Delivery, TransferSession, WriteTransaction
from exchange_formats.appointment_updates import AppointmentUpdateRecord
from exchange_formats.bookings import BookingRecord
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from tests.flows.card_index import change_appointment, delete_appointment, lose_appointments
from tests.flows.evidence import audit, rows, values
from tests.flows.outages import CutAt, CutBeforeCommit, PowerCutError
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage

HALF_AN_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
UPDATES = Kind.APPOINTMENT_UPDATES


@pytest.fixture(autouse=True)
def nothing_to_tell_before(stage: Stage) -> Iterator[None]:
    """Every test begins with partners that know everything, and with their servers empty."""
    for partner_id, partner in stage.house.partners.items():
        stage.agent.tell_updates(partner_id)
        take_updates(stage, partner_id)
        for path in (partner.server.root / "inbox").iterdir():
            path.unlink()
    yield


def booked(stage: Stage, partner_id: str = DENTPORT) -> BookingRecord:
    """A booking that was accepted, and whose receipt is out."""
    booking = stage.booking()
    assert stage.send(booking, partner_id=partner_id).outcome.outcome == "accepted"
    return booking


def tell(stage: Stage, partner_id: str = DENTPORT) -> list[AppointmentUpdateRecord]:
    """Look for changes; what the partner reads in the one file that came of it, or nothing."""
    told = stage.agent.tell_updates(partner_id)
    documents = take_updates(stage, partner_id)
    assert len(documents) <= 1
    records = [record for document in documents for record in document.records]
    assert len(records) == told
    return records


def take_updates(stage: Stage, partner_id: str = DENTPORT) -> list[Document[Any]]:
    """The waiting updates as the partner reads them; they are taken away."""
    taken = []
    for path in stage.outbox(partner_id, UPDATES):
        taken.append(decode(stage.partner(partner_id).gpg.open(path.read_bytes()), UPDATES))
        path.unlink()
    return taken


def outbox_names(stage: Stage) -> list[str]:
    return [path.name for path in stage.outbox(DENTPORT, UPDATES)]


def staff_move(stage: Stage, booking: BookingRecord) -> dict[str, Any]:
    """To another free time, where it stays that long; what the partner is to read of it."""
    slot = stage.slot()
    times = {"starts_at": utc_datetime(slot.start), "ends_at": utc_datetime(slot.start) + HALF_AN_HOUR}
    change_appointment(stage.house.connector, booking.booking_id, column_id=slot.column_id, **times)
    return line(booking, "booked", slot)


def line(booking: BookingRecord, status: str, slot: Slot) -> dict[str, Any]:
    starts_at = utc_datetime(slot.start)
    return {
        "record": "appointment_update",
        "booking_id": booking.booking_id,
        "appointment_status": status,
        "column_id": str(slot.column_id),
        "starts_at": datetime_text(starts_at),
        "ends_at": datetime_text(starts_at + HALF_AN_HOUR),
    }


def staff_set(stage: Stage, booking: BookingRecord, status: str) -> None:
    change_appointment(stage.house.connector, booking.booking_id, status=status)


def told_state(stage: Stage, booking: BookingRecord) -> list[Any]:
    came = tables.partner_appointment.c
    return [
        values(stage.house.connector, column, came.booking_id == booking.booking_id)
        for column in (came.told_status, came.told_column_id, came.told_starts_at, came.told_ends_at)
    ]


def audit_number(document: Document[Any]) -> int:
    assert document.envelope.audit_head is not None
    return int(document.envelope.audit_head.split(":")[0])


# --- what is told ----------------------------------------------------------------------------------


def test_appointment_that_staff_moved_is_told_once_where_and_when_it_stands(stage: Stage) -> None:
    booking = booked(stage)
    moved = staff_move(stage, booking)
    assert [record.model_dump() for record in tell(stage)] == [moved]
    before = rows(stage.house.connector)
    assert tell(stage) == []
    assert rows(stage.house.connector) == before


def test_appointment_that_staff_cancelled_and_book_again_is_told_both_times(stage: Stage) -> None:
    booking = booked(stage)
    staff_set(stage, booking, "cancelled")
    assert [record.appointment_status for record in tell(stage)] == ["cancelled"]
    assert tell(stage) == []
    staff_set(stage, booking, "booked")
    assert [(record.booking_id, record.appointment_status) for record in tell(stage)] == [
        (booking.booking_id, "booked")
    ]


def test_deleted_appointment_is_told_as_cancelled_once_where_it_was_last_told(stage: Stage) -> None:
    booking = booked(stage)
    moved = staff_move(stage, booking)
    tell(stage)
    delete_appointment(stage.house.connector, booking.booking_id)
    assert [record.model_dump() for record in tell(stage)] == [{**moved, "appointment_status": "cancelled"}]
    assert tell(stage) == []


@ON_SQLITE_ALONE
def test_appointment_moved_there_and_back_between_two_runs_is_no_news(stage: Stage) -> None:
    booking = booked(stage)
    known = told_state(stage, booking)
    column_id, starts_at, ends_at = (one[0] for one in known[1:])
    staff_move(stage, booking)
    back = {"column_id": column_id, "starts_at": starts_at, "ends_at": ends_at}
    change_appointment(stage.house.connector, booking.booking_id, **back)
    assert tell(stage) == []
    assert outbox_names(stage) == []


@ON_SQLITE_ALONE
def test_two_changes_between_two_runs_are_one_update_with_the_last_truth(stage: Stage) -> None:
    booking, other = booked(stage), booked(stage)
    staff_set(stage, booking, "cancelled")
    staff_move(stage, booking)
    staff_set(stage, booking, "booked")
    last = [staff_move(stage, booking), staff_move(stage, other)]
    assert [record.model_dump() for record in tell(stage)] == last


@ON_SQLITE_ALONE
@pytest.mark.parametrize("status", ["arrived", "fulfilled", "noshow"])
def test_how_a_visit_went_stays_in_the_practice(stage: Stage, status: str) -> None:
    booking = booked(stage)
    staff_set(stage, booking, status)
    assert tell(stage) == []
    change_appointment(
        stage.house.connector, booking.booking_id, ends_at=told_state(stage, booking)[3][0] + HALF_AN_HOUR
    )
    assert tell(stage) == []


@ON_SQLITE_ALONE
def test_appointment_long_over_that_retention_deletes_is_no_news(stage: Stage) -> None:
    over = utc_now() - NEWS_FOR
    lose_appointments(stage.house.connector, DENTPORT, ["old"], over)
    lose_appointments(stage.house.connector, DENTPORT, ["new"], over + timedelta(minutes=5))
    assert [record.booking_id for record in tell(stage)] == ["new"]


@ON_SQLITE_ALONE
def test_only_the_partner_that_booked_is_told(stage: Stage) -> None:
    booking = booked(stage, ZAHNZEIT)
    staff_set(stage, booking, "cancelled")
    assert tell(stage, DENTPORT) == []
    assert [record.booking_id for record in tell(stage, ZAHNZEIT)] == [booking.booking_id]


@ON_SQLITE_ALONE
def test_update_is_numbered_audited_and_recorded_without_a_word_about_anybody(stage: Stage) -> None:
    one, two, three = booked(stage), booked(stage), booked(stage)
    staff_set(stage, one, "cancelled")
    staff_move(stage, two)
    staff_move(stage, three)
    stage.agent.tell_updates(DENTPORT)
    (path,) = stage.outbox(DENTPORT, UPDATES)
    sealed = path.read_bytes()
    (first,) = take_updates(stage)
    staff_set(stage, one, "booked")
    stage.agent.tell_updates(DENTPORT)
    (second,) = take_updates(stage)
    assert second.envelope.sequence == first.envelope.sequence + 1

    entry = [entry for entry in audit(stage) if entry.event == "appointment update prepared"][-2]
    assert entry.details == {"message_id": first.envelope.message_id, "booked": 2, "cancelled": 1}
    assert audit_number(first) == entry.sequence
    outbound = tables.outbound_message.c
    this = outbound.message_id == first.envelope.message_id
    assert values(stage.house.connector, outbound.record_count, this) == [3]
    assert values(stage.house.connector, outbound.sealed_sha256, this) == [sha256(sealed)]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- no echo, and what is newer --------------------------------------------------------------------


@pytest.fixture
def permissive(stage: Stage) -> Iterator[Stage]:
    """The house whose partner may cancel and reschedule."""
    with stage.agent_with(dentport={"may_cancel": True, "may_reschedule": True}):
        yield stage


@ON_SQLITE_ALONE
def test_what_the_partner_asked_for_itself_is_not_told_back(permissive: Stage) -> None:
    cancelled, rescheduled = booked(permissive), booked(permissive)
    to = permissive.slot()
    while str(to.assignment_id) != rescheduled.assignment_id:
        to = permissive.slot()
    answer = permissive.send(permissive.cancel(cancelled), permissive.reschedule(rescheduled, to))
    assert [outcome.outcome for outcome in answer.outcomes] == ["accepted", "accepted"]
    assert tell(permissive) == []


@ON_SQLITE_ALONE
def test_change_by_staff_that_the_partners_cancellation_overtook_is_not_told(permissive: Stage) -> None:
    booking = booked(permissive)
    staff_move(permissive, booking)
    assert permissive.send(permissive.cancel(booking)).outcome.outcome == "accepted"
    assert tell(permissive) == []


@ON_SQLITE_ALONE
def test_number_of_the_audit_head_says_which_of_receipt_and_update_is_newer(permissive: Stage) -> None:
    booking = permissive.booking()
    first = permissive.send(booking).receipt
    staff_move(permissive, booking)
    permissive.agent.tell_updates(DENTPORT)
    # Received before the update is delivered: both wait, and receipts go first.
    last = permissive.send(permissive.cancel(booking)).receipt
    (update,) = take_updates(permissive)
    assert first is not None
    assert last is not None
    assert audit_number(first) < audit_number(update) < audit_number(last)


@ON_SQLITE_ALONE
def test_first_answer_given_again_in_a_new_receipt_is_followed_by_what_stands_now(permissive: Stage) -> None:
    booking, other = booked(permissive), booked(permissive)
    moved = staff_move(permissive, booking)
    tell(permissive)
    permissive.send(permissive.cancel(other))
    again = permissive.send(booking, other)
    assert [outcome.appointment_status for outcome in again.outcomes] == ["booked", "booked"]
    first, second = tell(permissive)
    assert first.model_dump() == moved
    assert (second.booking_id, second.appointment_status) == (other.booking_id, "cancelled")
    assert tell(permissive) == []


# --- crashes ---------------------------------------------------------------------------------------


class CutAtWrite:
    """A database of whose transactions one is never begun: the process ends before it."""

    def __init__(self, database: Database, number: int) -> None:
        self._database, self._left = database, number

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        self._left -= 1
        if self._left == 0:
            raise PowerCutError
        with self._database.write() as work:
            yield work


def test_power_cut_before_the_commit_has_the_next_run_decide_anew(stage: Stage) -> None:
    booking = booked(stage)
    staff_move(stage, booking)
    practice, lane = stage.agent.practice, stage.agent.lane(DENTPORT)
    before = rows(stage.house.connector)
    with pytest.raises(PowerCutError):
        tell_updates(replace(practice, database=CutBeforeCommit(practice.database)), lane)
    assert rows(stage.house.connector) == before
    moved = staff_move(stage, booking)
    assert [record.model_dump() for record in tell(stage)] == [moved]


def test_power_cut_between_commit_and_outbox_has_the_update_go_before_any_later_one(stage: Stage) -> None:
    booking = booked(stage)
    first = staff_move(stage, booking)
    lane = stage.agent.lane(DENTPORT)
    with pytest.raises(PowerCutError):
        tell_updates(stage.agent.practice, replace(lane, outbox=CutAt(lane.outbox, "draft")))
    assert outbox_names(stage) == []
    second = staff_move(stage, booking)
    assert stage.agent.tell_updates(DENTPORT) == 2
    documents = take_updates(stage)
    assert [document.records[0].model_dump() for document in documents] == [first, second]
    assert documents[1].envelope.sequence == documents[0].envelope.sequence + 1
    assert stage.agent.tell_updates(DENTPORT) == 0


def test_power_cut_between_outbox_and_mark_leaves_one_file_of_one_name_and_one_record(stage: Stage) -> None:
    staff_set(stage, booked(stage), "cancelled")
    names = cut_before_the_mark(stage)
    stage.agent.tell_updates(DENTPORT)
    assert outbox_names(stage) == names
    (path,) = stage.outbox(DENTPORT, UPDATES)
    digest = sha256(path.read_bytes())
    (document,) = take_updates(stage)
    outbound = tables.outbound_message.c
    this = outbound.message_id == document.envelope.message_id
    assert values(stage.house.connector, outbound.sealed_sha256, this) == [digest]
    assert stage.agent.tell_updates(DENTPORT) == 0


@ON_SQLITE_ALONE
def test_update_delivered_before_its_mark_comes_again_under_its_name_and_message_id(stage: Stage) -> None:
    staff_set(stage, booked(stage), "cancelled")
    cut_before_the_mark(stage)
    stage.agent.exchange(DENTPORT)
    (first,) = server_updates(stage)
    stage.agent.tell_updates(DENTPORT)
    stage.partner().opened.clear()
    stage.agent.exchange(DENTPORT)
    assert [again.envelope for again in server_updates(stage)] == [first.envelope]
    stage.agent.tell_updates(DENTPORT)
    assert outbox_names(stage) == []


def cut_before_the_mark(stage: Stage) -> list[str]:
    """The power goes after the file is out; its name."""
    practice, lane = stage.agent.practice, stage.agent.lane(DENTPORT)
    with pytest.raises(PowerCutError):
        tell_updates(replace(practice, database=CutAtWrite(practice.database, 2)), lane)
    names = outbox_names(stage)
    assert len(names) == 1
    return names


def server_updates(stage: Stage) -> list[Document[Any]]:
    return stage.partner().inbox(UPDATES)


# --- who is told nothing ---------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_partner_without_updates_is_told_the_present_truth_once_when_they_are_switched_on(
    stage: Stage,
) -> None:
    booking = booked(stage)
    with stage.agent_with(dentport={"appointment_updates": False}):
        known = told_state(stage, booking)
        staff_move(stage, booking)
        assert tell(stage) == []
        last = staff_move(stage, booking)
        assert tell(stage) == []
        assert stage.agent.preview_updates(DENTPORT) == 0
        assert told_state(stage, booking) == known
    assert [record.model_dump() for record in tell(stage)] == [last]
    assert tell(stage) == []


@ON_SQLITE_ALONE
def test_revoked_partner_is_told_nothing_until_it_is_admitted_again(stage: Stage) -> None:
    booking = booked(stage)
    lane, database = stage.agent.lane(DENTPORT), stage.agent.practice.database
    moved = staff_move(stage, booking)
    with pytest.raises(PowerCutError):
        tell_updates(stage.agent.practice, replace(lane, outbox=CutAt(lane.outbox, "draft")))
    staff_move(stage, booked(stage))
    with database.write() as work:
        work.disclosures.revoke_partner(DENTPORT, utc_now())
    before = rows(stage.house.connector)
    assert stage.agent.tell_updates(DENTPORT) == stage.agent.preview_updates(DENTPORT) == 0
    assert rows(stage.house.connector) == before
    assert outbox_names(stage) == []
    with database.write() as work:
        work.disclosures.readmit_partner(DENTPORT)
    assert stage.agent.tell_updates(DENTPORT) == 2
    assert take_updates(stage)[0].records[0].model_dump() == moved


@ON_SQLITE_ALONE
def test_without_a_licence_nothing_is_told_and_nothing_counts_as_told(stage: Stage) -> None:
    booking = booked(stage)
    moved = staff_move(stage, booking)
    licence = stage.house.data_folder / "licence.pgp"
    kept = licence.read_bytes()
    licence.unlink()
    before = rows(stage.house.connector)
    try:
        for work in (stage.agent.tell_updates, stage.agent.preview_updates):
            with pytest.raises(LicenceInvalidError):
                work(DENTPORT)
    finally:
        licence.write_bytes(kept)
    assert rows(stage.house.connector) == before
    assert [record.model_dump() for record in tell(stage)] == [moved]


# --- looking alone ---------------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_preview_counts_and_writes_nothing(stage: Stage) -> None:
    one, two = booked(stage), booked(stage)
    staff_move(stage, one)
    staff_set(stage, two, "cancelled")
    before = rows(stage.house.connector)
    assert stage.agent.preview_updates(DENTPORT) == 2
    assert (rows(stage.house.connector), outbox_names(stage)) == (before, [])
    assert len(tell(stage)) == 2


# --- the order of delivery -------------------------------------------------------------------------


class RefusingOne:
    """A session in which one file cannot be sent; what went is kept in its order."""

    def __init__(self, session: TransferSession, name: str) -> None:
        self._session, self._name = session, name
        self.sent: list[str] = []

    def upload(self, source: Any, name: str) -> Delivery:
        if name == self._name:
            raise TransferError("refused")
        self.sent.append(name)
        return self._session.upload(source, name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def sent_kinds(names: list[str]) -> list[Kind | None]:
    parsed = [parse_sealed_name(name) for name in names]
    return [one.kind if one else None for one in parsed]


@ON_SQLITE_ALONE
def test_update_behind_one_that_failed_waits_and_everything_else_goes(stage: Stage) -> None:
    booking = booked(stage)
    for _ in range(3):
        staff_move(stage, booking)
        stage.agent.tell_updates(DENTPORT)
    updates = outbox_names(stage)
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    stage.drop(stage.sealed(stage.booking()))
    stage.receive()
    lane = stage.agent.lane(DENTPORT)
    assert lane.transport is not None
    with lane.transport.connect() as session:
        refusing = RefusingOne(session, updates[1])
        with pytest.raises(TransferError):
            deliver(stage.agent.practice, lane, refusing)
        assert sent_kinds(refusing.sent) == [Kind.RECEIPTS, UPDATES, Kind.REFERENCE_DATA]
        assert outbox_names(stage) == updates[1:]
        healed = RefusingOne(session, "none")
        deliver(stage.agent.practice, lane, healed)
    assert healed.sent == updates[1:]


@ON_SQLITE_ALONE
def test_updates_go_by_their_numbers_when_the_clock_was_set_back_in_between(stage: Stage) -> None:
    booking = booked(stage)
    staff_move(stage, booking)
    stage.agent.tell_updates(DENTPORT)
    staff_move(stage, booking)
    with stage.agent_with(lambda: utc_now() - timedelta(minutes=4)):
        stage.agent.tell_updates(DENTPORT)
    later, earlier = outbox_names(stage)
    lane = stage.agent.lane(DENTPORT)
    assert lane.transport is not None
    with lane.transport.connect() as session:
        watched = RefusingOne(session, "none")
        deliver(stage.agent.practice, lane, watched)
    assert watched.sent == [earlier, later]
