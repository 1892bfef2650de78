"""Documents from a grammar, lawful and not, and what the codec must make of them.

A reader that shares no code with the codec (`tests.fuzz.reader`) judges every text too: the codec
accepts what it accepts and nothing else, and what comes out is what stands there.
"""

import json
from random import Random
from typing import Any

from exchange_formats.codec import DocumentError, InboundDocument, content_digest, decode_inbound
from exchange_formats.receipts import MessageReason
from tests.fuzz.bytewise import spoiled
from tests.fuzz.findings import FindingError
from tests.fuzz.reader import read
from tests.fuzz.vocabulary import ANYTHING, FIELDS, NASTY, Place, acknowledgement, booking, envelope

LINE_MAKERS = {"bookings": booking, "acknowledgements": acknowledgement}
WORSE_LINES = (b"", b"{}", b"[]", b"null", b" ", b"\xff", b"\xef\xbb\xbf{}", b"[" * 100, b'{"a":' * 70 + b"1")
ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-7")


def document(dice: Random, place: Place, spoil: float = 0.6) -> bytes:
    """A text in the shape of a file; as often as `spoil` says, not as it ought to be."""
    kind = dice.choice(("bookings", "bookings", "bookings", "acknowledgements"))
    records = [LINE_MAKERS[kind](dice, place) for _ in range(dice.choice((0, 1, 1, 2, 3, 5)))]
    lines = [envelope(dice, place, kind), *records]
    lines.append({"record": "trailer", "record_count": len(records)})
    ways = dice.sample(("field", "line", "bytes"), dice.choice((1, 1, 1, 2))) if dice.random() < spoil else []
    if "field" in ways:
        for _ in range(dice.choice((1, 1, 2))):
            _spoil_field(dice, dice.choice(lines))
    spelled = [_spelled(dice, line) for line in lines]
    if "line" in ways:
        _spoil_lines(dice, spelled)
    content = b"".join(line + b"\n" for line in spelled)
    return _spoil_bytes(dice, content) if "bytes" in ways else content


def judged(content: bytes) -> tuple[str, InboundDocument | None]:
    """How the codec's reading ended, in one word, and what it read. Raises FindingError."""
    lawful = read(content)
    try:
        document = decode_inbound(content)
    except DocumentError as refusal:
        if lawful is not None:
            raise FindingError(f"a lawful document is refused: {refusal}", content) from refusal
        if refusal.reason not in MessageReason:
            raise FindingError("refused for a reason that is in no list", content) from refusal
        return refusal.reason.value, None
    except Exception as error:
        raise FindingError(f"not refused, but {type(error).__name__}", content) from error
    if lawful is None:
        raise FindingError("an unlawful document is accepted", content)
    _require_same(content, lawful, document)
    return "accepted", document


def _require_same(content: bytes, lawful: list[dict[str, Any]], document: InboundDocument) -> None:
    """Field by field what stands there, and once more as another spelling of the same."""
    told = [document.envelope, *document.records]
    for line, record in zip(lawful, told, strict=True):
        if _without_unsaid(record.model_dump(mode="json")) != _without_unsaid(line):
            raise FindingError("what was read is not what stands there", content)
    respelled = b"".join(json.dumps(line).encode() + b"\n" for line in [*lawful, _trailer(document)])
    again = decode_inbound(respelled)
    if [content_digest(one) for one in again.records] != [content_digest(one) for one in document.records]:
        raise FindingError("another spelling has another digest", content)


def _trailer(document: InboundDocument) -> dict[str, Any]:
    return {"record": "trailer", "record_count": len(document.records)}


def _without_unsaid(value: Any) -> Any:
    """Nothing and not mentioned are one; so is the only reason of a cancellation that may be left out."""
    if isinstance(value, dict):
        kept = {key: _without_unsaid(one) for key, one in value.items() if one is not None}
        return {key: one for key, one in kept.items() if (key, one) != ("cancellation_reason", "pat")}
    return [_without_unsaid(one) for one in value] if isinstance(value, list) else value


# --- how a document goes wrong ---------------------------------------------------------------------


def _spoil_field(dice: Random, line: dict[str, Any]) -> None:
    target = line
    inside = line.get("patient")
    if isinstance(inside, dict) and dice.random() < 0.6:
        target = inside
        contacts = inside.get("contact_points")
        if isinstance(contacts, list) and contacts and isinstance(contacts[0], dict) and dice.random() < 0.4:
            contacts[0] = dict(contacts[0])
            target = contacts[0]
    if not target:
        return
    key = dice.choice(sorted(target))
    match dice.choice(("nasty", "nasty", "nasty", "anything", "drop", "add", "rename")):
        case "nasty":
            target[key] = dice.choice(NASTY.get(key, ANYTHING))
        case "anything":
            target[key] = dice.choice(ANYTHING)
        case "drop":
            del target[key]
        case "add":
            target[dice.choice(FIELDS)] = dice.choice(ANYTHING)
        case _:
            target[dice.choice(FIELDS)] = target.pop(key)


def _spelled(dice: Random, line: dict[str, Any]) -> bytes:
    """One of the many spellings of the same object."""
    pairs = list(line.items())
    if dice.random() < 0.3:
        dice.shuffle(pairs)
    separators = dice.choice(((",", ":"), (", ", ": "), (" ,\t", " :\r")))
    text = json.dumps(dict(pairs), ensure_ascii=dice.random() < 0.4, separators=separators)
    # A lone surrogate has no place in UTF-8; this is what careless programs write.
    return text.encode("utf-8", "surrogatepass")


def _spoil_lines(dice: Random, lines: list[bytes]) -> None:
    place = dice.randrange(len(lines))
    match dice.choice(("drop", "repeat", "swap", "insert", "key twice", "blow up", "many")):
        case "drop":
            del lines[place]
        case "repeat":
            lines.insert(place, lines[dice.randrange(len(lines))])
        case "swap":
            dice.shuffle(lines)
        case "insert":
            lines.insert(place, dice.choice(WORSE_LINES))
        case "key twice":
            first = lines[place][1:].split(b",")[0].rstrip(b"}")
            lines[place] = b"{" + first + b"," + lines[place][1:]
        case "blow up":
            lines[place] += b" " * dice.choice((10, 65_000, 70_000))
        case _:
            lines[1:1] = [lines[place]] * dice.choice((249, 251))


def _spoil_bytes(dice: Random, content: bytes) -> bytes:
    if dice.random() < 0.2:
        text = content.decode("utf-8", "replace")
        return text.encode(dice.choice(ENCODINGS), "replace")
    return spoiled(dice, content, [content, b"".join(WORSE_LINES)])
