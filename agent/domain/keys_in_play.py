"""From keys, pins and handovers to the calendar: what is in play, and what has somebody to take over from it.

Pure: facts and dates in, `KeyDate`s out. What has a successor that is good
at its end stands by, so that nobody is warned of a change already made.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from agent.domain.key_calendar import KeyDate
from agent.domain.key_pins import ALWAYS, PinWindow
from agent.domain.keys import KeyFacts, SubkeyFacts
from agent.domain.own_keys import KeyHandover, own_keys, signing_key

PRACTICE = "practice"
NEVER = datetime.max.replace(tzinfo=UTC)
ALWAYS_WAS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Life:
    begins_at: datetime
    ends_at: datetime


def midnight(day: date) -> datetime:
    """The beginning of a day in UTC."""
    return datetime.combine(day, datetime.min.time(), UTC)


def own_key_dates(
    keys: Sequence[KeyFacts], fingerprint: str, handovers: Sequence[KeyHandover], now: datetime
) -> Iterator[KeyDate]:
    """Our keys. One that signs no more, or hands over in time, needs no renewal."""
    signs = signing_key(fingerprint, handovers, now)
    line = own_keys(fingerprint, handovers)
    steps = {one.old_fingerprint: one for one in handovers if one.new_fingerprint in line}
    for key in keys:
        step = steps.get(key.fingerprint)
        in_time = step is not None and (
            key.fingerprint != signs or step.signs_from <= (key.expires_at or NEVER)
        )
        yield from key_dates(PRACTICE, key, standing_by=in_time)
        if step is not None:
            until = step.old_opens_until
            yield KeyDate(PRACTICE, "handover of", key.fingerprint, step.announced_at, until, True)


def pinned_key_dates(
    owner: str,
    keys: Sequence[KeyFacts],
    pinned: Sequence[str],
    windows: Mapping[str, PinWindow],
    revoked: Collection[str],
) -> Iterator[KeyDate]:
    """A partner's keys and the windows of their pins; a key that is not pinned is none of ours."""
    lives = {
        key.fingerprint: _life(key, windows.get(key.fingerprint, ALWAYS))
        for key in keys
        if key.fingerprint in pinned and not key.revoked and key.fingerprint not in revoked
    }
    for key in keys:
        life, window = lives.get(key.fingerprint), windows.get(key.fingerprint, ALWAYS)
        others = [lives[other] for other in lives if other != key.fingerprint]
        idle = life is None or any(one.begins_at <= life.ends_at < one.ends_at for one in others)
        yield from key_dates(owner, key, standing_by=idle)
        if window.ends_at is not None and key.fingerprint in pinned:
            since = midnight(window.valid_from) if window.valid_from else None
            yield KeyDate(owner, "pin of", key.fingerprint, since, window.ends_at, idle)


def key_dates(owner: str, key: KeyFacts, *, standing_by: bool) -> Iterator[KeyDate]:
    """The key and its subkeys; a subkey is worth a word only if it ends before its key and its siblings."""
    idle = standing_by or key.revoked
    yield KeyDate(owner, "key", key.fingerprint, key.created_at, key.expires_at, idle)
    for subkey in key.subkeys:
        outlived = _end(key) <= _end(subkey) or any(
            _does_the_same(other, subkey) and _end(subkey) < _end(other) for other in key.subkeys
        )
        stands_by = idle or subkey.revoked or outlived
        yield KeyDate(owner, "subkey", subkey.fingerprint, subkey.created_at, subkey.expires_at, stands_by)


def _life(key: KeyFacts, window: PinWindow) -> _Life:
    begins_at = midnight(window.valid_from) if window.valid_from else ALWAYS_WAS
    return _Life(begins_at, min(_end(key), window.ends_at or NEVER))


def _does_the_same(other: SubkeyFacts, subkey: SubkeyFacts) -> bool:
    duties = (subkey.can_sign, subkey.can_encrypt)
    return not other.revoked and (other.can_sign, other.can_encrypt) == duties


def _end(key: KeyFacts | SubkeyFacts) -> datetime:
    return key.expires_at or NEVER
