"""The write transaction as a whole, on both databases: all or nothing, one after the other, in one chain."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from agent.adapters import tables
from agent.adapters.audit_log import entries
from agent.adapters.audit_verification import verify
from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlDatabase
from agent.errors import SlotTakenError
from agent.ports import Database, LedgerBooking, NewAppointment, NewPatient, WriteTransaction
from tests.kit.databases import ANNA, CHECKUP, CHECKUP_TYPE, DENTPORT, OTV_USER, PRACTICE_ID, TREATMENT

KEY = b"k" * 32
NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
START = datetime(2027, 3, 8, 9, 0, tzinfo=UTC)
WRITTEN_TABLES = (
    tables.patient,
    tables.appointment,
    tables.staff_note,
    tables.consent_page,
    tables.booking,
    tables.disclosure,
    tables.sequence_number,
    tables.audit_entry,
)
WRITER = Path(__file__).parents[1] / "kit" / "booking_writer.py"


@pytest.fixture
def database(connector: Connector) -> Database:
    return SqlDatabase(connector, KEY)


def row_counts(connector: Connector) -> dict[str, int]:
    with connector.reading() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in WRITTEN_TABLES
        }


def book_everything(work: WriteTransaction, number: int = 0) -> int:
    """A booking by a new patient with all that belongs to it; the appointment's id."""
    patient_id = work.book.create_patient(NewPatient("Neu", "Patient", date(2001, 1, 1), ()), OTV_USER, NOW)
    starts_at = START + timedelta(minutes=30 * number)
    appointment = NewAppointment(
        TREATMENT, patient_id, CHECKUP_TYPE, CHECKUP, starts_at, starts_at + timedelta(minutes=30)
    )
    appointment_id = work.book.add_appointment(appointment, OTV_USER, NOW)
    work.book.ensure_consent_page(DENTPORT, "Dentport", OTV_USER, NOW)
    work.book.add_note("possible_duplicate", DENTPORT, patient_id, ANNA, appointment_id, NOW)
    work.ledger.add_booking(LedgerBooking(DENTPORT, f"b-{number}", 1, "book", "a" * 64, "{}", NOW))
    work.disclosures.assign_aliases(DENTPORT)
    work.disclosures.next_sequence(DENTPORT, "receipts")
    work.audit.append("appointment booked", NOW, DENTPORT, appointment_id=appointment_id)
    return appointment_id


def started_writer(url: str, name: str, transactions: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(WRITER), url, KEY.decode(), name, str(transactions)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def fail_halfway(work: WriteTransaction) -> None:
    book_everything(work)
    raise RuntimeError("power cut")


def test_read_gives_a_snapshot_of_the_practice(database: Database) -> None:
    with database.read() as snapshot:
        assert snapshot.identity().practice_id == PRACTICE_ID


def test_write_commits_everything_together_when_the_block_ends(
    database: Database, connector: Connector
) -> None:
    before = row_counts(connector)
    with database.write() as work:
        appointment_id = book_everything(work)
    after = row_counts(connector)
    assert all(after[name] > before[name] for name in before)
    with database.write() as work:
        (found,) = work.ledger.revisions(DENTPORT, "b-0", 1)
        standing = work.book.appointment(appointment_id)
    assert (found.revision, found.action) == (1, "book")
    assert standing is not None


def test_write_that_raises_leaves_nothing_behind(database: Database, connector: Connector) -> None:
    before = row_counts(connector)
    with pytest.raises(RuntimeError, match="power cut"), database.write() as work:
        fail_halfway(work)
    assert row_counts(connector) == before


def test_write_refused_a_slot_still_commits_the_rest_of_its_block(
    database: Database, connector: Connector
) -> None:
    with database.write() as work:
        first = book_everything(work)
        with pytest.raises(SlotTakenError):
            work.book.add_appointment(
                NewAppointment(TREATMENT, ANNA, CHECKUP_TYPE, CHECKUP, START, START + timedelta(minutes=15)),
                OTV_USER,
                NOW,
            )
        second = book_everything(work, number=1)
    with connector.reading() as connection:
        assert set(connection.scalars(select(tables.appointment.c.appointment_id))) == {first, second}


def test_savepoint_that_raises_undoes_its_block_and_the_transaction_and_chain_go_on(
    database: Database, connector: Connector
) -> None:
    before = row_counts(connector)
    with database.write() as work:
        work.audit.append("import began", NOW)
        with pytest.raises(RuntimeError, match="power cut"), work.savepoint():
            fail_halfway(work)
        work.audit.append("import ended", NOW)
        assert work.book.ensure_consent_page(DENTPORT, "Dentport", OTV_USER, NOW)
    after = row_counts(connector)
    assert after == before | {"audit_entry": 2, "consent_page": 1}
    with connector.reading() as connection:
        assert verify(connection, KEY).entries == 2


def test_savepoint_undone_takes_a_patient_without_birth_date_out_of_the_candidates(
    database: Database,
) -> None:
    today = NOW.date()
    nobody = date(1960, 6, 6)
    with database.write() as work:
        before = work.book.candidates(DENTPORT, "Patient", nobody, today)
        with pytest.raises(RuntimeError, match="undo"), work.savepoint():
            work.book.create_patient(NewPatient("Neu", "Patient", date(1900, 1, 1), ()), OTV_USER, NOW)
            assert len(work.book.candidates(DENTPORT, "Patient", nobody, today)) == len(before) + 1
            raise RuntimeError("undo")
        assert work.book.candidates(DENTPORT, "Patient", nobody, today) == before


def test_savepoint_that_ends_well_is_kept(database: Database, connector: Connector) -> None:
    with database.write() as work:
        with work.savepoint():
            book_everything(work)
        book_everything(work, number=1)
    assert row_counts(connector)["appointment"] == 2
    with connector.reading() as connection:
        assert verify(connection, KEY).entries == 2


def test_write_by_two_processes_at_once_serialises_and_the_chain_stays_whole(
    database_url: str, connector: Connector
) -> None:
    writers = [started_writer(database_url, name, transactions=25) for name in ("first", "second")]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    with connector.reading() as connection:
        assert verify(connection, KEY).entries == 50
        order = [entry.details["writer"] for entry in entries(connection)]
        taken = connection.scalar(select(func.count()).select_from(tables.appointment))
        last = connection.scalar(select(tables.sequence_number.c.last))
    assert (order.count("first"), order.count("second")) == (25, 25)
    # Every number was taken once, and of the two wishes for each slot exactly one was granted.
    assert (last, taken) == (50, 25)
