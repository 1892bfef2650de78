"""Makes an SFTP server's answer plain before paramiko reads it, whatever the server wrote.

paramiko believes the counts in an answer: one attribute count of four
billion keeps its thread busy long after every deadline, and one name that is
not UTF-8 makes a whole listing fail. So each answer is taken apart here, by
exact lengths, and put together again with what we use and nothing else: no
foreign words, no extended attributes, no long names. Pure bytes, no library
(draft-ietf-secsh-filexfer-02, sections 4, 5 and 7).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_ANSWER_BYTES = 1024 * 1024
"""Four times what OpenSSH sends at most; we never ask for more than 248 KiB."""

_STATUS, _NAME, _ATTRIBUTES = 101, 104, 105
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x80000000
_USED = _HAS_SIZE | _HAS_MODE | _HAS_TIMES


class MalformedAnswerError(ValueError):
    """The bytes do not keep to the protocol; says nothing of what they are."""


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """The answer without its type, for paramiko; `unreadable` counts the names that were left out."""

    body: bytes
    unreadable: int = 0


def plain_answer(kind: int, body: bytes) -> PlainAnswer:
    """The same answer as far as we use it. Raises MalformedAnswerError."""
    reader = _Reader(body)
    if kind == _STATUS:
        number, code = reader.take(4), reader.take(4)
        return PlainAnswer(number + code + _text(b"") + _text(b""))
    if kind == _ATTRIBUTES:
        return PlainAnswer(reader.take(4) + _plain_attributes(reader))
    if kind == _NAME:
        return _plain_names(reader)
    return PlainAnswer(body)


def _plain_names(reader: "_Reader") -> PlainAnswer:
    number, announced = reader.take(4), reader.number()
    entries = [entry for entry in _entries(reader, announced) if entry is not None]
    body = number + struct.pack(">I", len(entries)) + b"".join(entries)
    return PlainAnswer(body, announced - len(entries))


def _entries(reader: "_Reader", announced: int) -> Iterator[bytes | None]:
    """Each name with its attributes, None where the name is not UTF-8; a lie about the count ends it."""
    for _ in range(announced):
        name, _long_name, attributes = reader.text(), reader.text(), _plain_attributes(reader)
        try:
            name.decode("utf-8")
        except UnicodeDecodeError:
            yield None
        else:
            yield _text(name) + _text(b"") + attributes


def _plain_attributes(reader: "_Reader") -> bytes:
    flags = reader.number()
    plain = struct.pack(">I", flags & _USED)
    if flags & _HAS_SIZE:
        plain += reader.take(8)
    if flags & _HAS_OWNER:
        reader.take(8)
    if flags & _HAS_MODE:
        plain += reader.take(4)
    if flags & _HAS_TIMES:
        plain += reader.take(8)
    if flags & _HAS_EXTENDED:
        for _ in range(2 * reader.number()):
            reader.text()
    return plain


class _Reader:
    """Takes from the front; every text costs at least its length field, so no count outlasts the bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._position = 0

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._content):
            raise MalformedAnswerError("an answer ends before what it announces")
        piece = self._content[self._position : end]
        self._position = end
        return piece

    def number(self) -> int:
        number: int = struct.unpack(">I", self.take(4))[0]
        return number

    def text(self) -> bytes:
        return self.take(self.number())


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
