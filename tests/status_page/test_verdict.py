"""The manager's question: one answer for each state, and a thing to do that leads to its part of the page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.adapters.good_cycles import AuditCheck
from agent.board import Board, BoardLicence
from agent.domain.freshness import Freshness
from agent.language import Language, LanguageCode
from agent.status_page.verdict import verdict
from tests.status_page.boards import HOLD, NOW, bad_board, good_board

ENGLISH = Language(LanguageCode.ENGLISH)
GOOD, BAD = good_board(), bad_board()


def answer(board: Board) -> str:
    return ENGLISH.say(verdict(board).answer)


def test_good_day_has_nothing_to_do() -> None:
    found = verdict(GOOD)
    assert (found.colour, found.to_do) == (Freshness.GREEN, ())
    assert answer(GOOD) == "Online booking works. There is nothing to do."


def test_partner_that_is_out_of_date_is_named_and_comes_first() -> None:
    found = verdict(BAD)
    assert found.colour is Freshness.RED
    assert answer(BAD) == "Online booking does not work with Zahnzeit."
    assert (found.to_do[0].part, found.to_do[0].urgent) == ("partner-zahnzeit", True)
    assert [one.part for one in found.to_do[1:]] == [
        "machine", "keys", "holds", "set-aside", "given-up", "troubles",
    ]  # fmt: skip


def test_all_partners_out_of_date_is_no_online_booking_at_all() -> None:
    red = replace(GOOD.partners[0].inbound, freshness=Freshness.RED)
    both = tuple(replace(one, inbound=red) for one in GOOD.partners)
    assert answer(replace(GOOD, partners=both)) == "Online booking does not work."
    assert answer(replace(GOOD, partners=())) == "Online booking does not work."


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"holds": (HOLD,)}, "holds"),
        ({"quarantine": BAD.quarantine}, "set-aside"),
        ({"given_up": BAD.given_up}, "given-up"),
        ({"troubles": BAD.troubles}, "troubles"),
        ({"key_problems": ("unclear",)}, "keys"),
        ({"findings": BAD.findings}, "machine"),
        ({"keys": (replace(GOOD.keys[1], step=14),)}, "keys"),
    ],
)
def test_what_can_wait_for_a_while_needs_a_look_soon(changes: dict[str, object], part: str) -> None:
    found = verdict(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert (found.colour, [one.part for one in found.to_do]) == (Freshness.AMBER, [part])


@pytest.mark.parametrize(
    "changes",
    [
        {"licence": BoardLicence(None, "expired")},
        {"audit": AuditCheck(NOW, None, "entry 17 was edited")},
        {"running_since": None},
    ],
)
def test_what_cannot_wait_is_for_today_though_every_partner_is_up_to_date(changes: dict[str, object]) -> None:
    found = verdict(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert (found.colour, found.to_do[0].urgent) == (Freshness.RED, True)


def test_what_is_settled_is_nothing_to_do() -> None:
    settled = replace(
        GOOD,
        holds=(replace(HOLD, released_at=NOW - timedelta(minutes=1)),),
        quarantine=(BAD.quarantine[1],),
        keys=(replace(GOOD.keys[1], step=60), replace(GOOD.keys[1], step=30)),
    )
    assert verdict(settled).to_do == ()
