"""The receive story: every outcome of a file, one answer each, and no second effect."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from agent.adapters import tables
from agent.clock import utc_now
from agent.domain.intervals import utc_datetime
from agent.flows.file_result import FileState
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import ContactPoint
from exchange_formats.receipts import BookingReason, MessageReason
from tests.flows.card_index import BIRTH_DATE, FAMILY_NAME, add_patient, answer
from tests.flows.evidence import appointment_of, audit, practice_rows, quarantine_reasons, rows, values
from tests.flows.stage import DENTPORT, ON_SQLITE_ALONE, ZAHNZEIT, Answer, Stage

APPOINTMENT, PATIENT = tables.appointment.c, tables.patient.c


def appointments(stage: Stage) -> int:
    return len(values(stage.house.connector, APPOINTMENT.appointment_id))


def refused(answered: Answer, reason: MessageReason) -> None:
    """The whole file was refused, and the partner told why and nothing else."""
    assert (answered.result.state, answered.result.reason) == (FileState.REFUSED, reason.value)
    assert (answered.verdict.outcome, answered.verdict.reason) == ("refused", reason)
    assert answered.outcomes == []


# --- accepted ------------------------------------------------------------------------------------


def test_new_patient_booked_is_written_with_all_fields_and_the_otv_user_as_author(stage: Stage) -> None:
    slot = stage.slot()
    contacts = [
        ContactPoint(system="phone", use="mobile", value="0171 555 9"),
        ContactPoint(system="email", use="home", value="ayse@example.org"),
    ]
    who = stage.somebody("Ayşe", family_name="Yıldız", birth_date="1991-06-17", contact_points=contacts)
    before = utc_now().replace(microsecond=0)
    answered = stage.send(stage.booking(who, slot, booking_id="new-1"))

    assert (answered.result.state, answered.outcome.outcome) == (FileState.IMPORTED, "accepted")
    made = appointment_of(stage, "new-1")
    (author,) = values(
        stage.house.connector, tables.staff_member.c.staff_id, tables.staff_member.c.login_name == "otv"
    )
    contact = tables.contact_point.c
    with stage.house.connector.reading() as connection:
        patient = connection.execute(
            select(tables.patient).where(PATIENT.patient_id == made.patient_id)
        ).one()
        points = connection.execute(
            select(contact.system, contact.use, contact.value).where(contact.patient_id == made.patient_id)
        ).all()
    assert (patient.given_name, patient.family_name, patient.birth_date, patient.active) == (
        "Ayşe", "Yıldız", date(1991, 6, 17), True
    )  # fmt: skip
    assert sorted(map(tuple, points)) == sorted((c.system, c.use, c.value) for c in contacts)
    assert (made.column_id, made.starts_at, made.ends_at, made.status, made.exclusive) == (
        slot.column_id, utc_datetime(slot.start), utc_datetime(slot.end), "booked", True
    )  # fmt: skip
    assert str(made.assignment_id) == str(slot.assignment_id)
    for row in (patient, made):
        assert row.created_by == row.changed_by == author
        assert before <= row.created_at == row.changed_at <= utc_now()


@ON_SQLITE_ALONE
def test_accepted_booking_is_answered_with_its_place_and_time(stage: Stage) -> None:
    slot = stage.slot()
    booking = stage.booking(slot=slot)
    answered = stage.send(booking, message_id="place-and-time")
    told = answered.outcome
    assert (told.booking_id, told.revision, told.reason) == (booking.booking_id, 1, None)
    assert (told.appointment_status, told.column_id, told.starts_at) == (
        "booked", str(slot.column_id), booking.starts_at
    )  # fmt: skip
    assert told.ends_at == utc_datetime(slot.end).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert answered.receipt is not None
    envelope = answered.receipt.envelope
    assert (envelope.kind, envelope.in_reply_to, envelope.partner_id) == (
        Kind.RECEIPTS, "place-and-time", DENTPORT
    )  # fmt: skip


def test_ledger_says_when_a_file_came_and_when_it_was_answered(stage: Stage) -> None:
    before = utc_now() - timedelta(seconds=1)
    stage.send(stage.booking(booking_id="came-1"))
    message = tables.inbound_message.c
    with stage.house.connector.reading() as connection:
        times = select(message.arrived_at, message.received_at).order_by(message.receipt_sequence.desc())
        came = connection.execute(times.limit(1)).one()
    assert before <= came.arrived_at <= came.received_at


def test_known_patient_booked_gets_the_appointment_and_keeps_the_record_as_it_was(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Bekannt-Eins", email="alt@example.org")
    before = rows(stage.house.connector, tables.patient, tables.contact_point)
    stage.send(stage.booking(stage.somebody("Bekannt-Eins"), booking_id="known-1"))
    assert appointment_of(stage, "known-1").patient_id == patient_id
    assert rows(stage.house.connector, tables.patient, tables.contact_point) == before


def test_denied_patient_booked_becomes_a_new_record_with_a_note_for_the_staff(stage: Stage) -> None:
    denied = add_patient(stage.house.connector, "Nein-Eins", consents={DENTPORT: "DENIED"})
    stage.send(stage.booking(stage.somebody("Nein-Eins"), booking_id="denied-1"))
    made = appointment_of(stage, "denied-1")
    assert made.patient_id != denied
    with stage.house.connector.reading() as connection:
        note = connection.execute(
            select(tables.staff_note).where(tables.staff_note.c.appointment_id == made.appointment_id)
        ).one()
    assert (note.kind, note.patient_id, note.other_patient_id) == ("denied", made.patient_id, denied)


def test_two_bookings_of_one_new_patient_in_one_file_create_one_patient(stage: Stage) -> None:
    who = stage.somebody("Zweimal")
    answered = stage.send(stage.booking(who, booking_id="twice-1"), stage.booking(who, booking_id="twice-2"))
    assert [outcome.outcome for outcome in answered.outcomes] == ["accepted", "accepted"]
    assert len(values(stage.house.connector, PATIENT.patient_id, PATIENT.given_name == "Zweimal")) == 1
    assert appointment_of(stage, "twice-1").patient_id == appointment_of(stage, "twice-2").patient_id


@ON_SQLITE_ALONE
def test_two_bookings_of_one_slot_in_one_file_the_first_gets_it(stage: Stage) -> None:
    slot = stage.slot()
    answered = stage.send(stage.booking(slot=slot), stage.booking(stage.somebody("Zuspät"), slot))
    assert [outcome.outcome for outcome in answered.outcomes] == ["accepted", "declined"]
    assert answered.outcomes[1].reason is BookingReason.SLOT_TAKEN
    assert values(stage.house.connector, PATIENT.patient_id, PATIENT.given_name == "Zuspät") == []


@ON_SQLITE_ALONE
def test_first_booking_through_a_partner_opens_its_consent_page_and_answers_nothing(stage: Stage) -> None:
    page = tables.consent_page.c
    before = rows(stage.house.connector, tables.consent)
    stage.send(stage.booking(), partner_id=ZAHNZEIT)
    assert values(stage.house.connector, page.partner_id, page.partner_id == ZAHNZEIT) == [ZAHNZEIT]
    assert rows(stage.house.connector, tables.consent) == before


# --- a receipt does not tell who is a patient ------------------------------------------------------


def test_receipts_for_patients_who_did_not_agree_equal_that_for_a_new_one(stage: Stage) -> None:
    statuses = ("NONE", "OPEN", "DENIED")
    for status in statuses:
        add_patient(stage.house.connector, f"Neutral-{status}", consents={DENTPORT: status})
    people = [stage.somebody(), *(stage.somebody(f"Neutral-{status}") for status in statuses)]
    new, *known = [stage.send(stage.booking(who)) for who in people]
    for answered in known:
        assert neutral(answered) == neutral(new)


def neutral(answered: Answer) -> tuple[Any, ...]:
    """All of a receipt that is not the booking's own number, place and time, or the message's own."""
    own = {"booking_id", "column_id", "starts_at", "ends_at"}
    of_the_message = {"message_id", "sequence", "in_reply_to", "audit_head", "created_at"}
    assert answered.receipt is not None and answered.plain is not None
    return (
        answered.outcome.model_dump(exclude=own),
        answered.receipt.envelope.model_dump(exclude=of_the_message),
        [sorted(json.loads(line)) for line in answered.plain.splitlines()],
    )


def test_patient_id_is_told_of_a_patient_who_agreed_and_was_sent(stage: Stage) -> None:
    add_patient(stage.house.connector, "Ja-Eins", consents={DENTPORT: "GRANTED"})
    aliases = {one.given_name: one.patient_id for one in stage.export().records if one.record == "patient"}
    assert stage.send(stage.booking(stage.somebody("Ja-Eins"))).outcome.patient_id == aliases["Ja-Eins"]


@ON_SQLITE_ALONE
def test_patient_id_is_not_told_before_the_partner_was_sent_the_patient(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Ja-Zwei", consents={DENTPORT: "GRANTED"})
    with stage.agent.practice.database.write() as work:
        work.disclosures.assign_aliases(DENTPORT)
    assert stage.send(stage.booking(stage.somebody("Ja-Zwei"), booking_id="ja-2")).outcome.patient_id is None
    assert appointment_of(stage, "ja-2").patient_id == patient_id


@ON_SQLITE_ALONE
def test_patient_id_is_not_told_to_a_partner_that_has_no_patients(stage: Stage) -> None:
    add_patient(stage.house.connector, "Ja-Drei", consents={ZAHNZEIT: "GRANTED"})
    with stage.agent_with(zahnzeit={"receives_patients": True}):
        stage.export(partner_id=ZAHNZEIT)
    answered = stage.send(stage.booking(stage.somebody("Ja-Drei")), partner_id=ZAHNZEIT)
    assert answered.outcome.patient_id is None


@ON_SQLITE_ALONE
def test_patient_id_is_not_told_after_the_consent_was_withdrawn(stage: Stage) -> None:
    patient_id = add_patient(stage.house.connector, "Ja-Vier", consents={DENTPORT: "GRANTED"})
    stage.export()
    answer(stage.house.connector, patient_id, DENTPORT, "OPEN")
    assert stage.send(stage.booking(stage.somebody("Ja-Vier"))).outcome.patient_id is None


@ON_SQLITE_ALONE
def test_hint_of_another_patient_is_not_followed(stage: Stage) -> None:
    add_patient(stage.house.connector, "Ja-Fünf", consents={DENTPORT: "GRANTED"})
    alias = next(
        one.patient_id for one in stage.export().records if getattr(one, "given_name", "") == "Ja-Fünf"
    )
    stranger = stage.somebody("Fremd", patient_id=alias)
    answered = stage.send(stage.booking(stranger, booking_id="hint-1"))
    assert answered.outcome.patient_id is None
    made = appointment_of(stage, "hint-1").patient_id
    assert values(stage.house.connector, PATIENT.given_name, PATIENT.patient_id == made) == ["Fremd"]


# --- declined --------------------------------------------------------------------------------------


def test_every_wish_for_what_is_not_on_offer_is_declined_with_its_reason(stage: Stage) -> None:
    """In one file: each has its own answer, and none can stop the others, whatever its numbers."""
    offer = str(stage.slot().assignment_id)
    wishes: list[tuple[dict[str, Any], BookingReason]] = [
        ({"assignment_id": "no-number"}, BookingReason.ASSIGNMENT_UNKNOWN),
        ({"assignment_id": "999999999999999999"}, BookingReason.ASSIGNMENT_UNKNOWN),
        ({"slot_id": "nonsense"}, BookingReason.SLOT_NOT_OFFERED),
        ({"starts_at": "0001-01-01T00:00:00Z"}, BookingReason.SLOT_NOT_OFFERED),
        ({"starts_at": "9999-12-31T23:59:59Z"}, BookingReason.SLOT_NOT_OFFERED),
    ]
    for column_id in ("0", "1", "999999999999999999"):
        for start in (0, 2**32 - 1):
            slot = f"{offer}-{column_id}-{start}"
            wish = {"slot_id": slot, "starts_at": f"{utc_datetime(start):%Y-%m-%dT%H:%M:%SZ}"}
            wishes.append((wish, BookingReason.SLOT_NOT_OFFERED))
    for birth_date in ("1900-01-01", "0001-01-01", "9999-12-31"):
        who = stage.somebody(birth_date=birth_date)
        wishes.append(({"who": who}, BookingReason.BIRTH_DATE_IMPLAUSIBLE))
    before = practice_rows(stage.house.connector)
    answered = stage.send(*(stage.booking(**changes) for changes, _ in wishes))
    assert (answered.result.state, answered.result.declined) == (FileState.IMPORTED, len(wishes))
    assert [outcome.reason for outcome in answered.outcomes] == [reason for _, reason in wishes]
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_slot_taken_by_the_staff_before_the_file_came_is_declined(stage: Stage) -> None:
    slot = stage.slot()
    stage.send(stage.booking(slot=slot))
    before = practice_rows(stage.house.connector)
    assert stage.send(stage.booking(slot=slot)).outcome.reason is BookingReason.SLOT_TAKEN
    assert practice_rows(stage.house.connector) == before


# --- the same again --------------------------------------------------------------------------------


def test_same_file_again_gets_the_same_receipt_and_no_second_appointment(stage: Stage) -> None:
    sealed = stage.sealed(stage.booking(), stage.booking(slot_id="nonsense"))
    first = stage.send_sealed(sealed)
    before = practice_rows(stage.house.connector)
    again = stage.send_sealed(sealed)
    assert (first.result.state, again.result.state) == (FileState.IMPORTED, FileState.DUPLICATE)
    assert again.plain == first.plain
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_same_content_sealed_anew_gets_the_same_receipt(stage: Stage) -> None:
    content = stage.partner().bookings_file([stage.booking()])
    first = stage.send_sealed(stage.partner().gpg.seal(content))
    again = stage.send_sealed(stage.partner().gpg.seal(content))
    assert (again.result.state, again.plain) == (FileState.DUPLICATE, first.plain)


def test_same_booking_in_another_message_gets_its_first_answer(stage: Stage) -> None:
    booking = stage.booking()
    first = stage.send(booking)
    before = appointments(stage)
    again = stage.send(booking)
    assert (again.result.state, again.outcome) == (FileState.IMPORTED, first.outcome)
    assert appointments(stage) == before


@ON_SQLITE_ALONE
def test_same_booking_twice_in_one_file_is_booked_once(stage: Stage) -> None:
    booking, before = stage.booking(), appointments(stage)
    answered = stage.send(booking, booking)
    assert answered.outcomes[0] == answered.outcomes[1]
    assert appointments(stage) == before + 1


def test_same_booking_with_other_content_is_a_conflict_and_the_first_stands(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    before = practice_rows(stage.house.connector)
    other = stage.booking(booking_id=booking.booking_id)
    answered = stage.send(other)
    assert (answered.outcome.outcome, answered.outcome.reason) == ("declined", BookingReason.CONFLICT)
    assert practice_rows(stage.house.connector) == before
    assert stage.send(booking).outcome.outcome == "accepted"


def test_another_revision_of_a_booking_that_stands_is_no_second_appointment(stage: Stage) -> None:
    booking = stage.booking()
    stage.send(booking)
    before = practice_rows(stage.house.connector)
    again = stage.booking(booking.patient, booking_id=booking.booking_id, revision=2)
    assert stage.send(again).outcome.reason is BookingReason.CONFLICT
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_another_revision_of_a_booking_that_was_declined_is_decided_anew(stage: Stage) -> None:
    declined = stage.booking(slot_id="nonsense")
    assert stage.send(declined).outcome.outcome == "declined"
    again = stage.booking(declined.patient, booking_id=declined.booking_id, revision=2)
    assert stage.send(again).outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_same_booking_id_of_another_partner_is_another_booking(stage: Stage) -> None:
    mine, theirs = stage.booking(booking_id="shared"), stage.booking(booking_id="shared")
    assert stage.send(mine).outcome.outcome == "accepted"
    assert stage.send(theirs, partner_id=ZAHNZEIT).outcome.outcome == "accepted"


def test_message_id_with_other_content_is_refused_and_the_first_answer_stays(stage: Stage) -> None:
    sealed = stage.sealed(stage.booking(), message_id="reused")
    first = stage.send_sealed(sealed)
    before = practice_rows(stage.house.connector)
    other = stage.sealed(stage.booking(), message_id="reused")
    answered = stage.send_sealed(other)
    refused(answered, MessageReason.MESSAGE_ID_REUSED)
    assert stage.send_sealed(other).plain == answered.plain
    assert stage.send_sealed(sealed).plain == first.plain
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
def test_corrected_file_under_the_message_id_of_a_refused_one_is_imported(stage: Stage) -> None:
    refused(
        stage.send(stage.booking(), message_id="corrected", practice_id="elsewhere"),
        MessageReason.WRONG_PRACTICE,
    )
    assert stage.send(stage.booking(), message_id="corrected").outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_message_id_that_looks_like_a_refused_one_is_a_message_of_its_own(stage: Stage) -> None:
    content = stage.partner().bookings_file([stage.booking()], practice_id="elsewhere")
    first = stage.send_sealed(stage.partner().gpg.seal(content))
    (key,) = values(
        stage.house.connector,
        tables.inbound_message.c.message_id,
        tables.inbound_message.c.receipt_id == (first.receipt and first.receipt.envelope.message_id),
    )
    assert stage.send(stage.booking(), message_id=key.replace(":", "-")[:64]).outcome.outcome == "accepted"


@ON_SQLITE_ALONE
def test_repeat_that_comes_after_the_longest_age_gets_its_first_answer(stage: Stage) -> None:
    content = stage.partner().bookings_file([stage.booking()], created_at=utc_now() - timedelta(hours=1))
    first = stage.send_sealed(stage.partner().gpg.seal(content))
    assert first.outcome.outcome == "accepted"
    with stage.agent_with(settings={"inbound": {"settle_seconds": 0, "max_message_age_hours": 1}}):
        again = stage.send_sealed(stage.partner().gpg.seal(content))
    assert (again.result.state, again.plain) == (FileState.DUPLICATE, first.plain)


@ON_SQLITE_ALONE
def test_message_refused_for_its_future_date_stays_refused_when_the_date_has_come(stage: Stage) -> None:
    """Else whoever can copy files on the server books what the partner was told is refused."""
    content = stage.partner().bookings_file([stage.booking()], created_at=utc_now() + timedelta(minutes=11))
    first = stage.send_sealed(stage.partner().gpg.seal(content))
    refused(first, MessageReason.TIME_OUT_OF_BOUNDS)
    before = practice_rows(stage.house.connector)
    with stage.agent_with(clock=lambda: utc_now() + timedelta(minutes=3)):
        again = stage.send_sealed(stage.partner().gpg.seal(content))
    assert again.plain == first.plain
    assert practice_rows(stage.house.connector) == before


# --- refused, with a receipt -----------------------------------------------------------------------


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        ({"practice_id": "another-practice"}, MessageReason.WRONG_PRACTICE),
        ({"partner_id": ZAHNZEIT}, MessageReason.WRONG_PARTNER),
        ({"kind": Kind.RECEIPTS}, MessageReason.WRONG_KIND),
        ({"created_at": datetime(2020, 1, 1, tzinfo=UTC)}, MessageReason.TIME_OUT_OF_BOUNDS),
        ({"created_at": datetime(1, 1, 1, tzinfo=UTC)}, MessageReason.TIME_OUT_OF_BOUNDS),
        ({"created_at": datetime(9999, 12, 31, tzinfo=UTC)}, MessageReason.TIME_OUT_OF_BOUNDS),
    ],
)
def test_signed_message_that_is_not_for_here_and_now_is_refused(
    stage: Stage, envelope: dict[str, Any], reason: MessageReason
) -> None:
    before = practice_rows(stage.house.connector)
    if "created_at" in envelope:
        envelope = {"created_at": f"{envelope['created_at']:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0")}
    content = _with_envelope(stage, message_id=f"out-of-place-{stage.number()}", **envelope)
    answered = stage.send_sealed(stage.partner().gpg.seal(content))
    refused(answered, reason)
    assert answered.receipt is not None
    assert str(answered.receipt.envelope.in_reply_to).startswith("out-of-place-")
    assert practice_rows(stage.house.connector) == before


def _with_envelope(stage: Stage, **fields: Any) -> bytes:
    first, rest = stage.partner().bookings_file([stage.booking()]).split(b"\n", 1)
    envelope = Envelope.model_validate_json(first).model_copy(update=fields)
    return next(encode(envelope, ())) + rest


@ON_SQLITE_ALONE
def test_receipt_of_ours_signed_by_the_partner_and_sent_back_is_refused(stage: Stage) -> None:
    answered = stage.send(stage.booking())
    assert answered.plain is not None
    back = stage.send_sealed(stage.partner().gpg.seal(answered.plain))
    refused(back, MessageReason.WRONG_KIND)


@ON_SQLITE_ALONE
def test_signed_file_with_an_unreadable_record_is_refused_as_a_whole(stage: Stage) -> None:
    content = stage.partner().bookings_file([stage.booking(), stage.booking()], message_id="half-good")
    before = practice_rows(stage.house.connector)
    answered = stage.send_sealed(
        stage.partner().gpg.seal(content.replace(b'"action":"book"', b'"action":7', 1))
    )
    refused(answered, MessageReason.INVALID_DOCUMENT)
    assert answered.receipt is not None and answered.receipt.envelope.in_reply_to == "half-good"
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x00\xff garbage", MessageReason.INVALID_DOCUMENT),
        (b"\n", MessageReason.INVALID_DOCUMENT),
        (b'{"format":"otv","version":2}\n{}\n{}\n', MessageReason.UNSUPPORTED_VERSION),
    ],
)
def test_signed_file_that_nobody_can_read_is_refused_with_a_receipt_to_no_message(
    stage: Stage, content: bytes, reason: MessageReason
) -> None:
    answered = stage.send_sealed(stage.partner().gpg.seal(content))
    refused(answered, reason)
    assert answered.receipt is not None and answered.receipt.envelope.in_reply_to is None


@ON_SQLITE_ALONE
def test_refused_file_stands_in_quarantine_with_its_reason(stage: Stage) -> None:
    answered = stage.send(stage.booking(), practice_id="elsewhere")
    told = quarantine_reasons(stage, DENTPORT)[answered.result.file_id]
    assert (told["reason"], told["authenticated"]) == ("wrong_practice", True)


# --- quarantined, without a receipt ----------------------------------------------------------------


@ON_SQLITE_ALONE
def test_file_of_the_other_partner_in_this_folder_is_quarantined_unanswered(stage: Stage) -> None:
    before = practice_rows(stage.house.connector)
    other = stage.partner(ZAHNZEIT)
    answered = stage.send_sealed(other.gpg.seal(other.bookings_file([stage.booking()], partner_id=DENTPORT)))
    assert (answered.result.state, answered.result.reason) == (FileState.QUARANTINED, "wrong_signer")
    assert answered.receipt is None
    assert quarantine_reasons(stage, DENTPORT)[answered.result.file_id]["authenticated"] is False
    assert practice_rows(stage.house.connector) == before


@ON_SQLITE_ALONE
@pytest.mark.parametrize("content", [b"", b"\n", b"-----BEGIN PGP MESSAGE-----", bytes(range(256)) * 4])
def test_file_that_nobody_signed_is_quarantined_and_the_next_one_imported(
    stage: Stage, content: bytes
) -> None:
    stage.drop(content)
    stage.drop(stage.sealed(stage.booking()))
    assert sorted(result.state for result in stage.receive()) == [FileState.IMPORTED, FileState.QUARANTINED]
    assert len(stage.take_receipts()) == 1


@ON_SQLITE_ALONE
def test_receipt_of_ours_sent_back_as_it_is_is_quarantined(stage: Stage) -> None:
    stage.drop(stage.sealed(stage.booking()))
    stage.receive()
    (receipt,) = stage.outbox(kind=Kind.RECEIPTS)
    answered = stage.send_sealed(receipt.read_bytes())
    assert (answered.result.state, answered.receipt) == (FileState.QUARANTINED, None)


# --- who did what ----------------------------------------------------------------------------------


@ON_SQLITE_ALONE
def test_import_writes_its_deeds_into_the_audit_without_a_name(stage: Stage) -> None:
    booking = stage.booking(booking_id="audited")
    newest = len(audit(stage))
    answered = stage.send(booking)
    booked, imported = audit(stage)[newest:]
    assert (booked.event, booked.partner_id) == ("appointment booked", DENTPORT)
    assert booked.details["appointment_id"] == appointment_of(stage, "audited").appointment_id
    assert (imported.event, imported.details["file_id"]) == ("file imported", answered.result.file_id)
    assert (imported.details["accepted"], imported.details["declined"]) == (1, 0)
    assert imported.details["signer"] == stage.partner().gpg.fingerprint
    assert FAMILY_NAME not in str(booked.details) + str(imported.details)


@ON_SQLITE_ALONE
def test_receipt_anchors_the_audit_entry_of_its_import(stage: Stage) -> None:
    answered = stage.send(stage.booking())
    assert answered.receipt is not None
    sequence, _, mac = str(answered.receipt.envelope.audit_head).partition(":")
    entry = tables.audit_entry.c
    assert values(stage.house.connector, entry.mac, entry.sequence == int(sequence)) == [mac]


@ON_SQLITE_ALONE
def test_receipts_are_numbered_upwards_and_a_repeat_keeps_its_number(stage: Stage) -> None:
    sealed = stage.sealed(stage.booking())
    numbers = []
    for one in (sealed, stage.sealed(stage.booking()), sealed):
        answered = stage.send_sealed(one)
        assert answered.receipt is not None
        numbers.append(answered.receipt.envelope.sequence)
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0]]


@ON_SQLITE_ALONE
def test_birth_date_alone_finds_nobody(stage: Stage) -> None:
    known = add_patient(stage.house.connector, "Gleicher-Tag", birth_date=BIRTH_DATE)
    stage.send(stage.booking(stage.somebody("Anderer-Tag"), booking_id="same-day"))
    assert appointment_of(stage, "same-day").patient_id != known
