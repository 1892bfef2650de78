"""Generates a whole practice into an empty database, in one transaction.

The order is that of the references: the house, its patients, its
appointments. It never touches a database that holds a practice already, so
it cannot be let loose on a real one.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from agent.adapters import tables
from agent.adapters.database import Connector
from agent.adapters.practice_schema import practice_tables
from agent.errors import UsageError
from agent.sample_practice.appointments import AppointmentDraft, appointment_drafts
from agent.sample_practice.opening_hours import practice_calendar
from agent.sample_practice.organisation import Organisation, organisation
from agent.sample_practice.patient_rows import PAGE_AGE_DAYS, CardIndex
from agent.sample_practice.plan import GeneratedPractice, PracticePlan
from agent.sample_practice.practice_rows import practice_rows
from agent.sample_practice.writing import BATCH_ROWS, RowWriter

Progress = Callable[[int, int], None]
"""Told how many of how many patients are written, after every batch."""


def generate_practice(
    connector: Connector, plan: PracticePlan, progress: Progress | None = None
) -> GeneratedPractice:
    """Fill the empty tables of a practice database; all rows or none.

    The same plan makes the same rows on every database and machine. Raises
    UsageError if a practice is there already, SchemaMismatchError if its
    tables are not.
    """
    house = organisation(plan.columns)
    calendar = practice_calendar(plan, house)
    index = CardIndex(plan, house.receptionists)
    with connector.writing() as connection:
        writer = RowWriter(connection, connector.practice_schema)
        if not (writer.is_empty(tables.practice) and writer.is_empty(tables.patient)):
            raise UsageError(f"{connector.place}: holds a practice already; generate into an empty database")
        for table, rows in practice_rows(plan, house, calendar):
            writer.write(table, rows)
        writer.write(tables.consent_page, _consent_pages(plan, house))
        _write_patients(writer, index, plan, progress)
        drafts = appointment_drafts(plan, house, calendar, index.active_ids)
        writer.write(tables.appointment, _appointments(drafts, house))
        writer.move_key_counters(practice_tables())
    return GeneratedPractice(counts=writer.counts, known=index.known)


def _consent_pages(plan: PracticePlan, house: Organisation) -> Iterator[dict[str, Any]]:
    # The page comes with a partner's first booking, before any answer on it (rule R13).
    created_at = datetime.combine(plan.first_day, time(0), UTC) - timedelta(days=PAGE_AGE_DAYS)
    for partner_id in plan.partner_names:
        yield {"partner_id": partner_id, "created_by": house.otv_user, "created_at": created_at}


def _write_patients(
    writer: RowWriter, index: CardIndex, plan: PracticePlan, progress: Progress | None
) -> None:
    for batch in index.batches(BATCH_ROWS):
        writer.write(tables.patient, batch.patients)
        writer.write(tables.contact_point, batch.contact_points)
        writer.write(tables.consent, batch.consents)
        if progress:
            progress(writer.counts["patient"], plan.patients)


def _appointments(drafts: Iterator[AppointmentDraft], house: Organisation) -> Iterator[dict[str, Any]]:
    authors = house.receptionists
    for key, draft in enumerate(drafts, 1):
        author = authors[key % len(authors)]
        cancelled = draft.status == "cancelled"
        yield draft._asdict() | {
            "appointment_id": key,
            "created_by": author,
            "changed_by": author,
            "cancelled_by": author if cancelled else None,
            "cancelled_at": draft.changed_at if cancelled else None,
            "cancellation_reason": "pat" if cancelled else None,
        }
