"""Spoil bytes that mean nothing in particular: flip, cut, insert, repeat, splice, move."""

from collections.abc import Callable, Sequence
from random import Random

LENGTHS = (0, 1, 2, 0x7F, 0x80, 0xBF, 0xC0, 0xDF, 0xE0, 0xE8, 0xE9, 0xFE, 0xFF)
"""Where one form of a packet's length ends and the next begins (RFC 4880, 4.2)."""
MOST_AT_ONCE = 64

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""The bytes to spoil, and other files to take pieces from."""


def spoiled(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One change, most often at the front, where headers stand."""
    return dice.choice(CHANGES)(dice, data, others)


def _place(dice: Random, data: bytes) -> int:
    reach = min(len(data), 40) if dice.random() < 0.5 else len(data)
    return dice.randrange(reach + 1) if reach else 0


def _stretch(dice: Random, data: bytes) -> tuple[int, int]:
    start = _place(dice, data)
    return start, min(len(data), start + dice.randint(1, MOST_AT_ONCE))


def _flip(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        if changed:
            changed[min(_place(dice, data), len(changed) - 1)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _overwrite(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    place = _place(dice, data)
    return data[:place] + bytes([dice.choice(LENGTHS)]) + data[place + 1 :]


def _cut_end(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    return data[: _place(dice, data)]


def _cut_out(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start, end = _stretch(dice, data)
    return data[:start] + data[end:]


def _insert(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    place = _place(dice, data)
    return data[:place] + dice.randbytes(dice.randint(1, MOST_AT_ONCE)) + data[place:]


def _repeat(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start, end = _stretch(dice, data)
    return data[:end] + data[start:end] + data[end:]


def _move(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start, end = _stretch(dice, data)
    rest, place = data[:start] + data[end:], _place(dice, data[:start] + data[end:])
    return rest[:place] + data[start:end] + rest[place:]


def _blank(dice: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    start, end = _stretch(dice, data)
    return data[:start] + bytes(end - start) + data[end:]


def _splice(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = dice.choice(others)
    same_place = dice.random() < 0.5
    place = _place(dice, data)
    return data[:place] + other[place if same_place else _place(dice, other) :]


def _pad(dice: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    pad = dice.choice((b"\n", b"\x00", b"\xca\x03PGP", data, dice.choice(others)))
    return pad + data if dice.random() < 0.5 else data + pad


CHANGES: tuple[Change, ...] = (
    _flip,
    _overwrite,
    _cut_end,
    _cut_out,
    _insert,
    _repeat,
    _move,
    _blank,
    _splice,
    _pad,
)
