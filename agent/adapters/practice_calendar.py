"""Reads everything that decides when the practice is open and what it offers.

A part of `agent.adapters.practice_snapshot`, told apart because it maps
thirteen small tables, each a few dozen rows. Columns and assignments that are
switched off offer nothing and come without whatever belongs to them alone;
such columns are still told of, because they share people and rooms.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, select

from agent.adapters import tables
from agent.domain.practice import (
    AppointmentAssignment,
    AppointmentType,
    PlannedAbsence,
    PracticeCalendar,
    Practitioner,
    ScheduleColumn,
    Shift,
    ShiftHours,
    SpecialHours,
    TemplateArea,
    TemplateAreaKind,
    TreatmentRoom,
    WorkingHours,
)


def read_calendar(connection: Connection, time_zone: str, federal_state: str) -> PracticeCalendar:
    """The calendar of the practice; mappings in the order of the appointment book and of the keys."""
    column = tables.schedule_column.c
    all_columns = _rows(connection, tables.schedule_column, column.position, column.column_id)
    columns = {row.column_id: _column(row) for row in all_columns if row.active}
    holiday = tables.public_holiday.c
    of_our_state = select(holiday.holiday_date).where(holiday.federal_state == federal_state)
    return PracticeCalendar(
        time_zone=time_zone,
        practitioners={
            row.practitioner_id: Practitioner(row.practitioner_id, row.name)
            for row in _rows(connection, tables.practitioner, tables.practitioner.c.practitioner_id)
        },
        rooms={
            row.room_id: TreatmentRoom(row.room_id, row.name)
            for row in _rows(connection, tables.treatment_room, tables.treatment_room.c.room_id)
        },
        columns=columns,
        types={
            row.type_id: AppointmentType(row.type_id, row.name, row.duration_minutes)
            for row in _rows(connection, tables.appointment_type, tables.appointment_type.c.type_id)
        },
        assignments=_assignments(connection, columns),
        working_hours=_working_hours(connection, columns),
        shifts=_shifts(connection, columns),
        absences=_absences(connection),
        holidays=frozenset(connection.scalars(of_our_state)),
        template_areas=_template_areas(connection, columns),
        special_hours=_special_hours(connection, columns),
        idle_columns={row.column_id: _column(row) for row in all_columns if not row.active},
    )


def _rows(connection: Connection, table: Table, *order: Column[Any]) -> Sequence[Row[Any]]:
    return connection.execute(select(table).order_by(*order)).all()


def _grouped(pairs: Iterable[Sequence[Any]]) -> dict[int, frozenset[int]]:
    """Rows of a link table as the right-hand keys of each left-hand key."""
    groups = defaultdict(set)
    for pair in pairs:
        groups[pair[0]].add(pair[1])
    return {left: frozenset(rights) for left, rights in groups.items()}


def _column(row: Row[Any]) -> ScheduleColumn:
    return ScheduleColumn(row.column_id, row.name, row.practitioner_id, row.room_id, row.overlaps_allowed)


def _assignments(
    connection: Connection, columns: dict[int, ScheduleColumn]
) -> dict[int, AppointmentAssignment]:
    assignment = tables.appointment_assignment
    offered_in = _grouped(_rows(connection, tables.assignment_column))
    return {
        row.assignment_id: AppointmentAssignment(
            assignment_id=row.assignment_id,
            label=row.label,
            type_id=row.type_id,
            duration_minutes=row.duration_minutes,
            # Below zero they would offer time that is taken.
            buffer_before_minutes=max(row.buffer_before_minutes, 0),
            buffer_after_minutes=max(row.buffer_after_minutes, 0),
            open_to_new_patients=row.open_to_new_patients,
            column_ids=offered_in.get(row.assignment_id, frozenset()) & columns.keys(),
            reserved_only=row.reserved_only,
        )
        for row in _rows(connection, assignment, assignment.c.assignment_id)
        if row.active
    }


def _working_hours(connection: Connection, columns: dict[int, ScheduleColumn]) -> tuple[WorkingHours, ...]:
    table = tables.working_hours
    return tuple(
        WorkingHours(row.column_id, row.weekday, row.starts, row.ends, row.valid_from, row.valid_until)
        for row in _rows(connection, table, table.c.working_hours_id)
        if row.column_id in columns
    )


def _shifts(connection: Connection, columns: dict[int, ScheduleColumn]) -> tuple[Shift, ...]:
    hours = defaultdict(list)
    for row in _rows(connection, tables.shift_hours, tables.shift_hours.c.shift_hours_id):
        hours[row.shift_id].append(ShiftHours(row.day_index, row.starts, row.ends))
    return tuple(
        Shift(
            column_id=row.column_id,
            cycle_days=row.cycle_days,
            anchor_date=row.anchor_date,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            hours=tuple(hours[row.shift_id]),
        )
        for row in _rows(connection, tables.shift, tables.shift.c.shift_id)
        if row.column_id in columns
    )


def _special_hours(connection: Connection, columns: dict[int, ScheduleColumn]) -> tuple[SpecialHours, ...]:
    table = tables.special_hours
    return tuple(
        SpecialHours(row.column_id, row.special_date, row.starts, row.ends)
        for row in _rows(connection, table, table.c.special_hours_id)
        if row.column_id in columns
    )


def _absences(connection: Connection) -> tuple[PlannedAbsence, ...]:
    table = tables.planned_absence
    return tuple(
        PlannedAbsence(row.practitioner_id, row.starts_at, row.ends_at)
        for row in _rows(connection, table, table.c.absence_id)
    )


def _template_areas(connection: Connection, columns: dict[int, ScheduleColumn]) -> tuple[TemplateArea, ...]:
    assignments = _grouped(_rows(connection, tables.template_area_assignment))
    types = _grouped(_rows(connection, tables.template_area_type))
    return tuple(
        TemplateArea(
            area_id=row.area_id,
            kind=TemplateAreaKind(row.kind),
            weekday=row.weekday,
            starts=row.starts,
            ends=row.ends,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            column_id=row.column_id,
            practitioner_id=row.practitioner_id,
            assignment_ids=assignments.get(row.area_id, frozenset()),
            type_ids=types.get(row.area_id, frozenset()),
        )
        for row in _rows(connection, tables.template_area, tables.template_area.c.area_id)
        if row.column_id is None or row.column_id in columns
    )
