"""The audit chain on both databases: every way of tampering is found and named."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from agent.adapters import tables
from agent.adapters.audit_chain import GENESIS
from agent.adapters.audit_log import (
    CLOCK_ACCEPTED,
    SqlAuditLog,
    clock_accepted_at,
    entries,
    ledger_anchors,
)
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.audit_verification import verify
from agent.adapters.database import Connector
from agent.errors import AuditBrokenError, ClockBehindError, DatabaseOutdatedError
from agent.ports import AuditHead
from tests.kit.statements import recorded

KEY = b"k" * 32
NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
ENTRY = tables.audit_entry
MESSAGE = {
    "partner_id": "dentport",
    "content_sha256": "a" * 64,
    "sealed_sha256": "b" * 64,
    "received_at": NOW,
    "receipt_id": "r",
    "receipt_sequence": 1,
}
NAMES = ("sequence", "at", "event", "partner_id", "details", "mac")


def written(connector: Connector, count: int, key: bytes = KEY) -> list[AuditHead]:
    """A chain of `count` entries, alternating between two partners; the head after each of them."""
    with connector.writing() as connection:
        log = SqlAuditLog(connection, key)
        return [
            log.append("exported", NOW + timedelta(minutes=number), f"partner{number % 2}", records=number)
            for number in range(count)
        ]


def tampered(connector: Connector, *statements: object) -> None:
    with connector.writing() as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def documented_rows(count: int) -> list[dict[str, Any]]:
    """The same chain as `written` makes, worked out by the module's description alone."""
    rows: list[dict[str, Any]] = []
    mac = "0" * 64
    for number in range(count):
        at = NOW + timedelta(minutes=number)
        fields = (number + 1, f"{at:%Y-%m-%dT%H:%M:%SZ}", "exported", f"partner{number % 2}")
        details = f'{{"records":{number}}}'
        text = json.dumps([*fields, details, mac], separators=(",", ":"))
        mac = hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()
        rows.append(dict(zip(NAMES, (*fields, details, mac), strict=True)) | {"at": at})
    return rows


def fault(connector: Connector, *anchors: AuditHead, key: bytes = KEY) -> str:
    with connector.reading() as connection, pytest.raises(AuditBrokenError) as caught:
        verify(connection, key, anchors)
    return str(caught.value)


def moved(from_sequence: int, to_sequence: int) -> object:
    return update(ENTRY).where(ENTRY.c.sequence == from_sequence).values(sequence=to_sequence)


def test_verify_of_an_empty_log_reports_the_genesis_head(connector: Connector) -> None:
    with connector.reading() as connection:
        report = verify(connection, KEY, [GENESIS])
    assert (report.entries, report.head) == (0, GENESIS)


def test_verify_of_an_untouched_chain_with_all_its_anchors_reports_count_and_head(
    connector: Connector,
) -> None:
    heads = written(connector, 9)
    with connector.reading() as connection:
        report = verify(connection, KEY, [GENESIS, *heads, heads[3]])
    assert (report.entries, report.head) == (9, heads[-1])


def test_append_in_a_later_transaction_continues_the_chain(connector: Connector) -> None:
    written(connector, 2)
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        before = log.head()
        after = log.append("imported", NOW + timedelta(hours=1), note=None, reason="ärztlich", count=3)
        assert log.head() == after
    assert (before.sequence, after.sequence) == (2, 3)
    with connector.reading() as connection:
        assert verify(connection, KEY).head == after


def test_append_writes_the_documented_mac(connector: Connector) -> None:
    with connector.writing() as connection:
        head = SqlAuditLog(connection, KEY).append("exported", NOW, "partner0", records=0)
    assert head == AuditHead(1, documented_rows(1)[0]["mac"])


def test_append_of_a_moment_with_microseconds_still_verifies(connector: Connector) -> None:
    with connector.writing() as connection:
        SqlAuditLog(connection, KEY).append("started", NOW.replace(microsecond=999_999))
    with connector.reading() as connection:
        assert verify(connection, KEY).entries == 1


def test_append_more_than_five_minutes_before_the_newest_entry_raises_clock_behind(
    connector: Connector,
) -> None:
    written(connector, 1)
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        with pytest.raises(ClockBehindError):
            log.append("exported", NOW - timedelta(minutes=5, seconds=1))
        assert log.append("exported", NOW - timedelta(minutes=5)).sequence == 2
    with connector.reading() as connection:
        assert [entry.at for entry in entries(connection)] == [NOW, NOW - timedelta(minutes=5)]


def test_append_of_an_accepted_clock_goes_on_from_an_earlier_time_and_the_chain_holds(
    connector: Connector,
) -> None:
    written(connector, 3)
    right = NOW - timedelta(days=365)
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        assert clock_accepted_at(connection) is None
        log.append(CLOCK_ACCEPTED, right, first_ahead=1, last_ahead=3)
        log.append("exported", right)
        with pytest.raises(ClockBehindError):
            log.append("exported", right - timedelta(minutes=6))
    with connector.reading() as connection:
        assert clock_accepted_at(connection) == right
        assert verify(connection, KEY).entries == 5


def test_verify_of_an_edited_entry_names_it_whatever_was_edited(connector: Connector) -> None:
    written(connector, 6)
    edits: list[dict[str, object]] = [
        {"event": "delivered"},
        {"partner_id": "partner0"},
        {"partner_id": None},
        {"details": '{"records":3 }'},
        {"at": NOW},
        {"mac": "0" * 64},
    ]
    with connector.writing() as connection:
        for edit in edits:
            savepoint = connection.begin_nested()
            connection.execute(update(ENTRY).where(ENTRY.c.sequence == 4).values(**edit))
            words = "changed or forged" if "mac" in edit else "edited"
            with pytest.raises(AuditBrokenError, match=f"entry 4: it was {words}"):
                verify(connection, KEY)
            savepoint.rollback()
        assert verify(connection, KEY).entries == 6


def test_verify_of_a_deleted_entry_names_it(connector: Connector) -> None:
    written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence == 4))
    assert "entry 4: it was deleted" in fault(connector)


def test_verify_of_a_deleted_first_entry_names_it(connector: Connector) -> None:
    written(connector, 3)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence == 1))
    assert "entry 1: it was deleted" in fault(connector)


def test_verify_of_a_deleted_entry_with_the_gap_closed_names_its_place(connector: Connector) -> None:
    written(connector, 4)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence == 2), moved(3, 2), moved(4, 3))
    assert "entry 2: it was deleted" in fault(connector)


def test_verify_of_an_inserted_entry_names_it(connector: Connector) -> None:
    written(connector, 4)
    forged = {"sequence": 3, "at": NOW, "event": "exported", "details": "{}", "mac": "a" * 64}
    tampered(connector, moved(4, 5), moved(3, 4), insert(ENTRY).values(**forged))
    assert "entry 3: it was inserted" in fault(connector)


def test_verify_of_an_entry_inserted_before_the_last_one_names_it(connector: Connector) -> None:
    written(connector, 4)
    forged = {"sequence": 4, "at": NOW, "event": "exported", "details": "{}", "mac": "a" * 64}
    tampered(connector, moved(4, 5), insert(ENTRY).values(**forged))
    assert "entry 4: it was inserted" in fault(connector)


def test_verify_of_an_entry_added_at_the_end_names_it(connector: Connector) -> None:
    written(connector, 4)
    forged = {"sequence": 5, "at": NOW, "event": "exported", "details": "{}", "mac": "a" * 64}
    tampered(connector, insert(ENTRY).values(**forged))
    assert "entry 5: it was changed or forged" in fault(connector)


@pytest.mark.parametrize(("first", "second"), [(2, 3), (2, 5), (1, 6)])
def test_verify_of_two_swapped_entries_names_the_first_as_out_of_order(
    connector: Connector, first: int, second: int
) -> None:
    written(connector, 6)
    tampered(connector, moved(first, 99), moved(second, first), moved(99, second))
    assert f"entry {first}: it stands in another entry's place" in fault(connector)


def test_verify_of_a_truncated_chain_is_whole_alone_and_broken_beside_an_anchor(connector: Connector) -> None:
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 4))
    with connector.reading() as connection:
        assert verify(connection, KEY, heads[:4]).entries == 4
    assert "entry 5: the chain ends before it" in fault(connector, heads[-1])


def test_verify_beside_the_anchors_of_the_ledgers_finds_a_log_that_alone_was_cut(
    connector: Connector,
) -> None:
    heads = written(connector, 6)
    with connector.writing() as connection:
        for number in (3, 5):
            row = {"message_id": f"m-{number}", "audit_head": str(heads[number])}
            connection.execute(insert(tables.inbound_message), {**MESSAGE, **row})
    with connector.reading() as connection:
        assert set(ledger_anchors(connection)) == {heads[3], heads[5]}
        assert verify(connection, KEY, ledger_anchors(connection)).entries == 6
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 5))
    with connector.reading() as connection, pytest.raises(AuditBrokenError, match="entry 6: the chain ends"):
        verify(connection, KEY, ledger_anchors(connection))


def test_ledger_anchors_that_no_agent_wrote_are_audit_broken(connector: Connector) -> None:
    with connector.writing() as connection:
        connection.execute(
            insert(tables.inbound_message), {**MESSAGE, "message_id": "m-1", "audit_head": "none"}
        )
    with connector.reading() as connection, pytest.raises(AuditBrokenError):
        list(ledger_anchors(connection))


def test_verify_of_an_emptied_log_beside_an_anchor_is_broken(connector: Connector) -> None:
    heads = written(connector, 3)
    tampered(connector, delete(ENTRY))
    assert "entry 1: the chain ends before it" in fault(connector, heads[0])


def test_verify_of_a_chain_rewritten_with_another_key_is_broken_at_its_first_entry(
    connector: Connector,
) -> None:
    written(connector, 3, key=b"x" * 32)
    assert "entry 1: it was changed or forged, or the chain was written with another audit key" in fault(
        connector
    )


def test_verify_of_a_chain_continued_with_another_key_is_broken_where_it_begins(connector: Connector) -> None:
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 3))
    with connector.writing() as connection:
        SqlAuditLog(connection, b"x" * 32).append("exported", NOW + timedelta(hours=1))
    assert "entry 4: it was changed or forged" in fault(connector, heads[0])


def test_verify_of_a_chain_rewritten_with_the_stolen_key_is_broken_beside_an_anchor(
    connector: Connector,
) -> None:
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 3))
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        for _ in range(3):
            log.append("exported", NOW + timedelta(hours=1))
    told = fault(connector, heads[0], heads[2], heads[4])
    assert "entry 5: it is not the entry that was handed out" in told
    assert told.endswith("1 of 3 heads differ, up to entry 3 they agree")


def test_verify_of_a_chain_that_went_back_and_went_on_tells_which_heads_agree(connector: Connector) -> None:
    """An older copy, as a backup is, or two agents at work on two copies: each chain is whole in itself."""
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 2))
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        new = [log.append("exported", NOW + timedelta(hours=1)) for _ in range(6)]
    with connector.reading() as connection:
        assert verify(connection, KEY, [*heads[:2], *new]).anchored == 8
    told = fault(connector, *heads, *new[4:])
    assert "entry 3: it is not the entry that was handed out" in told
    assert told.endswith("4 of 8 heads differ, up to entry 2 they agree, from entry 7 on they agree again")
    assert "or another copy of the database was worked with" in told


def test_entries_of_one_partner_come_newest_last(connector: Connector) -> None:
    written(connector, 6)
    with connector.reading() as connection:
        of_partner = list(entries(connection, "partner1"))
        newest = list(entries(connection, "partner1", newest=2))
    assert [entry.sequence for entry in of_partner] == [2, 4, 6]
    assert newest == of_partner[1:]
    assert (newest[-1].event, newest[-1].details) == ("exported", {"records": 5})


def test_entries_with_unreadable_details_raise_audit_broken(connector: Connector) -> None:
    written(connector, 2)
    tampered(connector, update(ENTRY).where(ENTRY.c.sequence == 2).values(details="{"))
    with connector.reading() as connection, pytest.raises(AuditBrokenError):
        list(entries(connection))


def test_restore_that_was_accepted_goes_on_behind_what_was_lost_and_verifies(connector: Connector) -> None:
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 2))
    later = NOW + timedelta(hours=1)
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        assert log.accept_restore(later, heads[-1]).sequence == 7
        newest = log.append("exported", later)
    with connector.reading() as connection:
        report = verify(connection, KEY, [*heads, newest])
    assert (report.entries, report.head) == (4, newest)
    assert (report.lost, report.anchored, report.lost_anchors) == (((3, 6),), 3, 4)


@pytest.mark.parametrize(
    "details",
    ['{"kept":1,"lost_through":6}', '{"kept":2,"lost_through":5}', "{}", "[]", "none", '{"kept":2}'],
)
def test_gap_that_no_true_entry_admits_is_found(connector: Connector, details: str) -> None:
    heads = written(connector, 6)
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 2))
    with connector.writing() as connection:
        SqlAuditLog(connection, KEY).accept_restore(NOW + timedelta(hours=1), heads[-1])
    tampered(connector, update(ENTRY).where(ENTRY.c.sequence == 7).values(details=details))
    assert "entry 3: it was deleted" in fault(connector)


def test_forged_admission_of_a_loss_is_found(connector: Connector) -> None:
    written(connector, 6)
    forged = {"event": "database restored", "details": '{"kept":2,"lost_through":4}'}
    tampered(
        connector,
        delete(ENTRY).where(ENTRY.c.sequence.in_((3, 4))),
        update(ENTRY).where(ENTRY.c.sequence == 5).values(**forged),
    )
    assert "entry 3: it was deleted" in fault(connector)


def test_log_is_not_written_on_in_an_older_or_other_copy_than_is_remembered(
    connector: Connector, tmp_path: Path
) -> None:
    heads, memory = written(connector, 6), AuditMemory(tmp_path / "audit-head")
    for remembered, words in (
        (heads[5], ""),
        (heads[2], ""),
        (GENESIS, ""),
        (AuditHead(5, "0" * 64), "not the"),
    ):
        memory.remember(remembered)
        assert memory.head() == (remembered if remembered.sequence else None)
        with connector.writing() as connection:
            log = SqlAuditLog(connection, KEY, memory)
            if words:
                with pytest.raises(DatabaseOutdatedError, match=words):
                    log.append("exported", NOW + timedelta(hours=1))
            else:
                log.head()
    memory.remember(heads[5])
    tampered(connector, delete(ENTRY).where(ENTRY.c.sequence > 4))
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY, memory)
        with pytest.raises(DatabaseOutdatedError, match="ends at entry 4, and entry 6 had been written"):
            log.append("exported", NOW + timedelta(hours=1))
        log.accept_restore(NOW + timedelta(hours=1), heads[5])
        assert log.append("exported", NOW + timedelta(hours=1)).sequence == 8


@pytest.mark.parametrize("content", [b"", b"7", b"7:abc", b"-1:" + b"a" * 64, b"\xff", b"x" * 100])
def test_memory_that_cannot_be_read_remembers_nothing(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "audit-head"
    file.write_bytes(content)
    memory = AuditMemory(file)
    assert memory.head() is None
    memory.remember(AuditHead(7, "a" * 64))
    assert memory.head() == AuditHead(7, "a" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["audit-head"]
    AuditMemory(tmp_path / "missing" / "audit-head").remember(AuditHead(7, "a" * 64))


def test_append_after_the_first_costs_one_statement(connector: Connector) -> None:
    with connector.writing() as connection:
        log = SqlAuditLog(connection, KEY)
        log.append("started", NOW)
        sent = recorded(connection)
        log.append("exported", NOW)
    assert len(sent) == 1


def test_verify_of_ten_thousand_entries_costs_less_than_half_a_second_of_processor_time(
    connector: Connector,
) -> None:
    with connector.writing() as connection:
        connection.execute(insert(ENTRY), documented_rows(10_000))
    started = process_time()
    with connector.reading() as connection:
        assert verify(connection, KEY).entries == 10_000
    assert process_time() - started < 0.5
