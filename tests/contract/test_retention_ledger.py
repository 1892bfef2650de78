"""What a purge takes from the tables on both databases, and what it must never take."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, select

from agent.adapters import tables
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.retention_ledger import Cutoffs, count_due, purge_batch
from tests.kit.databases import ANNA, CLARA, DENTPORT, JOERG, LEA, TREATMENT, ZAHNZEIT, add_appointment

NOW = datetime(2027, 6, 1, 8, 0, tzinfo=UTC)
CUT = NOW - timedelta(days=100)
OLD, NEW = CUT - timedelta(days=1), CUT + timedelta(days=1)
CUTOFFS = Cutoffs(CUT, CUT, CUT, CUT, CUT)


def put(connector: Connector, table: Table, *rows: dict[str, Any], **common: Any) -> None:
    with connector.writing() as connection:
        connection.execute(insert(table), [common | row for row in rows])


def column(connector: Connector, wanted: Any) -> list[Any]:
    with connector.reading() as connection:
        return sorted(connection.scalars(select(wanted)))


def purged(connector: Connector, cutoffs: Cutoffs = CUTOFFS) -> dict[str, int]:
    with connector.reading() as connection:
        foreseen = {sort: count for sort, count in count_due(connection, cutoffs).items() if count}
    with connector.writing() as connection:
        done = purge_batch(connection, cutoffs, NOW)
        assert purge_batch(connection, cutoffs, NOW) == {}
    assert done == foreseen
    return done


def messages(connector: Connector, *rows: dict[str, Any]) -> None:
    sequence = iter(range(1, 100))
    for row in rows:
        put(
            connector, tables.inbound_message,
            {"content_sha256": "a" * 64, "sealed_sha256": "b" * 64, "receipt_id": "r", "audit_head": "1:f"},
            receipt_sequence=next(sequence), **row,
        )  # fmt: skip
        line = {"partner_id": row["partner_id"], "message_id": row["message_id"], "record": "{}"}
        put(connector, tables.receipt_line, line | {"position": 0}, line | {"position": 1})


def test_old_answers_go_with_their_lines_but_refusals_and_each_partners_last_message_stay(
    connector: Connector,
) -> None:
    messages(
        connector,
        {"partner_id": DENTPORT, "message_id": "old", "received_at": OLD},
        {"partner_id": DENTPORT, "message_id": "sha256:refused", "received_at": OLD},
        {"partner_id": DENTPORT, "message_id": "new", "received_at": NEW},
        {"partner_id": ZAHNZEIT, "message_id": "last", "received_at": OLD},
    )
    assert purged(connector) == {"answers": 1}
    left = ["last", "new", "sha256:refused"]
    assert column(connector, tables.inbound_message.c.message_id) == left
    assert column(connector, tables.receipt_line.c.message_id) == sorted(left * 2)


def test_mark_of_forgotten_answers_never_goes_back(connector: Connector) -> None:
    row = {"partner_id": DENTPORT, "received_at": OLD - timedelta(days=50)}
    messages(connector, row | {"message_id": "1"}, {**row, "message_id": "2", "received_at": NEW})
    with connector.writing() as connection:
        assert SqlBookingLedger(connection).answers_forgotten_before() is None
    purged(connector)
    messages(connector, row | {"message_id": "3"})
    earlier = OLD - timedelta(days=20)
    assert purged(connector, Cutoffs(earlier, CUT, CUT, CUT, CUT)) == {"answers": 1}
    with connector.writing() as connection:
        assert SqlBookingLedger(connection).answers_forgotten_before() == CUT


def booking(booking_id: str, decided_at: datetime, revision: int = 1) -> dict[str, Any]:
    return {
        "partner_id": DENTPORT, "booking_id": booking_id, "revision": revision, "action": "book",
        "content_sha256": "c" * 64, "record": "{}", "decided_at": decided_at,
    }  # fmt: skip


def test_bookings_go_when_answers_told_time_and_appointment_are_all_old(connector: Connector) -> None:
    hour = timedelta(hours=1)
    with connector.writing() as connection:
        ends = {"over": OLD, "moved_by_staff": NEW, "moved_away": OLD, "decided": OLD, "gone": OLD}
        made = {
            name: add_appointment(connection, end - hour, end, exclusive=False) for name, end in ends.items()
        }
        made["gone"] = 4711
    told = {"over": OLD, "moved_by_staff": OLD, "moved_away": NEW, "decided": OLD, "gone": OLD}
    put(
        connector, tables.partner_appointment,
        *(
            {"booking_id": name, "appointment_id": made[name], "told_ends_at": end}
            for name, end in told.items()
        ),
        partner_id=DENTPORT, patient_id=ANNA, told_status="booked",
        told_starts_at=OLD - hour, told_column_id=TREATMENT,
    )  # fmt: skip
    put(connector, tables.booking, *(booking(name, OLD) for name in told), booking("decided", NEW, 2))
    put(connector, tables.booking, booking("declined", OLD), booking("declined_lately", NEW))

    assert purged(connector) == {"bookings": 3}
    assert set(column(connector, tables.booking.c.booking_id)) == {
        "moved_by_staff", "moved_away", "decided", "declined_lately",
    }  # fmt: skip
    assert column(connector, tables.partner_appointment.c.booking_id) == [
        "decided", "moved_away", "moved_by_staff",
    ]  # fmt: skip
    with connector.writing() as connection:
        ledger = SqlBookingLedger(connection)
        assert all(ledger.is_finished(DENTPORT, name) for name in ("over", "gone", "declined"))
        assert not ledger.is_finished(ZAHNZEIT, "over")
        assert not ledger.is_finished(DENTPORT, "decided")


def test_published_updates_go_and_unpublished_ones_stay_however_old(connector: Connector) -> None:
    update = {"partner_id": DENTPORT, "audit_head": "1:f", "created_at": OLD}
    put(
        connector, tables.update_message,
        {**update, "message_id": "out", "sequence": 1, "published_at": OLD},
        {**update, "message_id": "waits", "sequence": 2, "published_at": None},
        {**update, "message_id": "late", "sequence": 3, "published_at": NEW},
    )  # fmt: skip
    for name in ("out", "waits", "late"):
        put(connector, tables.update_line, {"message_id": name, "position": 0, "record": "{}"})
    assert purged(connector) == {"updates": 1}
    assert column(connector, tables.update_message.c.message_id) == ["late", "waits"]
    assert column(connector, tables.update_line.c.message_id) == ["late", "waits"]


def test_records_of_patients_files_stay_and_those_of_snapshots_go(connector: Connector) -> None:
    kinds = ("availability", "reference_data", "patients", "appointment_updates")
    common = {"partner_id": DENTPORT, "record_count": 1, "patient_count": 0, "sealed_sha256": "d" * 64}
    put(
        connector, tables.outbound_message,
        *({"message_id": f"{kind} old", "kind": kind, "sequence": 1, "created_at": OLD} for kind in kinds),
        *({"message_id": f"{kind} new", "kind": kind, "sequence": 2, "created_at": NEW} for kind in kinds),
        **common,
    )  # fmt: skip
    assert purged(connector) == {"file_records": 3}
    assert column(connector, tables.outbound_message.c.message_id) == sorted(
        [f"{kind} new" for kind in kinds] + ["patients old"]
    )


def test_disclosures_go_only_when_confirmed_and_nobody_agrees_again(connector: Connector) -> None:
    told = {"first_sent_at": OLD, "removed_at": OLD, "removal_sequence": 1}
    for patient, confirmed_at in ((ANNA, OLD), (CLARA, OLD), (JOERG, None), (LEA, NEW)):
        row = {"partner_id": DENTPORT, "patient_id": patient, "alias": f"a{patient}", **told}
        put(connector, tables.disclosure, {**row, "removal_confirmed_at": confirmed_at})
    assert purged(connector) == {"disclosures": 1}  # Anna has agreed, Jörg's removal is open, Lea's is new
    assert column(connector, tables.disclosure.c.patient_id) == [ANNA, JOERG, LEA]


def test_resolved_notes_go_and_open_ones_stay(connector: Connector) -> None:
    note = {"kind": "denied", "partner_id": DENTPORT, "patient_id": ANNA, "created_at": OLD}
    put(connector, tables.staff_note, *({**note, "resolved_at": at} for at in (OLD, NEW, None)))
    assert purged(connector) == {"notes": 1}
    assert len(column(connector, tables.staff_note.c.note_id)) == 2
