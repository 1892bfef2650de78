"""Judge the outside of a sealed file: one session key for one named recipient, then one encrypted packet.

The first step of opening, before any key or program is touched. What is
handed on to gpg is our own encoding of exactly these two packets, so nothing
hidden between or behind them is ever read.
"""

from dataclasses import dataclass

from agent.adapters.openpgp_packets import Packet, Tag, encode_packet, read_packets
from agent.errors import QuarantineReason, UnauthenticatedFileError

NOT_ENCRYPTED = frozenset({Tag.SIGNATURE, Tag.ONE_PASS_SIGNATURE, Tag.COMPRESSED, Tag.LITERAL})


@dataclass(frozen=True, slots=True)
class EncryptedMessage:
    """The key id that the file names as its recipient, 16 hex digits, and the two packets."""

    key_id: str
    packets: bytes


def encrypted_message(sealed: bytes, max_bytes: int) -> EncryptedMessage:
    """Raises UnauthenticatedFileError unless `sealed` is one binary message encrypted to one key."""
    if not sealed:
        raise UnauthenticatedFileError(QuarantineReason.EMPTY)
    if len(sealed) > max_bytes:
        raise UnauthenticatedFileError(QuarantineReason.TOO_LARGE)
    packets = read_packets(sealed)
    session_key = next(packets)
    _require_session_key(session_key)
    encrypted = next(packets, None)
    if encrypted is None:
        raise UnauthenticatedFileError(QuarantineReason.DAMAGED)
    _require_integrity_protection(encrypted)
    if next(packets, None) is not None:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
    return EncryptedMessage(
        key_id=session_key.body[1:9].hex().upper(),
        packets=encode_packet(session_key) + encode_packet(encrypted),
    )


def _require_session_key(packet: Packet) -> None:
    """RFC 4880, 5.1: version 3, then the key id."""
    if packet.tag in NOT_ENCRYPTED:
        raise UnauthenticatedFileError(QuarantineReason.NOT_ENCRYPTED)
    if packet.tag == Tag.ENCRYPTED_WITHOUT_INTEGRITY:
        raise UnauthenticatedFileError(QuarantineReason.NO_INTEGRITY)
    if packet.tag == Tag.PASSWORD_SESSION_KEY:
        raise UnauthenticatedFileError(QuarantineReason.WRONG_RECIPIENT)
    if packet.tag != Tag.ENCRYPTED_SESSION_KEY or packet.body[:1] != b"\x03" or len(packet.body) < 9:
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)


def _require_integrity_protection(packet: Packet) -> None:
    """Version 1 of both kinds: RFC 4880, 5.13, and the OCB packet that GnuPG 2.4 writes."""
    if packet.tag == Tag.ENCRYPTED_WITHOUT_INTEGRITY:
        raise UnauthenticatedFileError(QuarantineReason.NO_INTEGRITY)
    if packet.tag not in (Tag.ENCRYPTED, Tag.ENCRYPTED_OCB) or packet.body[:1] != b"\x01":
        raise UnauthenticatedFileError(QuarantineReason.UNEXPECTED_STRUCTURE)
