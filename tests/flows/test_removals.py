"""Withdrawals: told until acknowledged, read again at the last moment; and partners whose lane is closed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

import pytest
from sqlalchemy import update

from agent import recipients
from agent.adapters import tables
from agent.clock import utc_now
from agent.errors import ConsentChangingError, UsageError
from agent.flows.exchange import ExchangeResult
from agent.flows.export import ATTEMPTS, export
from agent.flows.file_result import FileState
from agent.ports import OpenedFile, Sealer
from exchange_formats.acknowledgements import RemovalAcknowledgement
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord, RemovalRecord
from exchange_formats.receipts import MessageReason
from tests.flows.card_index import add_patient, answer, set_active
from tests.flows.evidence import audit, practice_rows, rows, values
from tests.flows.outages import CutAt, PowerCutError
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Answer, Stage

DISCLOSURE = tables.disclosure.c
NOBODY = "0" * 16


@pytest.fixture(autouse=True)
def empty_server(stage: Stage) -> Iterator[None]:
    """Every test finds nothing that another one has delivered."""
    yield
    for partner in stage.house.partners.values():
        for path in (partner.server.root / "inbox").iterdir():
            path.unlink()


def told(document: Document[Any]) -> dict[str, str]:
    """Given name -> alias."""
    return {one.given_name: one.patient_id for one in document.records if isinstance(one, PatientRecord)}


def removed(document: Document[Any]) -> set[str]:
    return {one.patient_id for one in document.records if isinstance(one, RemovalRecord)}


def agreed(stage: Stage, partner_id: str = DENTPORT) -> tuple[int, str]:
    """A new patient who agreed to the partner: number and given name."""
    name = f"Einverstanden{stage.number()}"
    return add_patient(stage.house.connector, name, consents={partner_id: "GRANTED"}), name


def withdraw(stage: Stage, patient_id: int, partner_id: str = DENTPORT) -> None:
    answer(stage.house.connector, patient_id, partner_id, "DENIED")


def sealed_acknowledgement(
    stage: Stage, aliases: Sequence[str], partner_id: str = DENTPORT, **envelope: Any
) -> bytes:
    lines = [RemovalAcknowledgement(record="removal_acknowledgement", patient_id=alias) for alias in aliases]
    content = stage.partner(partner_id).bookings_file(
        lines,  # type: ignore[arg-type]
        kind=Kind.ACKNOWLEDGEMENTS,
        **envelope,
    )
    return stage.partner(partner_id).gpg.seal(content)


def acknowledge(stage: Stage, patients: Document[Any], *aliases: str, partner_id: str = DENTPORT) -> Answer:
    """The partner confirms; without aliases everything that the file removes."""
    names = aliases or sorted(removed(patients))
    sealed = sealed_acknowledgement(stage, names, partner_id, in_reply_to=patients.envelope.message_id)
    return stage.send_sealed(sealed, partner_id)


# --- acknowledgements --------------------------------------------------------------------------


def test_removal_stands_in_every_file_until_it_is_acknowledged(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    assert all(alias in removed(stage.export()) for _ in range(2))
    answered = acknowledge(stage, stage.export(), alias)
    assert answered.result.state is FileState.IMPORTED
    assert (answered.verdict.outcome, answered.verdict.reason, answered.outcomes) == ("processed", None, [])
    assert alias not in removed(stage.export())
    last = [entry for entry in audit(stage) if entry.event == "removals confirmed"][-1]
    assert (last.partner_id, last.details) == (DENTPORT, {"named": 1, "settled": 1})


def test_patient_deleted_after_the_withdrawal_is_removed_until_that_is_acknowledged(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    set_active(stage.house.connector, patient_id, False)
    first = stage.export()
    answer(stage.house.connector, patient_id, DENTPORT, "NONE")
    with stage.house.connector.writing() as connection:
        for table in (tables.contact_point, tables.patient):
            connection.execute(table.delete().where(table.c.patient_id == patient_id))
    assert alias in removed(first) & removed(stage.export())
    acknowledge(stage, first, alias)
    assert alias not in removed(stage.export())


@ON_SQLITE_ALONE
def test_answer_given_again_names_nobody_whom_the_partner_has_to_forget(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    booking = stage.booking(stage.somebody(name))
    first = stage.send(booking).outcome
    assert first.patient_id == alias
    assert stage.send(booking).outcome == first
    without = first.model_copy(update={"patient_id": None})
    withdraw(stage, patient_id)
    assert stage.send(booking).outcome == without
    assert alias in removed(stage.export())
    assert stage.send(booking).outcome == without


@ON_SQLITE_ALONE
def test_receipt_of_an_acknowledgement_is_the_same_whatever_it_names(stage: Stage) -> None:
    (gone, gone_name), (_, held_name) = agreed(stage), agreed(stage)
    known = told(stage.export())
    withdraw(stage, gone)
    document = stage.export()
    receipts = [
        acknowledge(stage, document, alias).receipt for alias in (known[gone_name], known[held_name], NOBODY)
    ]
    shapes = [
        [record.model_dump(exclude={"sealed_sha256"}) for record in receipt.records]
        for receipt in receipts
        if receipt is not None
    ]
    assert shapes == [[{"record": "message_outcome", "outcome": "processed", "reason": None}]] * 3
    assert held_name in told(stage.export())


@ON_SQLITE_ALONE
def test_acknowledgement_sent_again_gets_the_same_receipt_and_settles_nothing_anew(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    document = stage.export()
    sealed = sealed_acknowledgement(stage, [alias], in_reply_to=document.envelope.message_id)
    before = confirmations(stage)
    first, again = stage.send_sealed(sealed), stage.send_sealed(sealed)
    assert (first.result.state, again.result.state) == (FileState.IMPORTED, FileState.DUPLICATE)
    assert first.plain == again.plain
    assert confirmations(stage) == before + 1
    assert alias not in removed(stage.export())


def confirmations(stage: Stage) -> int:
    return [entry.event for entry in audit(stage)].count("removals confirmed")


@ON_SQLITE_ALONE
def test_acknowledgement_that_names_no_patients_file_is_refused(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    stage.export()
    answered = stage.send_sealed(sealed_acknowledgement(stage, [alias]))
    assert answered.result.state is FileState.REFUSED
    assert answered.verdict.reason is MessageReason.INVALID_DOCUMENT
    assert alias in removed(stage.export())


@ON_SQLITE_ALONE
def test_acknowledgement_of_one_partner_settles_nothing_of_another(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    document = stage.export()
    answered = acknowledge(stage, document, alias, partner_id=ZAHNZEIT)
    assert answered.verdict.outcome == "processed"
    assert alias in removed(stage.export())


def test_late_acknowledgement_settles_no_later_withdrawal_even_of_the_same_second(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    moment = utc_now()
    with stage.agent_with(clock=lambda: moment):
        alias = told(stage.export())[name]
        withdraw(stage, patient_id)
        first = stage.export()
        answer(stage.house.connector, patient_id, DENTPORT, "GRANTED")
        assert told(stage.export())[name] == alias
        withdraw(stage, patient_id)
        second = stage.export()
        acknowledge(stage, first, alias)
        third = stage.export()
        assert alias in removed(second) & removed(third)
        acknowledge(stage, third, alias)
        assert alias not in removed(stage.export())


@ON_SQLITE_ALONE
def test_acknowledgement_that_crosses_a_new_consent_does_not_keep_the_patient_away(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    document = stage.export()
    answer(stage.house.connector, patient_id, DENTPORT, "GRANTED")
    acknowledge(stage, document, alias)
    assert told(stage.export())[name] == alias
    withdraw(stage, patient_id)
    assert alias in removed(stage.export())


# --- consent read again ------------------------------------------------------------------------


class Meanwhile:
    """A sealer during whose work something else happens: all is read, and nothing recorded yet."""

    def __init__(self, sealer: Sealer, happens: Callable[[], None]) -> None:
        self._sealer, self._happens = sealer, happens

    def seal(self, plaintext: Any, sealed: BinaryIO) -> Any:
        result = self._sealer.seal(plaintext, sealed)
        self._happens()
        return result

    def open(self, sealed: bytes, now: datetime) -> OpenedFile:
        return self._sealer.open(sealed, now)


def export_while(stage: Stage, happens: Callable[[], None]) -> Document[Any]:
    lane = stage.agent.lane(DENTPORT)
    result = export(
        stage.agent.practice, replace(lane, sealer=Meanwhile(lane.sealer, happens)), Kind.PATIENTS
    )
    (path,) = stage.outbox(kind=Kind.PATIENTS)
    assert path.name == result.file_name
    return decode(stage.partner().gpg.open(path.read_bytes()), Kind.PATIENTS)


@pytest.mark.parametrize("sent_before", [True, False])
def test_withdrawal_while_the_file_is_made_has_it_made_anew(stage: Stage, sent_before: bool) -> None:
    patient_id, name = agreed(stage)
    if sent_before:
        stage.export()
    document = export_while(stage, lambda: withdraw(stage, patient_id))
    (row,) = _disclosure(stage, patient_id)
    assert name not in told(document)
    assert (row.alias in removed(document)) is sent_before
    assert (row.first_sent_at is not None) is sent_before


@ON_SQLITE_ALONE
def test_patient_sent_again_who_withdraws_while_the_file_is_made_stays_removed(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    acknowledge(stage, stage.export(), alias)
    answer(stage.house.connector, patient_id, DENTPORT, "GRANTED")
    document = export_while(stage, lambda: withdraw(stage, patient_id))
    assert name not in told(document)
    assert alias not in removed(document), "the partner has not held it since it confirmed"


@ON_SQLITE_ALONE
def test_file_that_every_attempt_finds_overtaken_is_not_sent_and_says_so(stage: Stage) -> None:
    waverers = [agreed(stage) for _ in range(ATTEMPTS)]
    stage.export()
    leaving = iter(waverers)
    before = rows(stage.house.connector, tables.outbound_message, tables.audit_entry)
    with pytest.raises(ConsentChangingError) as caught:
        export_while(stage, lambda: withdraw(stage, next(leaving)[0]))
    assert caught.value.temporary
    assert stage.outbox() == []
    assert rows(stage.house.connector, tables.outbound_message, tables.audit_entry) == before
    assert not {name for _, name in waverers} & told(stage.export()).keys()


def _disclosure(stage: Stage, patient_id: int) -> list[Any]:
    with stage.house.connector.reading() as connection:
        table = tables.disclosure
        return list(connection.execute(table.select().where(table.c.patient_id == patient_id)))


def delivered(stage: Stage, partner_id: str = DENTPORT) -> tuple[ExchangeResult, list[Document[Any]]]:
    """One exchange, and the patients files that the partner has now."""
    result = stage.agent.exchange(partner_id, fetch_files=False)
    return result, stage.partner(partner_id).inbox(Kind.PATIENTS)


def test_waiting_file_is_not_sent_once_somebody_in_it_has_withdrawn(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    alias = _disclosure(stage, patient_id)[0].alias
    withdraw(stage, patient_id)
    result, arrived = delivered(stage)
    assert (result.delivered, result.outdated, arrived, stage.outbox()) == (0, 1, [], [])
    assert audit(stage)[-1].event == "export superseded"
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    result, arrived = delivered(stage)
    assert (result.delivered, result.outdated) == (1, 0)
    assert name not in told(arrived[-1])
    assert alias in removed(arrived[-1])


@ON_SQLITE_ALONE
def test_waiting_file_with_a_removal_is_sent_though_the_patient_agrees_again(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    withdraw(stage, patient_id)
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    answer(stage.house.connector, patient_id, DENTPORT, "GRANTED")
    _, arrived = delivered(stage)
    assert alias in removed(arrived[-1])


@ON_SQLITE_ALONE
def test_file_older_than_one_that_was_recorded_but_never_put_out_is_not_sent(stage: Stage) -> None:
    patient_id, _ = agreed(stage)
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    withdraw(stage, patient_id)
    lane = stage.agent.lane(DENTPORT)

    @contextmanager
    def draft() -> Iterator[Any]:
        with lane.outbox.draft() as draft:
            yield CutAt(draft, "publish")

    outbox = CutAt(lane.outbox, "none")
    outbox.draft = draft  # type: ignore[attr-defined]
    with pytest.raises(PowerCutError):
        export(stage.agent.practice, replace(lane, outbox=outbox), Kind.PATIENTS)
    result, arrived = delivered(stage)
    assert (result.delivered, result.outdated, arrived) == (0, 1, [])


# --- a partner that may have no patients any more ----------------------------------------------


def test_partner_without_patients_is_still_told_removals_until_it_confirms_them(stage: Stage) -> None:
    (leaving, gone_name), (_, held_name) = agreed(stage), agreed(stage)
    alias = told(stage.export())[gone_name]
    acknowledge(stage, stage.export())
    with stage.agent_with(dentport={"receives_patients": False}):
        assert Kind.PATIENTS not in stage.agent.kinds(DENTPORT)
        withdraw(stage, leaving)
        assert Kind.PATIENTS in stage.agent.kinds(DENTPORT)
        assert dict(stage.agent.preview(DENTPORT, Kind.PATIENTS).records) == {"removal": 1}
        document = stage.export()
        assert (told(document), removed(document)) == ({}, {alias})
        acknowledge(stage, document)
        assert Kind.PATIENTS not in stage.agent.kinds(DENTPORT)
        for work in (stage.agent.export, stage.agent.preview):
            with pytest.raises(UsageError):
                work(DENTPORT, Kind.PATIENTS)
    assert held_name in told(stage.export())


@ON_SQLITE_ALONE
def test_file_with_patients_is_not_sent_once_the_partner_may_have_none(stage: Stage) -> None:
    patient_id, name = agreed(stage)
    alias = told(stage.export())[name]
    stage.agent.export(DENTPORT, Kind.PATIENTS)
    with stage.agent_with(dentport={"receives_patients": False}):
        assert delivered(stage)[0].outdated == 1
        withdraw(stage, patient_id)
        stage.agent.export(DENTPORT, Kind.PATIENTS)
        _, arrived = delivered(stage)
        assert (told(arrived[-1]), alias in removed(arrived[-1])) == ({}, True)


@contextmanager
def revoked(stage: Stage, partner_id: str = ZAHNZEIT) -> Iterator[recipients.Revocation]:
    """The partner's lane is closed in the block, and open again behind it."""
    try:
        yield recipients.revoke_partner(stage.agent, partner_id)
    finally:
        recipients.readmit_partner(stage.agent, partner_id)


@pytest.fixture
def with_zahnzeit(stage: Stage) -> Iterator[Stage]:
    """Both partners may have patients."""
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        yield stage


def test_revoked_partner_gets_nothing_but_removals_for_all_until_it_confirms(with_zahnzeit: Stage) -> None:
    stage = with_zahnzeit
    _, name = agreed(stage, ZAHNZEIT)
    held = set(told(stage.export(partner_id=ZAHNZEIT)).values())
    everybody = set(values(stage.house.connector, DISCLOSURE.alias, *_open_at(ZAHNZEIT)))
    stage.agent.export(ZAHNZEIT, Kind.AVAILABILITY)
    stage.agent.export(ZAHNZEIT, Kind.PATIENTS)
    with revoked(stage) as revocation:
        assert (revocation.newly, revocation.open_removals) == (True, len(everybody))
        assert stage.outbox(ZAHNZEIT) == []
        assert stage.agent.kinds(ZAHNZEIT) == (Kind.PATIENTS,)
        for kind in (Kind.AVAILABILITY, Kind.REFERENCE_DATA):
            with pytest.raises(UsageError):
                stage.agent.export(ZAHNZEIT, kind)
        document = stage.export(partner_id=ZAHNZEIT)
        assert (told(document), removed(document)) == ({}, everybody)
        assert held <= everybody
        assert acknowledge(stage, document, partner_id=ZAHNZEIT).verdict.outcome == "processed"
        assert stage.agent.kinds(ZAHNZEIT) == ()
        assert recipients.revoke_partner(stage.agent, ZAHNZEIT).open_removals == 0
    assert told(stage.export(partner_id=ZAHNZEIT))[name] in held, "readmitted, it gets the same alias"
    events = [entry.event for entry in audit(stage) if entry.partner_id == ZAHNZEIT]
    assert events.count("partner revoked") == events.count("partner readmitted")


def _open_at(partner_id: str) -> tuple[Any, ...]:
    return (
        DISCLOSURE.partner_id == partner_id,
        DISCLOSURE.first_sent_at.is_not(None),
        DISCLOSURE.removal_confirmed_at.is_(None),
    )


def test_bookings_of_a_revoked_partner_are_refused_and_stay_refused(stage: Stage) -> None:
    before_it = stage.sealed(stage.booking(), partner_id=ZAHNZEIT)
    first = stage.send_sealed(before_it, ZAHNZEIT)
    sealed = stage.sealed(stage.booking(), partner_id=ZAHNZEIT)
    with revoked(stage):
        before = practice_rows(stage.house.connector)
        refused = stage.send_sealed(sealed, ZAHNZEIT)
        assert refused.result.state is FileState.REFUSED
        assert (refused.verdict.outcome, refused.verdict.reason) == ("refused", MessageReason.PARTNER_REVOKED)
        assert practice_rows(stage.house.connector) == before
        assert stage.send_sealed(before_it, ZAHNZEIT).plain == first.plain, "an answer stays an answer"
    assert stage.send_sealed(sealed, ZAHNZEIT).plain == refused.plain
    assert stage.send(stage.booking(), partner_id=ZAHNZEIT).outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_receipt_reaches_a_revoked_partner_and_an_update_waits_until_it_is_readmitted(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking, partner_id=ZAHNZEIT)
    appointment, came = tables.appointment, tables.partner_appointment.c
    (appointment_id,) = values(
        stage.house.connector, came.appointment_id, came.booking_id == booking.booking_id
    )
    with stage.house.connector.writing() as connection:
        this = appointment.c.appointment_id == appointment_id
        connection.execute(update(appointment).where(this).values(status="cancelled"))
    assert stage.agent.tell_updates(ZAHNZEIT) == 1
    stage.drop(stage.sealed(stage.booking(), partner_id=ZAHNZEIT), ZAHNZEIT)
    with revoked(stage):
        stage.receive(ZAHNZEIT)
        assert delivered(stage, ZAHNZEIT)[0].delivered == 1
        assert len(stage.partner(ZAHNZEIT).inbox(Kind.RECEIPTS)) == 1
        assert stage.partner(ZAHNZEIT).inbox(Kind.APPOINTMENT_UPDATES) == []
        assert len(stage.outbox(ZAHNZEIT, Kind.APPOINTMENT_UPDATES)) == 1
    assert delivered(stage, ZAHNZEIT)[0].delivered == 1
    assert len(stage.partner(ZAHNZEIT).inbox(Kind.APPOINTMENT_UPDATES)) == 1


@ON_SQLITE_ALONE
def test_revocation_while_a_file_is_made_keeps_it_from_being_put_out(stage: Stage) -> None:
    lane = stage.agent.lane(DENTPORT)
    sealer = Meanwhile(lane.sealer, lambda: _revoke(stage))
    try:
        with pytest.raises(UsageError):
            export(stage.agent.practice, replace(lane, sealer=sealer), Kind.REFERENCE_DATA)
        assert stage.outbox() == []
    finally:
        recipients.readmit_partner(stage.agent, DENTPORT)


def _revoke(stage: Stage) -> None:
    recipients.revoke_partner(stage.agent, DENTPORT)


@ON_SQLITE_ALONE
def test_partner_that_is_not_configured_is_neither_revoked_nor_readmitted(stage: Stage) -> None:
    before = rows(stage.house.connector)
    for work in (recipients.revoke_partner, recipients.readmit_partner):
        with pytest.raises(UsageError, match="dentport, zahnzeit"):
            work(stage.agent, "dentprot")
    assert recipients.readmit_partner(stage.agent, DENTPORT) is False
    assert rows(stage.house.connector) == before
