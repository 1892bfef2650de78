"""Where a partner's slots may start, and how much of the appointment book decides over them.

Lead time and booking horizon (Vorlaufzeit, Buchungshorizont) as instants;
the slots themselves are found in `agent.domain.availability`.
"""

from datetime import timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from agent.domain.intervals import Interval
from agent.domain.local_days import DAY, day_start, local_date
from agent.domain.practice import AppointmentAssignment, OfferTerms, PracticeCalendar
from agent.domain.practice_hours import open_days
from agent.domain.taken_time import MINUTE


def offer_window(calendar: PracticeCalendar, terms: OfferTerms, now: int) -> Interval:
    """Where a slot may start: from the lead time on until the last local day of the horizon is over.

    Empty (`start == end`) where the lead time reaches beyond the horizon;
    also where fewer days than the lead time asks for are open ahead.
    """
    zone = ZoneInfo(calendar.time_zone)
    today = local_date(now, zone)
    end = day_start(today + timedelta(days=terms.booking_horizon_days + 1), zone)
    earliest = now + terms.lead_time_minutes * MINUTE
    if terms.lead_time_working_days > 0:
        ahead = open_days(calendar, (day_start(today + DAY, zone), end))
        earliest = max(earliest, next(islice(ahead, terms.lead_time_working_days - 1, None), end))
    return earliest, max(earliest, end)


def busy_window(calendar: PracticeCalendar, window: Interval) -> Interval:
    """The taken time that decides over slots starting in `window`: wider by the largest buffers and length.

    Taken time comes with the buffers of its own appointments; these are the slots'.
    """
    before = max((a.buffer_before_minutes for a in calendar.assignments.values()), default=0)
    after = max((a.buffer_after_minutes for a in calendar.assignments.values()), default=0)
    return window[0] - before * MINUTE, window[1] + longest_offer(calendar) + after * MINUTE


def duration_minutes(calendar: PracticeCalendar, assignment: AppointmentAssignment) -> int | None:
    """The assignment's length, else its type's; None if neither is above zero.

    Without a length an assignment is never offered (reading A14).
    """
    if assignment.duration_minutes and assignment.duration_minutes > 0:
        return assignment.duration_minutes
    kind = calendar.types.get(assignment.type_id) if assignment.type_id is not None else None
    if kind and kind.duration_minutes and kind.duration_minutes > 0:
        return kind.duration_minutes
    return None


def longest_offer(calendar: PracticeCalendar) -> int:
    """The length of the longest offer, in seconds; 0 if nothing has a length."""
    lengths = (duration_minutes(calendar, assignment) for assignment in calendar.assignments.values())
    return max((length for length in lengths if length), default=0) * MINUTE
