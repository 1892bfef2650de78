"""What the staff ask on site: whom would a booking be matched to, and which notes are open.

Wired like `agent.administration`, for the command line alone. It changes
nothing of the practice; asking after people leaves a trace in the audit log,
so that many such questions show, but no name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from agent.adapters.audit_log import SqlAuditLog
from agent.adapters.practice_snapshot import SqlPracticeSnapshot
from agent.adapters.staff_notes import StaffNote, resolve_note, staff_note, staff_notes
from agent.domain.consent import usable_birth_date
from agent.domain.match_explanation import MatchExplanation, explain
from agent.domain.matching import PersonInBooking, match
from agent.domain.practice import ContactPoint
from agent.errors import UsageError
from agent.operations import Agent
from agent.ports import WriteTransaction


def explain_matches(
    agent: Agent,
    names: Iterable[tuple[str, str]],
    birth_date: date,
    contact_points: Sequence[ContactPoint],
    partner_ids: Sequence[str],
) -> list[MatchExplanation]:
    """What an import would decide now for each of the given and family names, from each of the partners.

    Raises UsageError for a birth date with which every booking is declined, and if there is no partner.
    """
    if not partner_ids:
        raise UsageError("no partner is enabled, so there is nobody whose booking could be matched")
    now = agent.practice.clock()
    people = [PersonInBooking(given, family, birth_date, tuple(contact_points)) for given, family in names]
    with agent.practice.database.write() as work:
        today = now.astimezone(ZoneInfo(work.snapshot.identity().time_zone)).date()
        if usable_birth_date(birth_date, today) is None:
            raise UsageError(
                "a booking with this birth date is declined: it is a placeholder or in the future"
            )
        explanations = [_explained(work, person, partner_ids, today) for person in people]
        records = {record.patient_id for one in explanations for record in one.records}
        only = partner_ids[0] if len(partner_ids) == 1 else None
        work.audit.append("match explained", now, only, records=len(records))
    return explanations


def notes(agent: Agent, *, resolved_too: bool) -> list[StaffNote]:
    """The open notes, or all, oldest first; times as the practice's clocks show them."""
    with agent.connector.reading() as connection:
        time_zone = ZoneInfo(SqlPracticeSnapshot(connection).identity().time_zone)
        return [_local(note, time_zone) for note in staff_notes(connection, resolved_too=resolved_too)]


def resolve(agent: Agent, note_id: int) -> datetime | None:
    """Mark a note as dealt with; None, or since when it was already.

    Raises UsageError if there is no note of that number.
    """
    now = agent.practice.clock()
    with agent.connector.writing() as connection:
        note = staff_note(connection, note_id)
        if note is None:
            raise UsageError("there is no note of that number; see `otv-agent duplicates list --all`")
        if note.resolved_at is None:
            resolve_note(connection, note_id, now)
            audit = SqlAuditLog(connection, agent.audit_key, agent.audit_memory)
            audit.append("staff note resolved", now, note.partner_id, note_id=note_id, kind=note.kind)
        return note.resolved_at


def _local(note: StaffNote, time_zone: ZoneInfo) -> StaffNote:
    times = {name: getattr(note, name) for name in ("starts_at", "created_at", "resolved_at")}
    return replace(note, **{name: at and at.astimezone(time_zone) for name, at in times.items()})


def _explained(
    work: WriteTransaction, person: PersonInBooking, partner_ids: Sequence[str], today: date
) -> MatchExplanation:
    matches = {}
    for partner_id in partner_ids:
        candidates = work.book.candidates(partner_id, person.family_name, person.birth_date, today)
        matches[partner_id] = match(person, candidates, None, today)
    return explain(person, matches, today)
