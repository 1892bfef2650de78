"""The tables of docs/troubleshooting.md and docs/fehlersuche.md: what has happened, and what to do.

Each row is put together from what the code says itself, in the page's language.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

from agent.documentation.meanings import EXIT_CODES, MEANINGS
from agent.domain.refusal_advice import ADVICE, DECLINED, Advice
from agent.errors import QuarantineReason
from agent.language import Language, Sentence, sentence
from exchange_formats.receipts import BookingReason, MessageReason

CODE, MEANING, REMEDY = sentence("exit code"), sentence("what it means"), sentence("what to do")
REASON = sentence("reason")

Cells = Sequence[Sentence | str]


def trouble_tables(language: Language) -> dict[str, str]:
    """By the name under which a page asks for it: `exit codes`, `errors 20`, `QuarantineReason` and so on."""
    tables: dict[str, list[Cells]] = {"exit codes": [(CODE, MEANING), *_exit_codes()]}
    for code in sorted({error.exit_code for error in MEANINGS}):
        tables[f"errors {code}"] = [(MEANING, REMEDY), *_errors(code)]
    for reasons, advice in ((QuarantineReason, ADVICE), (MessageReason, ADVICE), (BookingReason, DECLINED)):
        tables[reasons.__name__] = [(REASON, MEANING, REMEDY), *_reasons(reasons, advice)]
    return {name: _markdown(language, rows) for name, rows in tables.items()}


def _exit_codes() -> Iterator[Cells]:
    return ((f"`{code}`", meaning) for code, meaning in EXIT_CODES.items())


def _errors(code: int) -> Iterator[Cells]:
    for error, meaning in MEANINGS.items():
        if error.exit_code == code:
            yield meaning, error.remedy


def _reasons(reasons: Iterable[StrEnum], advice: Mapping[str, Advice]) -> Iterator[Cells]:
    for reason in reasons:
        yield f"`{reason.value}`", advice[reason].meaning, advice[reason].remedy


def _markdown(language: Language, rows: Iterable[Cells]) -> str:
    header, *lines = ([language.say(cell) for cell in row] for row in rows)
    ruled = [header, ["---"] * len(header), *lines]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in ruled)
