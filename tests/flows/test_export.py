"""The export story: who and what leaves the house, what is written down about it, and what holds it back."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from agent.adapters import tables
from agent.clock import utc_now
from agent.errors import DatabaseError, KeyUnusableError, LicenceInvalidError, UsageError
from exchange_formats.availability import Opening
from exchange_formats.codec import Document
from exchange_formats.envelope import Kind
from exchange_formats.patients import PatientRecord, RemovalRecord
from tests.flows.card_index import add_patient, answer, set_active
from tests.flows.evidence import audit, files, rows, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Stage
from tests.kit.licensor import Licensor
from tests.kit.openpgp import GpgHome

DISCLOSURE, OUTBOUND = tables.disclosure.c, tables.outbound_message.c
PAGE = 2500
"""More patients than are read, and more records than are counted, at a time."""


def patients(document: Document[Any]) -> dict[str, PatientRecord]:
    """By given name, which the tests make unique."""
    return {record.given_name: record for record in document.records if isinstance(record, PatientRecord)}


def removals(document: Document[Any]) -> list[str]:
    return [record.patient_id for record in document.records if isinstance(record, RemovalRecord)]


def disclosure(stage: Stage, patient_id: int, partner_id: str = DENTPORT) -> Any:
    """What is written down about one patient and partner."""
    this = (DISCLOSURE.patient_id == patient_id, DISCLOSURE.partner_id == partner_id)
    with stage.house.connector.reading() as connection:
        return connection.execute(select(tables.disclosure).where(*this)).one_or_none()


def transmit_set(stage: Stage, partner_id: str) -> set[tuple[str, ...]]:
    """Who may leave, asked in SQL of its own: everybody but the inactive and those who did not say Ja."""
    schema = "practice." if stage.house.connector.dialect == "postgresql" else ""
    everybody = f"SELECT p.patient_id FROM {schema}patient p"
    inactive = f"SELECT p.patient_id FROM {schema}patient p WHERE NOT p.active"
    no_yes = (
        f"SELECT p.patient_id FROM {schema}patient p WHERE NOT EXISTS (SELECT 1 FROM {schema}consent c "
        "WHERE c.patient_id = p.patient_id AND c.partner_id = :partner AND c.status = 'GRANTED')"
    )
    told = (
        f"SELECT p.patient_id, p.given_name, p.family_name, p.birth_date, c.system, c.use, c.value "
        f"FROM {schema}patient p LEFT JOIN {schema}contact_point c ON c.patient_id = p.patient_id "
        f"WHERE p.patient_id IN ({everybody} EXCEPT {inactive} EXCEPT {no_yes})"
    )
    with stage.house.connector.reading() as connection:
        found = connection.execute(text(told), {"partner": partner_id}).all()
    grouped: dict[int, tuple[list[str], list[tuple[str, str, str]]]] = {}
    for key, given, family, born, *contact in found:
        # A placeholder is no birth date (A7).
        person = grouped.setdefault(key, ([given, family, str(born).replace("1900-01-01", "None")], []))
        if contact[0] is not None:
            person[1].append(tuple(contact))
    return {(str(key), *person, str(sorted(points))) for key, (person, points) in grouped.items()}


def told_set(stage: Stage, document: Document[Any]) -> set[tuple[str, ...]]:
    """Who left in this file, in the same shape; the alias led back to the patient."""
    with stage.house.connector.reading() as connection:
        keys = dict(
            connection.execute(
                select(DISCLOSURE.alias, DISCLOSURE.patient_id).where(
                    DISCLOSURE.partner_id == document.envelope.partner_id
                )
            ).all()
        )
    return {
        (
            str(keys[record.patient_id]),
            record.given_name,
            record.family_name,
            str(record.birth_date),
            str(sorted((point.system, point.use, point.value) for point in record.contact_points)),
        )
        for record in document.records
        if isinstance(record, PatientRecord)
    }


# --- who leaves ------------------------------------------------------------------------------------


def test_patients_file_holds_exactly_the_active_patients_who_said_yes(stage: Stage) -> None:
    for number, consents in enumerate(
        ({DENTPORT: "DENIED"}, {DENTPORT: "OPEN"}, {}, {ZAHNZEIT: "GRANTED"}, {DENTPORT: "GRANTED"})
    ):
        add_patient(stage.house.connector, f"Antwort{number}", consents=consents)
    add_patient(stage.house.connector, "Ohne-Tag", birth_date=None, consents={DENTPORT: "GRANTED"})
    add_patient(stage.house.connector, "Fort", active=False, consents={DENTPORT: "GRANTED"})
    document = stage.export()
    expected = transmit_set(stage, DENTPORT)
    assert told_set(stage, document) == expected
    assert len(expected) == sum(record.record == "patient" for record in document.records) > 10
    assert {"Antwort4", "Ohne-Tag"} <= patients(document).keys()


@ON_SQLITE_ALONE
def test_patients_file_has_no_field_beyond_the_allowed_ones(stage: Stage) -> None:
    _, *lines, _ = stage.export_plain().splitlines()
    records = [json.loads(line) for line in lines]
    allowed = {"record", "patient_id", "given_name", "family_name", "birth_date", "contact_points"}
    assert {key for record in records for key in record} == allowed
    points = [point for record in records for point in record["contact_points"]]
    assert {key for point in points for key in point} == {"system", "use", "value"}


@ON_SQLITE_ALONE
@pytest.mark.parametrize("kind", [Kind.AVAILABILITY, Kind.REFERENCE_DATA])
def test_other_files_name_no_patient(stage: Stage, kind: Kind) -> None:
    content = stage.export_plain(kind).decode()
    for known in (person for people in stage.house.generated.known.values() for person in people):
        assert known.family_name not in content
        assert all(point.value not in content for point in known.contact_points)


@ON_SQLITE_ALONE
def test_partner_without_patients_gets_no_patients_file_even_when_asked_for(stage: Stage) -> None:
    before = rows(stage.house.connector)
    assert Kind.PATIENTS not in stage.agent.kinds(ZAHNZEIT)
    for work in (stage.agent.export, stage.agent.preview):
        with pytest.raises(UsageError, match="zahnzeit"):
            work(ZAHNZEIT, Kind.PATIENTS)
    assert stage.outbox(ZAHNZEIT) == []
    assert rows(stage.house.connector) == before


@ON_SQLITE_ALONE
@pytest.mark.parametrize("kind", [Kind.BOOKINGS, Kind.RECEIPTS])
def test_kind_that_is_no_export_is_refused(stage: Stage, kind: Kind) -> None:
    with pytest.raises(UsageError):
        stage.agent.export(DENTPORT, kind)
    assert stage.outbox() == []


def test_aliases_of_one_patient_differ_between_partners_and_say_nothing(stage: Stage) -> None:
    both = {DENTPORT: "GRANTED", ZAHNZEIT: "GRANTED"}
    keys = [add_patient(stage.house.connector, f"Beide{number}", consents=both) for number in range(3)]
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        first, second = patients(stage.export()), patients(stage.export(partner_id=ZAHNZEIT))
    dentport, zahnzeit = ({record.patient_id for record in found.values()} for found in (first, second))
    assert dentport.isdisjoint(zahnzeit)
    assert {f"Beide{number}" for number in range(3)} <= first.keys() & second.keys()
    assert {str(key) for key in keys}.isdisjoint(dentport | zahnzeit)


# --- withdrawal ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["DENIED", "OPEN", "NONE"])
def test_withdrawn_patient_is_removed_in_every_later_file_without_a_reason(stage: Stage, status: str) -> None:
    name = f"Widerruf-{status}"
    patient_id = add_patient(stage.house.connector, name, consents={DENTPORT: "GRANTED"})
    alias = patients(stage.export())[name].patient_id
    answer(stage.house.connector, patient_id, DENTPORT, status)
    for _ in range(2):
        content = stage.export_plain()
        assert name.encode() not in content
        (line,) = [line for line in content.splitlines() if alias.encode() in line]
        assert json.loads(line) == {"record": "removal", "patient_id": alias}


def test_patient_made_inactive_is_removed_and_comes_back_under_the_same_alias(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Verzogen", consents={DENTPORT: "GRANTED"})
    alias = patients(stage.export())["Verzogen"].patient_id
    set_active(stage.house.connector, patient_id, False)
    assert alias in removals(stage.export())
    set_active(stage.house.connector, patient_id, True)
    back = stage.export()
    assert patients(back)["Verzogen"].patient_id == alias
    assert alias not in removals(back)


def test_patient_whose_record_is_gone_is_removed_and_nobody_inherits_its_alias(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Gelöscht", consents={DENTPORT: "GRANTED"})
    alias = patients(stage.export())["Gelöscht"].patient_id
    answer(stage.house.connector, patient_id, DENTPORT, "NONE")
    with stage.house.connector.writing() as connection:
        for table in (tables.contact_point, tables.patient):
            connection.execute(delete(table).where(table.c.patient_id == patient_id))
    add_patient(stage.house.connector, "Nachfolger", consents={DENTPORT: "GRANTED"})
    document = stage.export()
    assert alias in removals(document)
    assert patients(document)["Nachfolger"].patient_id != alias


@ON_SQLITE_ALONE
def test_patient_who_never_left_is_not_removed(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Nie-da", consents={DENTPORT: "GRANTED"})
    with stage.agent.practice.database.write() as work:
        work.disclosures.assign_aliases(DENTPORT)
    answer(stage.house.connector, patient_id, DENTPORT, "DENIED")
    assert disclosure(stage, patient_id).alias not in removals(stage.export())


@ON_SQLITE_ALONE
def test_consent_for_one_partner_withdrawn_removes_nothing_at_the_other(stage: Stage) -> None:
    both = {DENTPORT: "GRANTED", ZAHNZEIT: "GRANTED"}
    patient_id = add_patient(stage.house.connector, "Nur-einer", consents=both)
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        stage.export()
        stage.export(partner_id=ZAHNZEIT)
        answer(stage.house.connector, patient_id, DENTPORT, "DENIED")
        assert "Nur-einer" not in patients(stage.export())
        assert "Nur-einer" in patients(stage.export(partner_id=ZAHNZEIT))


# --- what is written down --------------------------------------------------------------------------


def test_disclosure_is_dated_first_removed_and_given_anew(stage: Stage) -> None:
    start = utc_now().replace(microsecond=0)
    moments = [start + timedelta(minutes=minute) for minute in range(4)]
    patient_id = add_patient(stage.house.connector, "Datiert", consents={DENTPORT: "GRANTED"})
    dated = []
    for moment, status in zip(moments, ("GRANTED", "GRANTED", "DENIED", "GRANTED"), strict=True):
        answer(stage.house.connector, patient_id, DENTPORT, status)
        with stage.agent_with(clock=lambda moment=moment: moment):  # type: ignore[misc]
            stage.export()
        entry = disclosure(stage, patient_id)
        dated.append((entry.first_sent_at, entry.removed_at))
    assert dated == [(start, None), (start, None), (start, moments[2]), (start, None)]


@ON_SQLITE_ALONE
def test_export_is_recorded_with_the_digest_of_the_very_file(stage: Stage) -> None:
    result = stage.agent.export(DENTPORT, Kind.PATIENTS)
    (path,) = stage.outbox(kind=Kind.PATIENTS)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = audit(stage)[-1]
    assert (entry.event, entry.partner_id, entry.details["sealed_sha256"]) == (
        "export prepared", DENTPORT, digest
    )  # fmt: skip
    assert entry.details["records"] == result.records.total()
    message = entry.details["message_id"]
    assert values(stage.house.connector, OUTBOUND.sealed_sha256, OUTBOUND.message_id == message) == [digest]


@ON_SQLITE_ALONE
def test_envelope_anchors_an_entry_of_the_audit(stage: Stage) -> None:
    sequence, _, mac = str(stage.export(Kind.REFERENCE_DATA).envelope.audit_head).partition(":")
    entry = tables.audit_entry.c
    assert values(stage.house.connector, entry.mac, entry.sequence == int(sequence)) == [mac]


@ON_SQLITE_ALONE
def test_numbers_rise_for_each_partner_and_kind_by_itself(stage: Stage) -> None:
    numbers = [stage.export(Kind.REFERENCE_DATA).envelope.sequence for _ in range(2)]
    stage.export(Kind.PATIENTS)
    stage.export(Kind.REFERENCE_DATA, ZAHNZEIT)
    numbers.append(stage.export(Kind.REFERENCE_DATA).envelope.sequence)
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


@ON_SQLITE_ALONE
def test_availability_says_until_when_it_is_good(stage: Stage) -> None:
    now = utc_now().replace(microsecond=0)
    with stage.agent_with(clock=lambda: now):
        availability = stage.export(Kind.AVAILABILITY)
    openings = [
        (datetime.fromisoformat(record.starts_at), datetime.fromisoformat(record.ends_at))
        for record in availability.records
        if isinstance(record, Opening)
    ]

    def open_minutes(until: str | None) -> float:
        end = datetime.fromisoformat(until or "")
        return sum(
            max(min(ends, end) - max(starts, now), timedelta(0)).total_seconds() / 60
            for starts, ends in openings
        )

    envelope = availability.envelope
    assert (open_minutes(envelope.next_expected_at), open_minutes(envelope.valid_until)) == (15, 60)


# --- a preview writes nothing ----------------------------------------------------------------------


def test_preview_counts_what_the_export_would_hold_and_writes_nothing(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Vorschau", consents={DENTPORT: "GRANTED"})
    database, tree = rows(stage.house.connector), files(stage.house.data_folder)
    previews = [stage.agent.preview(DENTPORT, kind) for kind in stage.agent.kinds(DENTPORT)]
    assert rows(stage.house.connector) == database
    assert files(stage.house.data_folder) == tree
    assert disclosure(stage, patient_id) is None
    for preview in previews:
        if preview.kind is not Kind.AVAILABILITY:  # its window moves with the clock
            assert stage.agent.export(DENTPORT, preview.kind).records == preview.records
    assert patient_id in previews[-1].first_disclosures


# --- what holds an export back ---------------------------------------------------------------------


class StoppedError(Exception):
    """Raised by a test in the middle of an export."""


@ON_SQLITE_ALONE
def test_export_broken_off_half_way_leaves_no_file_and_no_disclosure(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Abbruch", consents={DENTPORT: "GRANTED"})
    crowd = _add_crowd(stage)

    def stop(_records: int) -> None:
        raise StoppedError

    _fails(stage, patient_id, StoppedError, lambda: stage.agent.export(DENTPORT, Kind.PATIENTS, stop))
    _remove_crowd(stage, crowd)
    assert "Abbruch" in patients(stage.export())


def test_export_whose_reading_fails_half_way_leaves_no_file_and_no_disclosure(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Lesefehler", consents={DENTPORT: "GRANTED"})
    crowd = _add_crowd(stage)
    if stage.house.connector.dialect == "postgresql":
        _fails(stage, patient_id, DatabaseError, lambda: _export_while_the_server_drops_us(stage))
    else:
        # A date that is none: SQLite takes any text, and reading it fails after two thousand good rows.
        spoil = f"UPDATE patient SET birth_date = '17.05.1980' WHERE patient_id = {crowd[-1]}"
        with stage.house.connector.writing() as connection:
            connection.execute(text(spoil))
        _fails(stage, patient_id, DatabaseError, lambda: stage.agent.export(DENTPORT, Kind.PATIENTS))
    _remove_crowd(stage, crowd)
    assert "Lesefehler" in patients(stage.export())


def _fails(stage: Stage, patient_id: int, error: type[Exception], work: Callable[[], object]) -> None:
    """Nothing left behind but a skipped number and an alias that nobody was told."""
    told = rows(stage.house.connector, tables.outbound_message, tables.audit_entry)
    with pytest.raises(error) as raised:
        work()
    assert "1980" not in str(raised.value)
    assert [path for path in files(stage.house.data_folder / "outbox") if "sent" not in path] == []
    assert rows(stage.house.connector, tables.outbound_message, tables.audit_entry) == told
    assert disclosure(stage, patient_id).first_sent_at is None


def _export_while_the_server_drops_us(stage: Stage) -> None:
    def drop(_records: int) -> None:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        with stage.house.connector.writing() as connection:
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))

    stage.agent.export(DENTPORT, Kind.PATIENTS, drop)


def _add_crowd(stage: Stage) -> list[int]:
    """Patients by the thousand, all of whom agreed."""
    now, highest = utc_now(), max(values(stage.house.connector, tables.patient.c.patient_id))
    keys = list(range(highest + 1, highest + 1 + PAGE))
    info = {"created_by": 1, "created_at": now, "changed_by": 1, "changed_at": now}
    person = {"given_name": "Menge", "family_name": "Menge", "birth_date": date(1980, 5, 17), "active": True}
    agreed = {"partner_id": DENTPORT, "status": "GRANTED", "changed_by": 1, "changed_at": now}
    with stage.house.connector.writing() as connection:
        connection.execute(insert(tables.patient), [{"patient_id": key, **person, **info} for key in keys])
        connection.execute(insert(tables.consent), [{"patient_id": key, **agreed} for key in keys])
    return keys


def _remove_crowd(stage: Stage, keys: list[int]) -> None:
    with stage.house.connector.writing() as connection:
        for table in (tables.consent, tables.disclosure, tables.patient):
            connection.execute(delete(table).where(table.c.patient_id.between(keys[0], keys[-1])))


@ON_SQLITE_ALONE
def test_names_and_numbers_that_no_format_has_room_for_hold_nothing_back(stage: Stage) -> None:
    add_patient(stage.house.connector, "Un\u200bsicht\u202ebar\t", consents={DENTPORT: "GRANTED"})
    add_patient(stage.house.connector, "\u200b", consents={DENTPORT: "GRANTED"})
    add_patient(stage.house.connector, "L" * 150, consents={DENTPORT: "GRANTED"}, email="x")
    told = patients(stage.export())
    assert "Unsichtbar" in told
    assert told["L" * 100].contact_points == []
    odd = (
        (tables.appointment_type, {"name": "", "duration_minutes": 0}),
        (tables.treatment_room, {"name": "\u202e"}),
        (tables.schedule_column, {"name": ""}),
    )
    kept = rows(stage.house.connector, *(table for table, _ in odd))
    with stage.house.connector.writing() as connection:
        undo = [(table, connection.execute(select(table)).mappings().all()) for table, _ in odd]
        for table, changes in odd:
            connection.execute(update(table).values(**changes))
    try:
        records = stage.export(Kind.REFERENCE_DATA).records
    finally:
        with stage.house.connector.writing() as connection:
            for table, before in undo:
                (key,) = table.primary_key
                for row in before:
                    connection.execute(update(table).where(key == row[key.name]).values(**row))
    assert rows(stage.house.connector, *(table for table, _ in odd)) == kept
    types = [record for record in records if record.record == "appointment_type"]
    assert types and all((one.name, one.duration_minutes) == (one.type_id, None) for one in types)


def _licence(stage: Stage, days: tuple[int, int], partners: list[str], practice: str | None = None) -> bytes:
    home = GpgHome(stage.house.folder / "gpg-licensor")
    (fingerprint,) = home.fingerprints()
    today = utc_now().date()
    first, last = (today + timedelta(days=day) for day in days)
    licensor = Licensor(home, fingerprint)
    return licensor.licence(practice or stage.agent.practice.practice_id, partners, first, last)


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    "licence",
    [
        lambda stage: None,
        lambda stage: b"",
        lambda stage: _licence(stage, (-9, -1), [DENTPORT, ZAHNZEIT]),
        lambda stage: _licence(stage, (1, 9), [DENTPORT, ZAHNZEIT]),
        lambda stage: _licence(stage, (-1, 9), [ZAHNZEIT]),
        lambda stage: _licence(stage, (-1, 9), [DENTPORT], "another-practice"),
    ],
    ids=["missing", "empty", "expired", "not yet valid", "partner not named", "another practice"],
)
def test_without_a_licence_nothing_leaves_and_nothing_is_imported(
    stage: Stage, licence: Callable[[Stage], bytes | None]
) -> None:
    stage.agent.export(DENTPORT, Kind.REFERENCE_DATA)
    waiting = stage.drop(stage.sealed(stage.booking()))
    content, path = licence(stage), stage.house.data_folder / "licence.pgp"
    kept = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before, logins = rows(stage.house.connector), stage.partner().server.logins
    try:
        for work in (
            lambda: stage.agent.export(DENTPORT, Kind.AVAILABILITY),
            lambda: stage.agent.preview(DENTPORT, Kind.AVAILABILITY),
            lambda: stage.agent.exchange(DENTPORT),
            lambda: stage.receive(DENTPORT),
        ):
            with pytest.raises(LicenceInvalidError):
                work()
        assert rows(stage.house.connector) == before
        assert waiting.exists()
        assert len(stage.outbox()) == 1
        assert list((stage.partner().server.root / "inbox").iterdir()) == []
        assert stage.partner().server.logins == logins
    finally:
        path.write_bytes(kept)
    assert [result.accepted for result in stage.receive()] == [1]


@ON_SQLITE_ALONE
def test_partner_key_that_expired_holds_the_export_until_it_is_renewed(stage: Stage) -> None:
    gpg = stage.partner().gpg
    ring = stage.agent.config.partners[DENTPORT].key_ring
    patient_id = add_patient(stage.house.connector, "Schlüssel", consents={DENTPORT: "GRANTED"})
    kept = ring.read_bytes()
    gpg.home.renew(gpg.fingerprint, "seconds=1")
    ring.write_bytes(gpg.public_key)
    time.sleep(2.1)
    try:
        _fails(stage, patient_id, KeyUnusableError, lambda: stage.agent.export(DENTPORT, Kind.PATIENTS))
    finally:
        gpg.home.renew(gpg.fingerprint, "2y")
        ring.write_bytes(kept)
    assert "Schlüssel" in patients(stage.export())
