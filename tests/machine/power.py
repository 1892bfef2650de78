"""What comes in between: the power goes, or staff act, at a chosen place in the middle of a story."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from agent.flows.lane import Lane, PracticeSide
from agent.ports import Database, WriteTransaction
from tests.flows.outages import CutAt, PowerCutError

Cut = Literal["first commit", "second commit", "publish", "archive"]
"""Where the power goes: before a commit, before a finished draft gets its name, before the file is filed."""
CUTS: tuple[Cut, ...] = ("first commit", "second commit", "publish", "archive")


class _CutAtCommit:
    """A database whose n-th writing transaction does all its work and is never committed."""

    def __init__(self, database: Database, number: int) -> None:
        self._database, self._left = database, number

    def read(self) -> Any:
        return self._database.read()

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        self._left -= 1
        with self._database.write() as work:
            yield work
            if self._left == 0:
                raise PowerCutError


class _Meanwhile:
    """A database before whose second writing transaction somebody else is faster."""

    def __init__(self, database: Database, happens: Callable[[], None]) -> None:
        self._database, self._happens, self._begun = database, happens, 0

    def read(self) -> Any:
        return self._database.read()

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        self._begun += 1
        if self._begun == 2:
            self._happens()
        with self._database.write() as work:
            yield work


class _CutAtPublish:
    """An outbox whose drafts are written and never get their names."""

    def __init__(self, outbox: Any) -> None:
        self._outbox = outbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    @contextmanager
    def draft(self) -> Iterator[Any]:
        with self._outbox.draft() as draft:
            yield CutAt(draft, "publish")


def cut_short(practice: PracticeSide, lane: Lane, cut: Cut | None) -> tuple[PracticeSide, Lane]:
    """The two sides of a story, with the power going at that place."""
    outbox: Any = _CutAtPublish(lane.outbox)
    inbound: Any = CutAt(lane.inbound, "archive")
    match cut:
        case "first commit":
            return replace(practice, database=_CutAtCommit(practice.database, 1)), lane
        case "second commit":
            return replace(practice, database=_CutAtCommit(practice.database, 2)), lane
        case "publish":
            return practice, replace(lane, outbox=outbox)
        case "archive":
            return practice, replace(lane, inbound=inbound)
    return practice, lane


def interrupted(practice: PracticeSide, happens: Callable[[], None] | None) -> PracticeSide:
    """The practice's side of a story between whose two transactions something happens."""
    if happens is None:
        return practice
    return replace(practice, database=_Meanwhile(practice.database, happens))
