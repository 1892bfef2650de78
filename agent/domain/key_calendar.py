"""Which key ends when, and what has to be said of it today.

Dates in, warnings out. The calendar is filled by `agent.key_calendar`; here
is only the rule: 60, 30, 14 and 3 days before the end, and once it is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

EXPIRED = 0
STEPS = (EXPIRED, 3, 14, 30, 60)
"""Days before the end at which a warning is due; the smallest that has been reached counts."""


@dataclass(frozen=True, slots=True)
class KeyDate:
    """One thing in play that ends: whose it is (a partner's id, `practice` or `licence`), and what.

    `mark` tells it from others of its kind, such as a fingerprint. `since` is
    when it was made or pinned, `ends_at` the first moment at which it is no
    good any more; None is never. What is `standing_by` has a successor or has
    not begun: listed, and not warned of.
    """

    owner: str
    what: str
    mark: str
    since: datetime | None
    ends_at: datetime | None
    standing_by: bool = False

    @property
    def subject(self) -> str:
        return f"{self.owner}: {self.what} {self.mark}".rstrip()


@dataclass(frozen=True, slots=True)
class KeyWarning:
    """What is due today: the step that was reached, and the whole days that are left."""

    key_date: KeyDate
    step: int
    days_left: int

    def __str__(self) -> str:
        """A sentence without its full stop."""
        ends_at = self.key_date.ends_at
        day = ends_at.date().isoformat() if ends_at else "never"
        if self.step == EXPIRED:
            return f"{self.key_date.subject} is expired since {day}"
        days = f"{self.days_left} day{'' if self.days_left == 1 else 's'}"
        return f"{self.key_date.subject} ends on {day}, in {days}"


def warnings_due(calendar: Iterable[KeyDate], now: datetime) -> list[KeyWarning]:
    """What has come within a step of its end, the most urgent first."""
    due = [warning for one in calendar if (warning := _warning(one, now)) is not None]
    return sorted(due, key=lambda one: (one.key_date.ends_at or now, one.key_date.subject))


def _warning(key_date: KeyDate, now: datetime) -> KeyWarning | None:
    if key_date.ends_at is None or key_date.standing_by:
        return None
    left = key_date.ends_at - now
    for step in STEPS:
        if left <= timedelta(days=step):
            return KeyWarning(key_date, step, max(0, left.days))
    return None
