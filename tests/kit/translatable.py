"""Every sentence that is said in two languages, as the code has it, and the catalogue beside it.

`python -m tests.kit.translatable` puts the catalogue in order: sorted, without
what nobody says any more, and with an empty German text where one is missing.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

import agent
from agent.domain.refusal_advice import ADVICE, DECLINED
from agent.domain.sudden_change import IN_WORDS
from agent.errors import AgentError
from agent.language import CATALOGUES

CODE = Path(agent.__file__).parent
GERMAN = CATALOGUES / "de.po"
METHODS = {".py": "python", ".html": "jinja2", ".jinja": "jinja2"}
KEYWORDS = {"sentence": None, "gettext": None, "_": None, "ngettext": (1, 2)}
SIGNS = re.compile(rb"\b(sentence|n?gettext|_)\(|\btrans\b")

Key = str | tuple[str, str]
"""An English text, or one and many."""


def translatable() -> set[Key]:
    """What is said through `sentence`, `gettext` and `ngettext`, the errors' remedies, and the advice."""
    said: set[Key] = set()
    for file in CODE.rglob("*"):
        # Most modules say nothing to people, and to take one apart costs.
        if file.suffix in METHODS and SIGNS.search(file.read_bytes()):
            for _, message, _, _ in extract_from_file(METHODS[file.suffix], file, keywords=KEYWORDS):
                said.add(message if isinstance(message, str) else (message[0], message[1]))
    said |= {error.remedy for error in _errors(AgentError)}
    said |= {
        text for advice in (*ADVICE.values(), *DECLINED.values()) for text in (advice.meaning, advice.remedy)
    }
    said |= set(IN_WORDS.values())
    return said


def _errors(root: type[AgentError]) -> Iterator[type[AgentError]]:
    yield root
    for child in root.__subclasses__():
        yield from _errors(child)


def catalogue() -> Catalog:
    """The German one; raises PoFileError for a file that is none."""
    with GERMAN.open("rb") as file:
        return read_po(file, locale="de", abort_invalid=True)


def texts(found: Catalog) -> dict[Key, tuple[str, ...]]:
    """Key -> its German forms, one or two."""
    return {_key(message.id): _forms(message.string or "") for message in found if message.id}


def _key(given: str | list[str] | tuple[str, ...]) -> Key:
    return given if isinstance(given, str) else (given[0], given[1])


def _forms(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def in_order() -> bytes:
    """The catalogue as it should stand in the file."""
    known, ordered = texts(catalogue()), Catalog(locale="de", fuzzy=False)
    for key in sorted(translatable(), key=lambda one: one if isinstance(one, str) else one[0]):
        forms = known.get(key, ("", "") if isinstance(key, tuple) else ("",))
        # Without the flags, which only tell what the braces and signs in a text tell.
        ordered.add(key, forms if isinstance(key, tuple) else forms[0]).flags.clear()
    body = io.BytesIO()
    write_po(body, ordered, width=0, omit_header=True, no_location=True)
    head = GERMAN.read_text(encoding="utf-8").partition("\n\n")[0]
    return f"{head}\n\n".encode() + body.getvalue()


if __name__ == "__main__":
    GERMAN.write_bytes(in_order())
