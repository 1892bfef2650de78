"""Look at a key file's packets before gpg does: exactly one plain public key, of version 4, honestly named.

gpg's listing mixes user ids into lines of text, imports secrets silently and
skips what it does not know. What could deceive a reader of that listing is
refused here first; strength and dates are `agent.domain.keys`' matter.
"""

import unicodedata

from agent.adapters.armor import ArmorError, dearmored
from agent.adapters.openpgp_packets import Packet, Tag, read_packets
from agent.errors import KeyUnusableError, UnauthenticatedFileError

MAX_KEY_BYTES = 256 * 1024
MAX_USER_ID_BYTES = 512

SECRET_KEY, SECRET_SUBKEY, USER_ID, PUBLIC_SUBKEY = 5, 7, 13, 14
KEYS = frozenset({Tag.PUBLIC_KEY, PUBLIC_SUBKEY})
PLAIN = frozenset({*KEYS, USER_ID, Tag.SIGNATURE})

# Control, format (bidirectional and zero-width), surrogate, private, unassigned; line and paragraph ends.
_DECEIVING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain_public_key(data: bytes) -> bytes:
    """The packets of the one public key in a key file, binary or armored.

    Raises KeyUnusableError, which says what else the file holds.
    """
    if len(data) > MAX_KEY_BYTES:
        raise KeyUnusableError(f"the key file is larger than {MAX_KEY_BYTES} bytes; export it minimally")
    try:
        binary = dearmored(data, "PUBLIC KEY BLOCK", "PRIVATE KEY BLOCK")
        packets = tuple(read_packets(binary))
    except (ArmorError, UnauthenticatedFileError) as error:
        raise KeyUnusableError("the key file is no OpenPGP key, or it is damaged") from error
    _require_one_plain_key([packet.tag for packet in packets])
    for packet in packets:
        _require_version_4(packet)
        _require_honest_name(packet)
    return binary


def is_honest_name(text: str) -> bool:
    """Shown on a screen, the text looks like what it is: every character is visible or a space."""
    return not any(unicodedata.category(character) in _DECEIVING for character in text)


def _require_one_plain_key(tags: list[int]) -> None:
    if SECRET_KEY in tags or SECRET_SUBKEY in tags:
        raise KeyUnusableError(
            "the key file holds a SECRET key: its owner must revoke it and send the public half of a new one"
        )
    count = tags.count(Tag.PUBLIC_KEY)
    if count != 1 or tags[0] != Tag.PUBLIC_KEY:
        raise KeyUnusableError(f"the key file holds {count} public keys; exactly one is expected")
    if not PLAIN.issuperset(tags):
        raise KeyUnusableError(
            "the key file holds more than a public key, such as a picture; "
            "export it with `--export-options export-minimal,no-export-attributes`"
        )


def _require_version_4(packet: Packet) -> None:
    if packet.tag in KEYS and packet.body[:1] != b"\x04":
        raise KeyUnusableError(
            "the key file holds a key of a version other than 4, which GnuPG 2.2 cannot use"
        )


def _require_honest_name(packet: Packet) -> None:
    if packet.tag != USER_ID:
        return
    try:
        honest = len(packet.body) <= MAX_USER_ID_BYTES and is_honest_name(packet.body.decode("utf-8"))
    except UnicodeDecodeError:
        honest = False
    if not honest:
        raise KeyUnusableError("a user id of the key is too long, not UTF-8, or holds invisible characters")
