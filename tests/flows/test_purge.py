"""Purge: what was kept long enough goes, the books still balance, and nothing comes to life again."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from agent import retention
from agent.adapters import tables
from agent.adapters.audit_verification import verify
from agent.adapters.finished_files import set_aside
from agent.clock import utc_now
from agent.flows.file_result import FileState
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingReason, MessageReason
from tests.flows.card_index import change_appointment
from tests.flows.evidence import assert_books_balance, audit, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, Stage
from tests.kit.command_line import otv
from tests.kit.house import default_plan, open_house
from tests.kit.openpgp import short_folder

APPOINTMENT = tables.appointment.c


def age_booking(stage: Stage, booking_id: str, days: int) -> None:
    """As if all of it had happened so many days ago."""
    ends_at = utc_now() - timedelta(days=days)
    starts_at = ends_at - timedelta(minutes=30)
    # Not exclusive: several tests send their booking to the same old time.
    change_appointment(
        stage.house.connector, booking_id, starts_at=starts_at, ends_at=ends_at, exclusive=False
    )
    came, booking = tables.partner_appointment, tables.booking
    with stage.house.connector.writing() as connection:
        connection.execute(
            update(came)
            .where(came.c.booking_id == booking_id)
            .values(told_starts_at=starts_at, told_ends_at=ends_at)
        )
        connection.execute(
            update(booking).where(booking.c.booking_id == booking_id).values(decided_at=starts_at)
        )


def age_message(stage: Stage, message_id: str, days: int) -> None:
    row = tables.inbound_message
    with stage.house.connector.writing() as connection:
        connection.execute(
            update(row)
            .where(row.c.message_id == message_id)
            .values(received_at=utc_now() - timedelta(days=days))
        )


def test_line_of_a_purged_booking_gets_no_second_appointment_in_any_revision(stage: Stage) -> None:
    wish = stage.booking()
    assert stage.send(wish).outcome.outcome == "accepted"
    age_booking(stage, wish.booking_id, days=2000)
    assert retention.preview(stage.agent).records["bookings"] == 1
    assert retention.purge(stage.agent).records["bookings"] == 1
    booked = len(values(stage.house.connector, APPOINTMENT.appointment_id))

    again = stage.send(wish)
    later = stage.send(
        stage.booking(slot=stage.slot(), booking_id=wish.booking_id, revision=2),
        stage.cancel(wish, revision=3),
        stage.reschedule(wish, stage.slot(), revision=4),
        stage.booking(slot=stage.slot(), booking_id=wish.booking_id, revision=5),
    )
    closed = BookingReason.APPOINTMENT_CLOSED
    assert again.outcome.reason is BookingReason.CONFLICT
    assert [one.reason for one in later.outcomes] == [
        BookingReason.CONFLICT, closed, closed, BookingReason.CONFLICT,
    ]  # fmt: skip
    assert len(values(stage.house.connector, APPOINTMENT.appointment_id)) == booked


def test_message_whose_answer_was_purged_is_refused_by_its_age_whatever_the_settings_became(
    stage: Stage,
) -> None:
    written_at = utc_now() - timedelta(days=20)
    wish = stage.booking()
    sealed = stage.sealed(wish, created_at=written_at, message_id="purged-answer")
    newest = stage.sealed(message_id="the-newest")
    long = {"inbound": {"settle_seconds": 0, "max_message_age_hours": 24 * 60}}
    with stage.agent_with(settings=long):
        first = stage.send_sealed(sealed)
        assert first.verdict.outcome == "processed"
        stage.send_sealed(newest)
    age_message(stage, "purged-answer", days=20)
    with stage.agent_with(settings={"retention": {"answers_days": 15}}):
        assert retention.purge(stage.agent).records["answers"] == 1
    with stage.agent_with(settings=long):
        again = stage.send_sealed(sealed)
    assert again.verdict.reason is MessageReason.TIME_OUT_OF_BOUNDS
    assert again.outcomes == []


def test_records_that_went_are_told_in_one_audit_entry_and_a_second_purge_does_nothing(stage: Stage) -> None:
    wish = stage.booking()
    stage.send(wish)
    age_booking(stage, wish.booking_id, days=2000)
    retention.purge(stage.agent)
    entry = audit(stage)[-1]
    assert (entry.event, entry.partner_id, entry.details) == ("records purged", None, {"bookings": 1})
    assert retention.purge(stage.agent).records.total() == 0
    assert audit(stage)[-1] == entry


# --- files: a house of its own, whose clock can be put ahead -------------------------------------


@pytest.fixture
def old_house() -> Iterator[Stage]:
    """A house in which a file of every fate arrived and left just now; its clock is 100 days ahead."""
    plan = default_plan(patients=20, days=5, columns=4, appointments_per_column_and_day=1)
    with short_folder() as folder, open_house(folder, plan) as house:
        stage = Stage(house, house.agent())
        sealed = stage.sealed(stage.booking())
        stage.send_sealed(sealed)
        assert stage.send_sealed(sealed).result.state is FileState.DUPLICATE
        assert stage.send(stage.booking(), practice_id="elsewhere").result.state is FileState.REFUSED
        stage.drop(b"junk")
        assert [result.state for result in stage.receive()] == [FileState.QUARANTINED]
        stage.agent.export(DENTPORT, Kind.AVAILABILITY)
        stage.agent.exchange(DENTPORT)
        with stage.agent_with(clock=lambda: utc_now() + timedelta(days=100)):
            yield stage


def folder_counts(stage: Stage) -> dict[str, int]:
    data = stage.house.data_folder
    found = Counter(dict.fromkeys(("sent", "archive", "quarantine", "purged", "failed"), 0))
    for path in (*(data / "outbox" / DENTPORT).rglob("*"), *(data / "inbound" / DENTPORT).rglob("*")):
        if path.is_file() and not path.name.endswith(".reason.json"):
            found[path.relative_to(data).parts[2]] += 1
    return found


def test_finished_files_go_what_failed_or_is_unknown_stays_and_the_books_balance(old_house: Stage) -> None:
    data = old_house.house.data_folder
    sent = next((data / "outbox" / DENTPORT / "sent").glob("availability-*"))
    (data / "outbox" / DENTPORT / "failed" / sent.name).write_bytes(b"set aside by an operator")
    unknown = sent.with_name(sent.name.replace("availability", "patients"))
    unknown.write_bytes(b"nobody has written down that this was delivered")
    unconfirmed = sent.with_name(sent.name.replace("availability", "receipts"))
    unconfirmed.write_bytes(b"the server took it before its size could be compared")
    with old_house.agent.practice.database.write() as work:
        at = utc_now() + timedelta(days=1)
        work.audit.append("delivered unconfirmed", at, DENTPORT, file=unconfirmed.name)
    before = folder_counts(old_house)
    due = retention.preview(old_house.agent)
    assert folder_counts(old_house) == before

    purged = retention.purge(old_house.agent)
    assert purged.files == due.files
    assert purged.files == {
        (DENTPORT, "sent"): before["sent"] - 2, (DENTPORT, "archive"): 2, (DENTPORT, "quarantine"): 1,
    }  # fmt: skip
    after = folder_counts(old_house)
    assert after == {**before, "sent": 2, "archive": 0, "quarantine": 1, "failed": 1}
    assert unknown.exists()
    assert unconfirmed.exists()
    assert_books_balance(old_house)
    assert retention.purge(old_house.agent).files.total() == 0
    with old_house.house.connector.reading() as connection:
        verify(connection, old_house.agent.audit_key)


def test_purge_cut_short_is_taken_up_by_the_next_one_and_counts_each_file_once(old_house: Stage) -> None:
    inbound = old_house.house.data_folder / "inbound" / DENTPORT
    now = old_house.agent.practice.clock()
    counted = set_aside(inbound / "archive", [next((inbound / "archive").iterdir()).name], now)
    assert counted is not None
    assert not retention.clock_is_plausible(old_house.agent)
    with old_house.agent.practice.database.write() as work:
        work.audit.append("files purged", now, DENTPORT, run=counted.name, folder="archive", files=1)
    assert retention.clock_is_plausible(old_house.agent)
    not_counted = set_aside(inbound / "archive", [next((inbound / "archive").iterdir()).name], now)

    purged = retention.purge(old_house.agent)
    assert not_counted is not None
    assert purged.files[DENTPORT, "archive"] == 1
    told = [entry for entry in audit(old_house) if entry.details.get("folder") == "archive"]
    assert [entry.details["files"] for entry in told] == [1, 1]
    assert not counted.exists()
    assert not not_counted.exists()
    assert_books_balance(old_house)


@ON_SQLITE_ALONE
def test_command_says_what_would_go_and_what_went(stage: Stage) -> None:
    config, wish = stage.house.config_path, stage.booking()
    stage.send(wish)
    age_booking(stage, wish.booking_id, days=2000)
    foreseen, done, again = (otv("purge", *words, config=config) for words in (["--dry-run"], [], []))
    assert [one.code for one in (foreseen, done, again)] == [0, 0, 0]
    assert [one.out for one in (foreseen, done, again)] == [
        "bookings: 1 would be removed\n", "bookings: 1 removed\n", "nothing is old enough\n",
    ]  # fmt: skip
