"""Sign-ins, marks and tries over time, with a clock that the test turns."""

import pytest

from agent.errors import ConfigError
from agent.status_page.access import (
    MAX_SIGN_INS,
    SIGNED_IN_SECONDS,
    TRIES,
    TRIES_IN_ALL,
    TRIES_SECONDS,
    FailedTries,
    FormMarks,
    SignIns,
    Token,
)

TOKEN, OTHER = Token(lambda: "a" * 32).digest(), Token(lambda: "b" * 32).digest()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_sign_in_ends_after_a_working_day() -> None:
    clock = Clock()
    sign_ins = SignIns(clock)
    name = sign_ins.open(TOKEN)
    clock.now += SIGNED_IN_SECONDS - 1
    assert sign_ins.is_open(name, TOKEN)
    clock.now += 2
    assert not sign_ins.is_open(name, TOKEN)


def test_another_token_ends_every_sign_in() -> None:
    sign_ins = SignIns()
    name = sign_ins.open(TOKEN)
    assert not sign_ins.is_open(name, OTHER)
    assert sign_ins.is_open(name, TOKEN)


def test_sign_ins_are_bounded_and_the_oldest_goes() -> None:
    sign_ins = SignIns()
    names = [sign_ins.open(TOKEN) for _ in range(MAX_SIGN_INS + 1)]
    assert [sign_ins.is_open(name, TOKEN) for name in (names[0], names[1], names[-1])] == [False, True, True]


def test_tries_are_counted_by_address_and_in_all_and_forgotten_with_time() -> None:
    clock = Clock()
    tries = FailedTries(clock)
    for _ in range(TRIES):
        assert not tries.too_many("10.0.0.1")
        tries.add("10.0.0.1")
    assert (tries.too_many("10.0.0.1"), tries.too_many("10.0.0.2")) == (True, False)
    for number in range(TRIES_IN_ALL):
        tries.add(f"10.1.0.{number}")
    assert tries.too_many("10.0.0.2")
    clock.now += TRIES_SECONDS + 1
    assert not tries.too_many("10.0.0.1")


def test_mark_of_a_form_fits_its_cookie_of_this_service_alone() -> None:
    marks = FormMarks()
    assert marks.fits("cookie", marks.of("cookie"))
    assert not marks.fits("another", marks.of("cookie"))
    assert not marks.fits("", marks.of(""))
    assert not FormMarks().fits("cookie", marks.of("cookie"))


def test_token_is_read_anew_each_time() -> None:
    kept = ["a" * 32]
    token = Token(lambda: kept[0])
    assert token.fits("a" * 32)
    assert token.fits(f"{'a' * 32}\n"), "pasted with its line end"
    kept[0] = "b" * 32
    assert not token.fits("a" * 32)
    kept[0] = "short"
    with pytest.raises(ConfigError):
        token.fits("short")
