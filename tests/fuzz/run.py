"""Work off mutants of every layer, each by its own dice, and write down how it ended."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from agent.clock import utc_now
from tests.fuzz import documents, openings
from tests.fuzz.findings import FindingError, Record
from tests.fuzz.stories import reception
from tests.fuzz.vocabulary import Place
from tests.kit.openpgp import KeyWorld, short_folder

SHARES = {"outer": 0.4, "inner": 0.3, "document": 0.27, "story": 0.03}
"""Of all mutants; a story costs twenty times what a document costs."""
WARM_UP = 2
"""So many mutants of every layer at least."""

Try = Callable[[Random], str]


def names(mutants: int) -> list[str]:
    """`layer/number` of every mutant of a run of this size."""
    sizes = {layer: max(WARM_UP, round(mutants * share)) for layer, share in SHARES.items()}
    return [f"{layer}/{number}" for layer, size in sizes.items() for number in range(size)]


def again(name: str) -> list[str]:
    """What it takes to make one mutant again: a story needs those before it."""
    layer, number = name.split("/")
    return [f"{layer}/{one}" for one in range(int(number) + 1)] if layer == "story" else [name]


def run_mutants(record: Record, chosen: Iterable[str], world: KeyWorld, workers: int = 1) -> None:
    """Try every mutant; findings end in the record. Stories come one after the other, in one practice."""
    by_layer: dict[str, list[str]] = {layer: [] for layer in SHARES}
    for name in chosen:
        by_layer[name.split("/")[0]].append(name)
    files = openings.originals(world, world.key_ring("fuzz", world.dentport.public_key))
    place = Place("praxis-1", "dentport", utc_now())
    tries: dict[str, Try] = {
        "outer": lambda dice: openings.opened(files, openings.outer_mutant(dice, files)),
        "inner": lambda dice: openings.opened(files, openings.inner_mutant(dice, files)),
        "document": lambda dice: documents.judged(documents.document(dice, place))[0],
    }
    for layer, attempt in tries.items():
        # gpg is waited for most of the time; the threads share nothing but the record.
        with ThreadPoolExecutor(workers) as pool:
            for name, end in zip(
                by_layer[layer], pool.map(partial(_end, record, attempt), by_layer[layer]), strict=True
            ):
                _write_down(record, name, end)
    if by_layer["story"]:
        with short_folder() as folder, reception(world, folder) as desk:
            for name in by_layer["story"]:
                _write_down(record, name, _end(record, desk.story, name))
            record.answers = desk.answers


def _end(record: Record, attempt: Try, name: str) -> str | FindingError:
    try:
        return attempt(record.random(name))
    except FindingError as finding:
        return finding


def _write_down(record: Record, name: str, end: str | FindingError) -> None:
    if isinstance(end, FindingError):
        record.note(name, end)
    else:
        record.outcomes[name.split("/", maxsplit=1)[0], end] += 1
