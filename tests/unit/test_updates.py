"""What a partner is told of an appointment that came from it, and what not (reading A11, rule R11)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.updates import AppointmentState, news, update_record

TOLD = AppointmentState(
    "booked", 3, datetime(2027, 3, 26, 8, 0, tzinfo=UTC), datetime(2027, 3, 26, 8, 30, tzinfo=UTC)
)
TOLD_CANCELLED = replace(TOLD, status="cancelled")
ELSEWHERE = replace(TOLD, column_id=4)
HALF_AN_HOUR = timedelta(minutes=30)


@pytest.mark.parametrize("told", [TOLD, TOLD_CANCELLED])
def test_appointment_that_stands_as_told_is_no_news(told: AppointmentState) -> None:
    assert news(told, told) is None


@pytest.mark.parametrize(
    "stands",
    [
        ELSEWHERE,
        replace(TOLD, starts_at=TOLD.starts_at - HALF_AN_HOUR),
        replace(TOLD, ends_at=TOLD.ends_at + HALF_AN_HOUR),
    ],
)
def test_appointment_in_another_column_or_at_another_time_is_told_as_it_stands(
    stands: AppointmentState,
) -> None:
    assert news(TOLD, stands) == stands


def test_cancelled_appointment_is_told_where_it_stood_last() -> None:
    assert news(TOLD, replace(ELSEWHERE, status="cancelled")) == replace(ELSEWHERE, status="cancelled")


def test_deleted_appointment_is_told_as_cancelled_where_the_partner_believes_it() -> None:
    assert news(TOLD, None) == TOLD_CANCELLED


@pytest.mark.parametrize("stands", [None, replace(ELSEWHERE, status="cancelled")])
def test_what_is_off_is_told_once_whatever_becomes_of_its_row(stands: AppointmentState | None) -> None:
    assert news(TOLD_CANCELLED, stands) is None


def test_appointment_booked_again_after_its_cancellation_is_told() -> None:
    assert news(TOLD_CANCELLED, ELSEWHERE) == ELSEWHERE


@pytest.mark.parametrize("status", ["arrived", "fulfilled", "noshow"])
@pytest.mark.parametrize("stands", [TOLD, ELSEWHERE, replace(TOLD, ends_at=TOLD.ends_at + HALF_AN_HOUR)])
@pytest.mark.parametrize("told", [TOLD, TOLD_CANCELLED])
def test_how_a_visit_went_is_never_told(
    told: AppointmentState, stands: AppointmentState, status: str
) -> None:
    assert news(told, replace(stands, status=status)) is None


def test_line_holds_status_column_and_utc_times_and_nothing_else() -> None:
    assert update_record("b-1", TOLD_CANCELLED).model_dump() == {
        "record": "appointment_update",
        "booking_id": "b-1",
        "appointment_status": "cancelled",
        "column_id": "3",
        "starts_at": "2027-03-26T08:00:00Z",
        "ends_at": "2027-03-26T08:30:00Z",
    }
