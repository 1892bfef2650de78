"""Who got whose data under which alias, on both databases."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from agent.adapters import tables
from agent.adapters.booking_ledger import SqlBookingLedger
from agent.adapters.database import Connector
from agent.adapters.disclosure_ledger import BATCH_SIZE, SqlDisclosureLedger
from agent.adapters.disclosures import AppointmentDisclosure, RecordDisclosure, disclosures_of
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.update_ledger import SqlUpdateLedger
from agent.errors import DatabaseError
from agent.ports import LedgerBooking, PartnerAppointment, UpdateMessage
from tests.kit.databases import ANNA, CLARA, DENTIST, DENTPORT, JOERG, LEA, OHNE, PETER, ZAHNZEIT

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
DISCLOSURE = tables.disclosure
ANNAS = (DISCLOSURE.c.partner_id == DENTPORT) & (DISCLOSURE.c.patient_id == ANNA)


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


def published(connector: Connector, sequence: int, kind: str = "patients", partner_id: str = DENTPORT) -> str:
    """A file that was recorded; its message id. All are of one second: only numbers tell them apart."""
    message_id = f"{partner_id}-{kind}-{sequence}"
    with connector.writing() as connection:
        ledger = SqlDisclosureLedger(connection)
        ledger.add_outbound(message_id, partner_id, kind, sequence, NOW, 2, "a" * 64, 2)
    return message_id


def confirmed(connector: Connector, message_id: str, *given: str, partner_id: str = DENTPORT) -> int:
    with connector.writing() as connection:
        return SqlDisclosureLedger(connection).confirm_removals(partner_id, given, message_id, LATER)


def open_removals(connector: Connector, partner_id: str = DENTPORT) -> tuple[list[str], int]:
    """What the next file removes, and how many of them are told for the first time."""
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        return snapshot.removed_aliases(partner_id), snapshot.unannounced_removals(partner_id)


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


@pytest.mark.parametrize("status", ["OPEN", "DENIED"])
def test_alias_of_a_patient_is_told_no_more_from_the_moment_of_the_withdrawal(
    connector: Connector, status: str
) -> None:
    assigned(connector)
    sent(connector, ANNA)
    answered(connector, ANNA, status)
    with connector.reading() as connection:
        assert SqlDisclosureLedger(connection).alias_of(DENTPORT, ANNA) is None


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


def test_removal_is_repeated_until_the_file_that_told_it_is_acknowledged(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA, LEA)
    anna = aliases(connector)[ANNA]
    answered(connector, ANNA, "DENIED")
    assert open_removals(connector) == ([anna], 1)
    removed(connector, ANNA, sequence=2)
    assert open_removals(connector) == ([anna], 0)
    assert confirmed(connector, published(connector, 2), anna) == 1
    assert open_removals(connector) == ([], 0)


def test_acknowledgement_again_settles_nothing_more_and_keeps_the_first_time(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA)
    removed(connector, ANNA, sequence=1)
    message_id, anna = published(connector, 1), aliases(connector)[ANNA]
    assert [confirmed(connector, message_id, anna, anna) for _ in range(2)] == [1, 0]
    with connector.reading() as connection:
        assert connection.scalar(select(DISCLOSURE.c.removal_confirmed_at).where(ANNAS)) == LATER


def test_acknowledgement_of_a_later_file_settles_a_removal_told_before(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA)
    removed(connector, ANNA, sequence=1)
    published(connector, 1)
    assert confirmed(connector, published(connector, 2), aliases(connector)[ANNA]) == 1


def test_acknowledgement_settles_only_what_that_file_told(connector: Connector) -> None:
    assigned(connector)
    assigned(connector, ZAHNZEIT)
    sent(connector, ANNA, LEA, OHNE)
    removed(connector, ANNA, sequence=2)
    anna, lea = aliases(connector)[ANNA], aliases(connector)[LEA]
    older, telling = published(connector, 1), published(connector, 2)
    availability, elsewhere = (
        published(connector, 2, "availability"),
        published(connector, 2, "patients", ZAHNZEIT),
    )
    assert confirmed(connector, older, anna) == 0
    assert confirmed(connector, availability, anna) == 0
    assert confirmed(connector, elsewhere, anna) == 0
    assert confirmed(connector, elsewhere, anna, partner_id=ZAHNZEIT) == 0
    assert confirmed(connector, "nobody-knows-it", anna) == 0
    assert confirmed(connector, telling, lea, "0" * 16, aliases(connector, ZAHNZEIT)[OHNE]) == 0
    assert confirmed(connector, telling, anna, lea, "0" * 16) == 1


def test_old_acknowledgement_settles_no_second_withdrawal_of_the_same_second(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA)
    anna = aliases(connector)[ANNA]
    removed(connector, ANNA, sequence=1)
    first = published(connector, 1)
    sent(connector, ANNA)
    published(connector, 2)
    assert confirmed(connector, first, anna) == 0, "the partner holds the patient again"
    answered(connector, ANNA, "DENIED")
    removed(connector, ANNA, sequence=3)
    second = published(connector, 3)
    assert confirmed(connector, first, anna) == 0
    assert open_removals(connector) == ([anna], 0)
    assert confirmed(connector, second, anna) == 1


def test_patient_who_agrees_again_is_held_again_and_can_be_removed_again(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA)
    anna = aliases(connector)[ANNA]
    removed(connector, ANNA, sequence=1)
    confirmed(connector, published(connector, 1), anna)
    sent(connector, ANNA, at=LATER)
    with connector.reading() as connection:
        row = connection.execute(select(DISCLOSURE).where(ANNAS)).one()
        assert SqlDisclosureLedger(connection).alias_of(DENTPORT, ANNA) == anna
    assert (row.first_sent_at, row.removed_at, row.removal_sequence, row.removal_confirmed_at) == (
        NOW, None, None, None,
    )  # fmt: skip
    answered(connector, ANNA, "OPEN")
    assert open_removals(connector) == ([anna], 1)


def test_revoked_partner_has_everybody_removed_whom_it_holds_and_nobody_else(connector: Connector) -> None:
    assigned(connector)
    assigned(connector, ZAHNZEIT)
    sent(connector, ANNA, LEA)
    given = aliases(connector)
    for at in (NOW, LATER):
        with connector.writing() as connection:
            SqlDisclosureLedger(connection).revoke_partner(DENTPORT, at)
    assert open_removals(connector) == ([given[ANNA], given[LEA]], 2)
    assert open_removals(connector, ZAHNZEIT) == ([], 0)
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert (snapshot.revoked_at(DENTPORT), snapshot.revoked_at(ZAHNZEIT)) == (NOW, None)


def test_readmitted_partner_has_nobody_removed_and_gets_them_all_as_new(connector: Connector) -> None:
    assigned(connector)
    sent(connector, ANNA, LEA, OHNE)
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).revoke_partner(DENTPORT, NOW)
    removed(connector, ANNA, LEA, sequence=1)
    for _ in range(2):
        with connector.writing() as connection:
            SqlDisclosureLedger(connection).readmit_partner(DENTPORT)
    assert open_removals(connector) == ([], 0)
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert snapshot.revoked_at(DENTPORT) is None
        held = {one.patient.patient_id: one.disclosed for one in snapshot.consented_patients(DENTPORT)}
    assert held == {ANNA: False, LEA: False, OHNE: True}


def test_newest_file_is_the_one_with_the_highest_number_of_its_kind_and_partner(connector: Connector) -> None:
    for sequence in (1, 3, 2):
        published(connector, sequence)
    published(connector, 4, "availability")
    published(connector, 5, "patients", ZAHNZEIT)
    with connector.reading() as connection:
        snapshot = SqlPracticeSnapshot(connection)
        assert snapshot.newest_file(DENTPORT, "patients") == (3, 2)
        assert snapshot.newest_file(DENTPORT, "receipts") is None


def test_disclosures_of_a_patient_tell_first_and_last_file_and_how_far_the_removal_is(
    connector: Connector,
) -> None:
    assigned(connector)
    gone_at, confirmed_at = NOW + timedelta(days=2), NOW + timedelta(days=9)
    with connector.writing() as connection:
        ledger = SqlDisclosureLedger(connection)
        ledger.mark_sent(DENTPORT, [ANNA, LEA], NOW)
        for number, at in enumerate((NOW, LATER, gone_at, NOW + timedelta(days=3)), start=1):
            named = 2 if at < NOW + timedelta(days=3) else 0
            ledger.add_outbound(f"m-{number}", DENTPORT, "patients", number, at, 2, "a" * 64, named)
        ledger.add_outbound("m-5", DENTPORT, "availability", 1, confirmed_at, 2, "a" * 64)
    given = aliases(connector)
    anna = RecordDisclosure(DENTPORT, given[ANNA], NOW, gone_at, False, None, None)
    lea = RecordDisclosure(DENTPORT, given[LEA], NOW, gone_at, False, None, None)
    assert told(connector, ANNA) == (anna,)
    answered(connector, LEA, "DENIED")
    assert told(connector, LEA) == (replace(lea, removal_due=True),)
    removed(connector, LEA, sequence=3, at=gone_at)
    lea = replace(lea, last_sent_at=LATER, removal_told_at=gone_at)
    assert told(connector, LEA) == (lea,)
    with connector.writing() as connection:
        SqlDisclosureLedger(connection).confirm_removals(DENTPORT, [given[LEA]], "m-3", confirmed_at)
    assert told(connector, LEA) == (replace(lea, removal_confirmed_at=confirmed_at),)
    assert told(connector, ANNA) == (anna,)
    assert told(connector, OHNE) == told(connector, CLARA) == ()


def test_disclosures_of_a_patient_tell_its_appointments_and_when_the_partner_was_told(
    connector: Connector,
) -> None:
    starts_at = NOW + timedelta(days=30)
    ends_at = starts_at + timedelta(minutes=30)
    accepted, declined = json.dumps({"outcome": "accepted"}), json.dumps({"outcome": "declined"})
    answers = [(1, NOW, declined), (2, LATER, accepted), (3, LATER + timedelta(days=1), accepted)]
    answers.append((4, LATER + timedelta(days=9), declined))
    with connector.writing() as connection:
        ledger, updates = SqlBookingLedger(connection), SqlUpdateLedger(connection)
        for revision, at, record in answers:
            booking = LedgerBooking(DENTPORT, "b_1", revision, "book", "a" * 64, record, at)
            ledger.add_booking(booking)
        ledger.add_appointment(PartnerAppointment(DENTPORT, "b_1", 7, ANNA, "booked", 1, starts_at, ends_at))
        ledger.add_booking(LedgerBooking(ZAHNZEIT, "b_1", 1, "book", "a" * 64, accepted, NOW))
        ledger.add_appointment(
            PartnerAppointment(ZAHNZEIT, "b_1", 8, LEA, "cancelled", 2, starts_at, ends_at)
        )
        for number, booking_id in enumerate(("b_1", "bx1", "b_12"), start=2):
            line = json.dumps({"booking_id": booking_id})
            at = LATER + timedelta(days=number)
            updates.add_message(UpdateMessage(f"u-{number}", DENTPORT, number, at, "1:a", (line,)))
    with connector.reading() as connection:
        found = disclosures_of(connection, ANNA)
    assert found.records == ()
    assert found.appointments == (
        AppointmentDisclosure(
            DENTPORT, "b_1", "booked", 1, starts_at, ends_at, LATER, LATER + timedelta(days=2)
        ),
    )


def told(connector: Connector, patient_id: int) -> tuple[RecordDisclosure, ...]:
    with connector.reading() as connection:
        return disclosures_of(connection, patient_id).records
