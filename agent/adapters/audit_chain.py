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

from agent.ports import AuditHead

GENESIS = AuditHead(0, "0" * 64)
"""The head of an empty chain."""

# What no entry can hold, like a blob put there by hand, gets some text and so fails to verify.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=repr)


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
    fields = [sequence, _instant_text(at), event, partner_id, details, previous_mac]
    return hmac.digest(key, canonical(fields).encode("ascii"), "sha256").hex()


def _instant_text(at: datetime | str) -> str:
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(at)
