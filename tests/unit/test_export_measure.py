"""What is compared between two exports, and that time that has merely passed is no change."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from agent.domain.availability import TakenTime, busy_window, offer_window
from agent.domain.availability_records import availability_records
from agent.domain.export_measure import (
    AvailabilityMeasure,
    availability_changes,
    patients_changes,
    reference_data_changes,
)
from agent.domain.intervals import instant
from agent.domain.practice import OfferTerms
from agent.domain.sudden_change import Change, Sign
from tests.kit.calendars import MONDAY, TERMS, assignment, calendar, weekly

DAY = timedelta(days=1)
HOURS = tuple(weekly(MONDAY + number * DAY, time(8), time(16), 1) for number in range(7))
PRACTICE = calendar(assignment(columns=(1,)), hours=HOURS, absences=())
TEN = datetime.combine(MONDAY, time(9), UTC)
LUNCH = (time(11), time(12))


def measured(
    at: datetime = TEN, *, hours: Any = HOURS, lunch: bool = True, terms: OfferTerms = TERMS
) -> AvailabilityMeasure:
    """What an export at that moment counts, in a practice that is open every day and busy at lunch."""
    practice, now = replace(PRACTICE, working_hours=hours), instant(at)
    window = busy_window(practice, offer_window(practice, terms, now))
    days = [datetime.combine(MONDAY + number * DAY, time(), UTC) for number in range(200)]
    stretches = [tuple(instant(datetime.combine(day, one, UTC)) for one in LUNCH) for day in days]
    taken = {1: [one for one in stretches if one[1] > window[0] and one[0] < window[1]]} if lunch else {}
    measure = AvailabilityMeasure.under(terms)
    for record in availability_records(practice, TakenTime(taken), terms, now):  # type: ignore[arg-type]
        measure.add(record)
    return measure


def changes(before: AvailabilityMeasure, now: AvailabilityMeasure) -> Mapping[Sign, Change]:
    """By sign, after the way through the database."""
    kept = json.loads(json.dumps(before.plain()))
    return {change.sign: change for change in availability_changes(kept, now)}


def lost(before: AvailabilityMeasure, now: AvailabilityMeasure) -> set[Sign]:
    return {sign for sign, change in changes(before, now).items() if change.amount}


def test_same_practice_a_moment_days_or_weeks_later_has_changed_nothing() -> None:
    for later in (timedelta(minutes=15), 5 * timedelta(hours=1), DAY, 3 * DAY, 30 * DAY):
        assert lost(measured(), measured(TEN + later)) == set()


def test_other_horizon_or_lead_time_changes_nothing_that_both_files_cover() -> None:
    for horizon, lead_time in ((14, 120), (400, 120), (TERMS.booking_horizon_days, 3000)):
        terms = replace(TERMS, booking_horizon_days=horizon, lead_time_minutes=lead_time)
        assert lost(measured(), measured(terms=terms)) == set()
        assert lost(measured(terms=terms), measured()) == set()


def test_other_grid_has_other_slots_and_is_no_loss_and_taken_time_still_counts() -> None:
    coarse = replace(TERMS, grid_minutes=60)
    assert set(changes(measured(), measured(terms=coarse))) == {Sign.TAKEN_MINUTES_LOST}
    assert lost(measured(), measured(terms=coarse)) == set()
    assert lost(measured(), measured(terms=coarse, lunch=False)) == {Sign.TAKEN_MINUTES_LOST}


def test_emptied_appointment_book_shows_as_lost_time_and_as_slots_added() -> None:
    found = changes(measured(), measured(lunch=False))
    assert found[Sign.TAKEN_MINUTES_LOST].empties
    assert found[Sign.SLOTS_ADDED].amount > 0


def test_closed_practice_loses_every_slot_also_after_an_outage_longer_than_the_horizon() -> None:
    for later in (timedelta(), 300 * DAY):
        found = changes(measured(), measured(TEN + later, hours=()))
        assert found[Sign.SLOTS_LOST].empties
        assert found[Sign.SLOTS_LOST].base > 0


def test_practice_without_slots_before_has_nothing_to_lose() -> None:
    closed = measured(hours=())
    assert changes(closed, measured(hours=()))[Sign.SLOTS_ADDED].amount == 0


def test_every_sort_of_reference_data_is_judged_by_itself() -> None:
    before = {"practitioner": 5, "treatment_room": 1}
    now = {"practitioner": 2, "appointment_type": 3}
    assert reference_data_changes(before, now) == [
        Change(Sign.REFERENCE_DATA_LOST, 5, 3),
        Change(Sign.REFERENCE_DATA_LOST, 1, 1),
    ]
    assert reference_data_changes({}, now) == []


def test_removals_and_new_patients_are_counted_apart_and_do_not_outweigh_each_other() -> None:
    assert patients_changes(listed=1000, newcomers=600, removed=600, first=False) == [
        Change(Sign.PATIENTS_LOST, 1000, 600),
        Change(Sign.PATIENTS_ADDED, 400, 600),
    ]


def test_first_patients_file_after_the_opt_in_brings_everybody() -> None:
    assert patients_changes(listed=1000, newcomers=1000, removed=0, first=True) == [
        Change(Sign.PATIENTS_LOST, 0, 0)
    ]
