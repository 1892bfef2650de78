"""Take the ASCII armor off a key or licence file (RFC 4880, section 6).

People mail these two kinds of file, so both forms are taken; exchanged files
come in binary only. Exactly one block, nothing around it. What comes out is
as untrusted as what went in: packets and signatures are judged afterwards.
"""

import base64
import binascii
import re

CRC24_START = 0xB704CE
CRC24_POLYNOMIAL = 0x1864CFB
_HEADER_LINE = re.compile(r"[A-Za-z]+: .*")


class ArmorError(ValueError):
    """The file is neither binary OpenPGP nor exactly one armored block of the right kind."""


def dearmored(data: bytes, *kinds: str) -> bytes:
    """The packets in `data`: as they are if it is binary, decoded if it is one block of one of `kinds`.

    A kind is what stands behind `BEGIN PGP`, such as `MESSAGE`. Raises ArmorError.
    """
    # Every packet begins with a byte that no ASCII text holds (RFC 4880, 4.2).
    if data[:1] >= b"\x80":
        return data
    try:
        lines = [line.rstrip() for line in data.decode("ascii").strip().splitlines()]
    except UnicodeDecodeError as error:
        raise ArmorError("neither binary nor ASCII text") from error
    if not any(
        lines[:1] + lines[-1:] == [f"-----BEGIN PGP {kind}-----", f"-----END PGP {kind}-----"]
        for kind in kinds
    ):
        raise ArmorError("not exactly one block of the right kind")
    return _decoded(_without_headers(lines[1:-1]))


def _without_headers(lines: list[str]) -> list[str]:
    """`Comment: ...` and the like, ended by an empty line."""
    if "" not in lines:
        raise ArmorError("no empty line behind the headers")
    end = lines.index("")
    if not all(_HEADER_LINE.fullmatch(line) for line in lines[:end]):
        raise ArmorError("malformed header")
    return lines[end + 1 :]


def _decoded(lines: list[str]) -> bytes:
    # The checksum is optional (RFC 9580 drops it); where it stands it must fit.
    checksum = lines.pop()[1:] if lines and lines[-1].startswith("=") else None
    try:
        data = base64.b64decode("".join(lines), validate=True)
        fits = checksum is None or base64.b64decode(checksum, validate=True) == _crc24(data)
    except binascii.Error as error:
        raise ArmorError("not base64") from error
    if not fits:
        raise ArmorError("the checksum does not fit")
    return data


def _crc24(data: bytes) -> bytes:
    """RFC 4880, 6.1."""
    crc = CRC24_START
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= CRC24_POLYNOMIAL
    return crc.to_bytes(3, "big")
