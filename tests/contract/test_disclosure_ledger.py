"""Who got whose data under which alias, on both databases."""

from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.disclosure_ledger import BATCH_SIZE, SqlDisclosureLedger
from agent.adapters.disclosures import Disclosure, disclosures_of
from agent.errors import DatabaseError
from tests.kit.databases import ANNA, CLARA, DENTIST, DENTPORT, JOERG, LEA, OHNE, PETER, ZAHNZEIT

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
DISCLOSURE = tables.disclosure


def state(
    connector: Connector, partner_id: str = DENTPORT
) -> dict[int, tuple[datetime | None, datetime | None]]:
    """First sent and removed of every patient with an alias for the partner."""
    with connector.reading() as connection:
        rows = connection.execute(select(DISCLOSURE).where(DISCLOSURE.c.partner_id == partner_id))
        return {row.patient_id: (row.first_sent_at, row.removed_at) for row in rows}


def aliases(connector: Connector, partner_id: str = DENTPORT) -> dict[int, str]:
    with connector.reading() as connection:
        rows = connection.execute(select(DISCLOSURE).where(DISCLOSURE.c.partner_id == partner_id))
        return {row.patient_id: row.alias for row in rows}


def assigned(connector: Connector, partner_id: str = DENTPORT) -> int:
    with connector.writing() as connection:
        return SqlDisclosureLedger(connection).assign_aliases(partner_id)


def sent(connector: Connector, *patient_ids: int, at: datetime = NOW) -> None:
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).mark_sent(DENTPORT, patient_ids, at)


def removed(connector: Connector, *patient_ids: int, sequence: int = 1, at: datetime = NOW) -> None:
    given = aliases(connector)
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).mark_removed(
            DENTPORT, [given[key] for key in patient_ids], sequence, at
        )


def answered(connector: Connector, patient_id: int, status: str) -> None:
    with connector.writing() as connection:
        connection.execute(
            update(tables.consent)
            .where(tables.consent.c.patient_id == patient_id, tables.consent.c.partner_id == DENTPORT)
            .values(status=status)
        )


def insert_consenting_patients(connector: Connector, count: int) -> None:
    author = {"created_by": DENTIST, "created_at": NOW, "changed_by": DENTIST, "changed_at": NOW}
    answer = {"partner_id": DENTPORT, "status": "GRANTED", "changed_by": DENTIST, "changed_at": NOW}
    person = {"given_name": "Viele", "family_name": "Patienten", "active": True, **author}
    keys = range(1_000, 1_000 + count)
    with connector.writing() as connection:
        connection.execute(insert(tables.patient), [{"patient_id": key, **person} for key in keys])
        connection.execute(insert(tables.consent), [{"patient_id": key, **answer} for key in keys])


def test_next_sequence_counts_from_one_for_each_partner_and_kind(connector: Connector) -> None:
    with connector.writing() as connection:
        ledger = SqlDisclosureLedger(connection)
        assert [ledger.next_sequence(DENTPORT, "patients") for _ in range(3)] == [1, 2, 3]
        assert ledger.next_sequence(DENTPORT, "receipts") == 1
        assert ledger.next_sequence(ZAHNZEIT, "patients") == 1
    with connector.writing() as connection:
        assert SqlDisclosureLedger(connection).next_sequence(DENTPORT, "patients") == 4


def test_add_outbound_keeps_every_part_and_refuses_a_number_twice(connector: Connector) -> None:
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).add_outbound("m-1", DENTPORT, "patients", 1, NOW, 42, "a" * 64, 40)
    with pytest.raises(DatabaseError), connector.writing() as connection:
        SqlDisclosureLedger(connection).add_outbound("m-2", DENTPORT, "patients", 1, NOW, 42, "a" * 64)
    with connector.reading() as connection:
        row = connection.execute(select(tables.outbound_message)).one()
    assert tuple(row) == ("m-1", DENTPORT, "patients", 1, NOW, 42, 40, "a" * 64)


def test_assign_aliases_gives_one_to_everybody_active_and_granted_and_nobody_else(
    connector: Connector,
) -> None:
    assert (assigned(connector), assigned(connector, ZAHNZEIT)) == (3, 2)
    assert set(aliases(connector)) == {ANNA, OHNE, LEA}
    assert set(aliases(connector, ZAHNZEIT)) == {CLARA, OHNE}


def test_assign_aliases_gives_random_ones_that_differ_between_partners(connector: Connector) -> None:
    assigned(connector)
    assigned(connector, ZAHNZEIT)
    given = [*aliases(connector).values(), *aliases(connector, ZAHNZEIT).values()]
    assert len(set(given)) == len(given)
    assert all(len(alias) == 16 and int(alias, 16) >= 0 for alias in given)


def test_assign_aliases_again_changes_none_even_after_withdrawal_and_renewal(connector: Connector) -> None:
    assigned(connector)
    before = aliases(connector)
    answered(connector, ANNA, "DENIED")
    assert assigned(connector) == 0
    answered(connector, ANNA, "GRANTED")
    assert assigned(connector) == 0
    assert aliases(connector) == before


def test_alias_leads_back_to_its_patient_for_its_partner_only(connector: Connector) -> None:
    assigned(connector)
    alias = aliases(connector)[ANNA]
    with connector.reading() as connection:
        ledger = SqlDisclosureLedger(connection)
        assert ledger.patient_of_alias(DENTPORT, alias) == ANNA
        assert ledger.patient_of_alias(ZAHNZEIT, alias) is None


def test_alias_of_a_patient_is_told_only_while_the_partner_holds_it(connector: Connector) -> None:
    assigned(connector)
    alias = aliases(connector)[ANNA]
    told = []
    for happens in (None, sent, removed, sent):
        if happens is not None:
            happens(connector, ANNA)
        with connector.reading() as connection:
            ledger = SqlDisclosureLedger(connection)
            told.append(ledger.alias_of(DENTPORT, ANNA))
            assert ledger.alias_of(ZAHNZEIT, ANNA) is None
            assert ledger.alias_of(DENTPORT, JOERG) is None
    assert told == [None, alias, None, alias]


def test_mark_sent_records_the_first_time_and_only_these_patients(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA, LEA)
    sent(connector, ANNA, at=LATER)
    assert state(connector) == {ANNA: (NOW, None), LEA: (NOW, None), OHNE: (None, None)}


def test_mark_sent_of_nobody_changes_nothing(connector: Connector) -> None:
    assigned(connector)
    sent(connector)
    assert set(state(connector).values()) == {(None, None)}


def test_mark_sent_after_a_removal_clears_it_and_keeps_the_first_time(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA, LEA, OHNE)
    removed(connector, ANNA, OHNE)
    sent(connector, ANNA, at=LATER)
    assert state(connector) == {ANNA: (NOW, None), LEA: (NOW, None), OHNE: (NOW, NOW)}


def test_mark_sent_leaves_the_same_patient_of_another_partner_alone(connector: Connector) -> None:
    assigned(connector)
    assigned(connector, ZAHNZEIT)
    sent(connector, OHNE)
    assert state(connector, ZAHNZEIT)[OHNE] == (None, None)


@pytest.mark.parametrize("unknown", [PETER, 4_711])
def test_mark_sent_of_a_patient_without_alias_fails_and_records_nothing(
    connector: Connector, unknown: int
) -> None:
    assigned(connector)
    with pytest.raises(DatabaseError, match="assign aliases first"):
        sent(connector, ANNA, unknown)
    assert state(connector)[ANNA] == (None, None)


def test_mark_removed_keeps_the_time_of_the_first_notice(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA, LEA)
    removed(connector, ANNA)
    removed(connector, ANNA, at=LATER)
    assert state(connector)[ANNA] == (NOW, NOW)
    assert state(connector)[LEA] == (NOW, None)


def test_mark_removed_of_an_unknown_alias_changes_nothing(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA)
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).mark_removed(DENTPORT, ["0" * 16], 1, LATER)
    assert state(connector)[ANNA] == (NOW, None)


def test_more_patients_than_a_batch_are_assigned_sent_and_removed_exactly(connector: Connector) -> None:
    count = BATCH_SIZE + 1_000
    insert_consenting_patients(connector, count)
    started = process_time()
    assert assigned(connector) == count + 3
    everybody = set(aliases(connector))
    held_back = {ANNA, 2_000, 2_001, 3_500}
    sent(connector, *(everybody - held_back))
    removed(connector, *(everybody - held_back), at=LATER)
    spent = process_time() - started
    expected: dict[int, Any] = {key: (None, None) if key in held_back else (NOW, LATER) for key in everybody}
    assert state(connector) == expected
    assert spent < 2


def test_disclosures_of_a_patient_tell_first_and_last_file_and_the_removal(connector: Connector) -> None:
    assigned(connector)
    with connector.writing() as connection:
        ledger = SqlDisclosureLedger(connection)
        ledger.mark_sent(DENTPORT, [ANNA, LEA], NOW)
        for number, at in enumerate((NOW, LATER, LATER + timedelta(days=1)), start=1):
            ledger.add_outbound(f"m-{number}", DENTPORT, "patients", number, at, 2, "a" * 64)
        ledger.add_outbound("m-4", DENTPORT, "availability", 1, LATER + timedelta(days=9), 2, "a" * 64)
        gone_at = LATER + timedelta(days=1)
        ledger.mark_removed(DENTPORT, [aliases_of(connection)[LEA]], 3, gone_at)
        alias = aliases_of(connection)
        assert disclosures_of(connection, LEA) == [Disclosure(DENTPORT, alias[LEA], NOW, LATER, gone_at)]
        assert disclosures_of(connection, ANNA) == [Disclosure(DENTPORT, alias[ANNA], NOW, gone_at, None)]
        assert disclosures_of(connection, CLARA) == []


def aliases_of(connection: Connection) -> dict[int, str]:
    rows = connection.execute(select(DISCLOSURE).where(DISCLOSURE.c.partner_id == DENTPORT))
    return {row.patient_id: row.alias for row in rows}
