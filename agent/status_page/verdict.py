"""The manager's question answered: is online booking working, and what is to be done?

Pure: a board in, one sentence and a list of things to do out. Each thing leads
to the part of the page where it stands with all its words.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.board import Board, BoardLane, BoardPartner
from agent.doctor.finding import State
from agent.domain.freshness import Freshness
from agent.language import Sentence, sentence

KEY_STEP = 14
"""Days before its end from which on a key is a thing to do; before that it stands in the calendar."""


@dataclass(frozen=True, slots=True)
class ToDo:
    """One thing for a person; `part` is the id of the page's part that says more."""

    what: Sentence
    part: str
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Green: nothing to do. Amber: it works, look soon. Red: it does not work."""

    colour: Freshness
    answer: Sentence
    to_do: tuple[ToDo, ...]


def verdict(board: Board) -> Verdict:
    """The urgent things first."""
    to_do = tuple(sorted(_to_do(board), key=lambda one: not one.urgent))
    if any(one.urgent for one in to_do):
        return Verdict(Freshness.RED, _broken(board), to_do)
    if to_do:
        return Verdict(
            Freshness.AMBER, sentence("Online booking works, and something needs a look soon."), to_do
        )
    return Verdict(Freshness.GREEN, sentence("Online booking works. There is nothing to do."), ())


def _broken(board: Board) -> Sentence:
    red = [partner for partner in board.partners if _is_red(partner)]
    if red and len(red) < len(board.partners):
        return sentence(
            "Online booking does not work with {partners}.", partners=", ".join(one.name for one in red)
        )
    if red or not board.partners:
        return sentence("Online booking does not work.")
    return sentence("Online booking works, but something must be looked at today.")


def _is_red(partner: BoardPartner) -> bool:
    return Freshness.RED in (partner.outbound.freshness, partner.inbound.freshness)


def _to_do(board: Board) -> Iterator[ToDo]:
    yield from _of_the_whole(board)
    for partner in board.partners:
        yield from _of_lane(partner, partner.outbound, sentence("To {partner}", partner=partner.name))
        yield from _of_lane(partner, partner.inbound, sentence("From {partner}", partner=partner.name))
    waiting = sum(one.released_at is None for one in board.holds)
    if waiting:
        yield ToDo(sentence("Held until somebody has looked: {count}", count=waiting), "holds")
    unsigned = sum(not one.authenticated for one in board.quarantine)
    if unsigned:
        yield ToDo(
            sentence("Files set aside that nobody has looked at: {count}", count=unsigned), "set-aside"
        )
    if board.given_up:
        count = len(board.given_up)
        yield ToDo(sentence("Files that could not be delivered for days: {count}", count=count), "given-up")
    if board.troubles:
        yield ToDo(sentence("Troubles at this moment: {count}", count=len(board.troubles)), "troubles")


def _of_the_whole(board: Board) -> Iterator[ToDo]:
    if not board.partners:
        yield ToDo(sentence("No partner can be shown: none is set up, or the database does not answer."),
                   "troubles", urgent=True)  # fmt: skip
    if board.running_since is None:
        yield ToDo(sentence("The service does not run."), "troubles", urgent=True)
    if board.licence.problem is not None:
        yield ToDo(sentence("The licence is not valid."), "keys", urgent=True)
    if board.audit is not None and board.audit.problem is not None:
        yield ToDo(sentence("The audit log is broken."), "keys", urgent=True)
    amiss = sum(one.state is State.FAILED for one in board.findings)
    if amiss:
        yield ToDo(sentence("Faults of this machine or its settings: {count}", count=amiss), "machine")
    near = [one for one in board.keys if one.step is not None and one.step <= KEY_STEP]
    if near or board.key_problems:
        count = len(near) + len(board.key_problems)
        yield ToDo(sentence("Keys or licence that end soon or are unclear: {count}", count=count), "keys")


def _of_lane(partner: BoardPartner, lane: BoardLane, where: Sentence) -> Iterator[ToDo]:
    if lane.freshness is not Freshness.GREEN:
        what = sentence("{lane}: {why}", lane=where, why=lane.why)
        yield ToDo(what, f"partner-{partner.partner_id}", lane.freshness is Freshness.RED)
