"""The practice without its patients and appointments, as rows of its tables.

The domain's attributes are named like the tables' columns, so a row is an
object's attributes without its sets, plus what only the database knows.
Nothing is decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Table

from agent.adapters import tables
from agent.domain.practice import AppointmentAssignment, PracticeCalendar, Shift, TemplateArea
from agent.sample_practice.opening_hours import public_holidays
from agent.sample_practice.organisation import ROLES, TYPES, Organisation
from agent.sample_practice.plan import TIME_ZONE, PracticePlan

Row = Mapping[str, Any]
TableRows = Iterator[tuple[Table, Sequence[Row]]]

_LISTS = ("column_ids", "assignment_ids", "type_ids", "hours")


def practice_rows(plan: PracticePlan, house: Organisation, calendar: PracticeCalendar) -> TableRows:
    """Table by table, referenced ones first."""
    yield from _people_and_rooms(plan, house)
    yield from _offers(house)
    yield from _opening_hours(plan, calendar)
    yield from _template_areas(calendar.template_areas)
    yield (
        tables.booking_partner,
        [{"partner_id": key, "name": name} for key, name in plan.partner_names.items()],
    )


def _people_and_rooms(plan: PracticePlan, house: Organisation) -> TableRows:
    practice = {
        "practice_id": plan.practice_id,
        "name": "Zahnarztpraxis Musterstadt",
        "federal_state": plan.federal_state,
        "time_zone": TIME_ZONE,
    }
    yield tables.practice, [practice]
    yield tables.role, [{"role_id": key, "name": name} for key, (name, _) in ROLES.items()]
    permissions = [(key, word) for key, (_, words) in ROLES.items() for word in words]
    yield tables.role_permission, [{"role_id": key, "permission": word} for key, word in permissions]
    yield (
        tables.staff_member,
        [_row(member, staff_id=key) for key, member in enumerate(house.staff, 1)],
    )
    yield (
        tables.practitioner,
        [
            _row(practitioner, staff_id=house.staff_of(practitioner))
            for practitioner in house.practitioners.values()
        ],
    )
    yield tables.treatment_room, [_row(room) for room in house.rooms.values()]
    yield (
        tables.schedule_column,
        [_row(column, position=key, active=True) for key, column in house.columns.items()],
    )


def _offers(house: Organisation) -> TableRows:
    offers: list[AppointmentAssignment] = list(house.assignments.values())
    yield tables.appointment_type, [_row(kind) for kind in TYPES.values()]
    yield (
        tables.appointment_assignment,
        [_row(offer, active=offer.assignment_id not in house.withdrawn_assignments) for offer in offers],
    )
    yield (
        tables.assignment_column,
        [
            {"assignment_id": offer.assignment_id, "column_id": column_id}
            for offer in offers
            for column_id in sorted(offer.column_ids)
        ],
    )


def _opening_hours(plan: PracticePlan, calendar: PracticeCalendar) -> TableRows:
    shifts: list[tuple[int, Shift]] = list(enumerate(calendar.shifts, 1))
    yield (
        tables.working_hours,
        [_row(hours, working_hours_id=key) for key, hours in enumerate(calendar.working_hours, 1)],
    )
    yield tables.shift, [_row(shift, shift_id=key) for key, shift in shifts]
    yield (
        tables.shift_hours,
        [_row(hours, shift_id=key) for key, shift in shifts for hours in shift.hours],
    )
    yield (
        tables.special_hours,
        [_row(special, special_hours_id=key) for key, special in enumerate(calendar.special_hours, 1)],
    )
    yield (
        tables.planned_absence,
        [_row(absence, absence_id=key) for key, absence in enumerate(calendar.absences, 1)],
    )
    yield (
        tables.public_holiday,
        [
            {"federal_state": state, "holiday_date": day, "name": name}
            for state, days in public_holidays(plan).items()
            for day, name in sorted(days.items())
        ],
    )


def _template_areas(areas: Sequence[TemplateArea]) -> TableRows:
    yield tables.template_area, [_row(area) | {"kind": area.kind.value} for area in areas]
    yield (
        tables.template_area_assignment,
        [
            {"area_id": area.area_id, "assignment_id": key}
            for area in areas
            for key in sorted(area.assignment_ids)
        ],
    )
    yield (
        tables.template_area_type,
        [{"area_id": area.area_id, "type_id": key} for area in areas for key in sorted(area.type_ids)],
    )


def _row(thing: Any, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(thing).items() if name not in _LISTS} | more
