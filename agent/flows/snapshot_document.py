"""A snapshot document: the lines of one file, made from one view of the practice and looked over.

What `agent.flows.export` seals and `agent.flows.rehearse` shows: both take
the same way, so that a rehearsal tells the truth. Nothing is written anywhere.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from itertools import count

from agent.domain import documents
from agent.domain.availability import TakenTime, busy_window, cap_window, offer_window
from agent.domain.availability_records import availability_records
from agent.domain.consent import in_transmit_set
from agent.domain.export_measure import AvailabilityMeasure
from agent.domain.intervals import instant
from agent.domain.last_look import looked_over
from agent.domain.practice import PracticeCalendar
from agent.domain.practice_hours import after_open_time, practice_open
from agent.flows.export_result import ExportResult
from agent.flows.heading import DocumentHead, envelope_of
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import may_know_patients
from agent.ports import ConsentedPatient, PracticeSnapshot
from exchange_formats.codec import encode
from exchange_formats.envelope import Envelope, Kind
from exchange_formats.fields import Line

Progress = Callable[[int], None]
"""Told now and then how many records have been written."""
PROGRESS_STEP = 1000
NOT_YET_GIVEN = "new"
"""How the alias of a patient who has none yet begins in a rehearsal; a real one is hexadecimal."""


@contextmanager
def document(
    practice: PracticeSide,
    snapshot: PracticeSnapshot,
    lane: Lane,
    result: ExportResult,
    head: DocumentHead,
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
    with_newcomers: bool = True,
) -> Iterator[tuple[Envelope, Iterator[bytes]]]:
    """The file of the result's kind as it stands in this snapshot: its envelope, and all its lines.

    Taking the lines fills the result and raises UnfitDocumentError. On a `dry_run` patients who have no
    alias yet stand there under an invented one.
    """
    calendar, kind, now = snapshot.calendar(), result.kind, head.created_at
    if kind is Kind.AVAILABILITY:
        result.availability = AvailabilityMeasure.under(lane.terms)
    valid_until, next_expected_at = _lifetime(practice, lane, kind, calendar, now)
    envelope = envelope_of(
        practice,
        lane,
        kind,
        head,
        calendar.time_zone,
        valid_until=valid_until,
        next_expected_at=next_expected_at,
    )
    records = _records(
        snapshot, calendar, lane, kind, now, result, dry_run=dry_run, with_newcomers=with_newcomers
    )
    # Closed whatever happens: an open stream of rows would outlive the snapshot it reads.
    with closing(records), closing(_may_be_known(snapshot, lane)) as known:
        lines = encode(envelope, _counted(records, result, progress))
        yield envelope, looked_over(lines, kind, _KnownOrNew(known) if dry_run else known)


class _KnownOrNew(Iterator[str]):
    """For a rehearsal: whom the partner may know, and whoever would be given an alias just before."""

    def __init__(self, known: Iterator[str]) -> None:
        self._known = known

    def __next__(self) -> str:
        return next(self._known)

    def __contains__(self, alias: object) -> bool:
        return str(alias).startswith(NOT_YET_GIVEN) or str(alias) in self._known


def _records(
    snapshot: PracticeSnapshot,
    calendar: PracticeCalendar,
    lane: Lane,
    kind: Kind,
    now: datetime,
    result: ExportResult,
    *,
    dry_run: bool,
    with_newcomers: bool,
) -> Generator[Line, None, None]:
    if kind is Kind.PATIENTS:
        return _patients(snapshot, lane, result, now.date(), dry_run=dry_run, with_newcomers=with_newcomers)
    if kind is Kind.REFERENCE_DATA:
        return documents.reference_records(calendar)
    return availability_records(
        calendar, _taken_time(snapshot, lane, calendar, instant(now)), lane.terms, instant(now)
    )


def _taken_time(snapshot: PracticeSnapshot, lane: Lane, calendar: PracticeCalendar, now: int) -> TakenTime:
    window = offer_window(calendar, lane.terms, now)
    busy = snapshot.busy(busy_window(calendar, window))
    if lane.terms.max_appointments_per_day is None:
        return TakenTime(busy)
    return TakenTime(busy, snapshot.booked_starts(lane.partner_id, cap_window(calendar, window)))


def _patients(
    snapshot: PracticeSnapshot,
    lane: Lane,
    result: ExportResult,
    today: date,
    *,
    dry_run: bool,
    with_newcomers: bool,
) -> Generator[Line, None, None]:
    if may_know_patients(snapshot, lane):
        with closing(snapshot.consented_patients(lane.partner_id)) as stream:
            chosen = stream if with_newcomers else (one for one in stream if one.disclosed)
            yield from _agreed_patients(chosen, result, today, dry_run=dry_run)
    for alias in snapshot.removed_aliases(lane.partner_id):
        result.removals.append(alias)
        yield documents.removal_record(alias)


def _may_be_known(snapshot: PracticeSnapshot, lane: Lane) -> Generator[str, None, None]:
    """Whose lines may go to this partner, for the last look; asked only when the first one comes."""
    if may_know_patients(snapshot, lane):
        yield from snapshot.known_aliases(lane.partner_id)


def _agreed_patients(
    stream: Iterable[ConsentedPatient], result: ExportResult, today: date, *, dry_run: bool
) -> Generator[Line, None, None]:
    invented = (f"{NOT_YET_GIVEN}{number}" for number in count(1))
    for consented in stream:
        patient = consented.patient
        # The query narrows, the rule decides, here and last: consent as it stands at this moment (R15).
        if not in_transmit_set(patient.active, patient.consent):
            continue
        if consented.alias is None and not dry_run:
            continue  # Agreed after the aliases were given: in the next file.
        record = documents.patient_line(patient, consented.alias or next(invented), today)
        if record is None:
            continue
        if not consented.disclosed:
            result.first_disclosures.append(patient.patient_id)
        yield record


def _counted(records: Iterator[Line], result: ExportResult, progress: Progress | None) -> Iterator[Line]:
    counts, measure = result.records, result.availability
    for written, record in enumerate(records, start=1):
        counts[record.record] += 1
        if measure is not None:
            measure.add(record)
        if progress is not None and written % PROGRESS_STEP == 0:
            progress(written)
        yield record


def _lifetime(
    practice: PracticeSide, lane: Lane, kind: Kind, calendar: PracticeCalendar, now: datetime
) -> tuple[str | None, str | None]:
    """Until when the file is good and when the next one is due, in opening time; other kinds say neither."""
    if kind is not Kind.AVAILABILITY:
        return None, None
    start, latest = instant(now), instant(now + practice.max_message_age)
    opened = practice_open(calendar, (start, latest))
    valid_until, next_expected_at = (
        documents.instant_text(after_open_time(opened, start, int(length.total_seconds()), latest))
        for length in (lane.availability_valid_for, lane.availability_every)
    )
    return valid_until, next_expected_at
