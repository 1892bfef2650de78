"""Our own key in the course of time: which one signs, and which ones open, while one takes over from another.

A handover is announced to the partners before it takes effect, so that they
know the new key when the first file comes that it signed, and the old one
goes on opening what they still seal for it. Dates decide, nothing else; no
clock and no key is asked here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeyHandover:
    """From one own key to the next. `statement` says so over the signatures of both, as clear-signed text.

    `public_key` is the new one in ASCII armor. Until `signs_from` the old key
    signs, from then on the new one; before `old_opens_until` both open.
    """

    old_fingerprint: str
    new_fingerprint: str
    announced_at: datetime
    signs_from: datetime
    old_opens_until: datetime
    public_key: str
    statement: str


def own_keys(fingerprint: str, handovers: Sequence[KeyHandover]) -> tuple[str, ...]:
    """All keys of the line to which the configured one belongs, the oldest first.

    The configuration may name any of them: it need not be edited on the day.
    """
    line = [fingerprint]
    before = {one.new_fingerprint: one.old_fingerprint for one in handovers}
    after = {one.old_fingerprint: one.new_fingerprint for one in handovers}
    while (older := before.get(line[0])) is not None and older not in line:
        line.insert(0, older)
    while (newer := after.get(line[-1])) is not None and newer not in line:
        line.append(newer)
    return tuple(line)


def signing_key(fingerprint: str, handovers: Sequence[KeyHandover], now: datetime) -> str:
    """The key of the line that signs now."""
    begun = {one.new_fingerprint for one in handovers if one.signs_from <= now}
    first, *later = own_keys(fingerprint, handovers)
    return next((key for key in reversed(later) if key in begun), first)


def opening_keys(fingerprint: str, handovers: Sequence[KeyHandover], now: datetime) -> tuple[str, ...]:
    """The keys of the line that partners may seal for now."""
    ended = {one.old_fingerprint for one in handovers if one.old_opens_until <= now}
    return tuple(key for key in own_keys(fingerprint, handovers) if key not in ended)


def newest_handover(fingerprint: str, handovers: Sequence[KeyHandover]) -> KeyHandover | None:
    """What partners are to be told: the last step of the line; None if it has but one key."""
    newest = own_keys(fingerprint, handovers)[-1]
    return next((one for one in handovers if one.new_fingerprint == newest), None)
