"""Kind `key_handover`: the practice will sign with another key, and says so with the old one.

The file itself is signed by the old key alone. Inside, `statement` is text
that both keys have signed, so that each vouches for the other.
"""

from typing import Annotated, Literal

from pydantic import Field

from exchange_formats.fields import Record, UtcInstant

Fingerprint = Annotated[str, Field(pattern=r"^[0-9A-F]{40}$")]
Armor = Annotated[str, Field(min_length=1, max_length=20_000)]


class KeyHandoverRecord(Record):
    """From `signs_from` on files are signed by the new key; the old one opens until `old_opens_until`."""

    record: Literal["key_handover"]
    old_fingerprint: Fingerprint
    new_fingerprint: Fingerprint
    signs_from: UtcInstant
    old_opens_until: UtcInstant
    public_key: Armor
    statement: Armor
