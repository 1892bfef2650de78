"""How an entry of the audit log is tied to the one before it.

Entry n carries HMAC-SHA256(key, canonical JSON of [sequence, time, event,
partner, details, previous mac]) in hex; the first one follows 64 zeros.
`agent.adapters.audit_log` writes entries by this rule and
`agent.adapters.audit_verification` checks them; changing it breaks every
chain that exists.
"""

import hmac
import json
from datetime import UTC, datetime
from typing import Any

from agent.ports import AuditHead

GENESIS = AuditHead(0, "0" * 64)
"""The head of an empty chain."""

# What no entry can hold, like a blob put there by hand, gets some text and so fails to verify.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


RESTORED = "database restored"
"""The one entry that may follow a gap in the numbers: its details say which entries were lost.

`kept` is the last one that the restored copy holds, `lost_through` the last
that had been written. The number goes on behind what was lost, because
partners tell newer from older by it.
"""


def canonical(value: object) -> str:
    """JSON in one spelling: sorted keys, no white space, ASCII."""
    return _CANONICAL.encode(value)


def chained_mac(
    key: bytes,
    previous_mac: str,
    *,
    sequence: int,
    at: datetime | str,
    event: str,
    partner_id: str | None,
    details: str,
) -> str:
    """`details` is chained as the text that is stored, so that not even its white space can change.

    `at` may be the text `YYYY-MM-DDTHH:MM:SSZ`, as SQLite keeps it.
    """
    fields = [sequence, instant_text(at), event, partner_id, details, previous_mac]
    return hmac.digest(key, canonical(fields).encode("ascii"), "sha256").hex()


def mac_of(key: bytes, sequence: int, row: Any, previous_mac: str) -> str:
    """What a stored row's mac would be at the place `sequence`, after the entry with `previous_mac`."""
    return chained_mac(
        key,
        previous_mac,
        sequence=sequence,
        at=row.at,
        event=row.event,
        partner_id=row.partner_id,
        details=row.details,
    )


def instant_text(at: datetime | str) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ`; what was stored as another text stays that."""
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(at)
