"""How sealed files are called: kind, time, number and message, nothing about anybody.

`availability-20270104t063000z-00000017-3f9c2b1a.pgp`: sorting by name sorts
each kind by time. The name is a convenience; only what is signed counts.
"""

import re
from dataclasses import dataclass

from exchange_formats.envelope import Envelope, Kind

_NAME = re.compile(
    r"^(?P<kind>[a-z_]+)-(?P<time>[0-9]{8}t[0-9]{6}z)-(?P<sequence>[0-9]{8,})-[0-9a-f]{8}\.pgp$"
)


@dataclass(frozen=True, slots=True)
class SealedName:
    """What a file name says."""

    kind: Kind
    sequence: int


def sealed_name(envelope: Envelope) -> str:
    """The name of the sealed file of this document; unique by sequence and message id."""
    time = envelope.created_at.replace("-", "").replace(":", "").lower()
    message = envelope.message_id.replace("-", "")[:8]
    return f"{envelope.kind.value}-{time}-{envelope.sequence:08d}-{message}.pgp"


def parse_sealed_name(name: str) -> SealedName | None:
    """Kind and number of one of our names; None for any other."""
    found = _NAME.match(name)
    if found is None or found["kind"] not in set(Kind):
        return None
    return SealedName(Kind(found["kind"]), int(found["sequence"]))
