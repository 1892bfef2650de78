"""When a pinned key counts, and which of two pins is sealed for.

While a partner replaces its key two are pinned, each with a window of its
own. The configuration fills these rules with values; they ask no clock and
read no key.

A window is held against the moment of judging alone, never against the time
in a signature: that time is chosen by whoever holds the key, and a thief of
an old key would simply choose an old one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PinWindow:
    """From the first to the last day on which a pin counts, both whole days in UTC; None leaves it open."""

    valid_from: date | None = None
    valid_until: date | None = None

    def has_begun(self, now: datetime) -> bool:
        return self.valid_from is None or self.valid_from <= now.astimezone(UTC).date()

    def is_over(self, now: datetime) -> bool:
        return self.valid_until is not None and self.valid_until < now.astimezone(UTC).date()

    def is_open(self, now: datetime) -> bool:
        return self.has_begun(now) and not self.is_over(now)

    @property
    def ends_at(self) -> datetime | None:
        """The first moment at which the pin counts no more."""
        if self.valid_until is None:
            return None
        return datetime.combine(self.valid_until + ONE_DAY, datetime.min.time(), UTC)


ALWAYS = PinWindow()


def in_force(fingerprints: Sequence[str], windows: Mapping[str, PinWindow], now: datetime) -> tuple[str, ...]:
    """The pins that count now, the one to seal for first: that of the newest window.

    Whoever announces a key can open with it from the first day of its window
    on. Pins that begin on the same day, or without one, stay as they are written.
    """
    open_now = [pin for pin in fingerprints if windows.get(pin, ALWAYS).is_open(now)]
    return tuple(
        sorted(open_now, key=lambda pin: windows.get(pin, ALWAYS).valid_from or date.min, reverse=True)
    )


def pin_remarks(
    fingerprints: Sequence[str], windows: Mapping[str, PinWindow], now: datetime
) -> Iterator[str]:
    """What an operator should know of two pins: days on which none counts, days on which both do."""
    known = [windows.get(pin, ALWAYS) for pin in fingerprints]
    gap = _uncovered(known, now.astimezone(UTC).date())
    if gap is not None:
        until = f"to {gap[1].isoformat()}" if gap[1] else "on"
        yield f"no pin counts from {gap[0].isoformat()} {until}: nothing is exchanged then"
    counting = in_force(fingerprints, windows, now)
    if len(counting) > 1 and all(windows.get(pin, ALWAYS).valid_until is None for pin in counting):
        yield f"two pins count and neither ends; files are sealed for {counting[0]}: give the other an end"


def _uncovered(windows: Sequence[PinWindow], day: date) -> tuple[date, date | None] | None:
    """The first days from this one on without any pin, the last of them None if it never ends."""
    for window in sorted(windows, key=lambda one: one.valid_from or date.min):
        if window.valid_until is not None and window.valid_until < day:
            continue
        if window.valid_from is not None and window.valid_from > day:
            return day, window.valid_from - ONE_DAY
        if window.valid_until is None:
            return None
        day = window.valid_until + ONE_DAY
    return day, None
