"""How far the clock is off, asked of a real server on a local port."""

import socket

import pytest

from agent.adapters.time_server import seconds_behind
from agent.doctor.clocks import time_server as looked_at
from agent.doctor.finding import Check, State
from agent.errors import TransferError
from tests.kit.time_server import time_server


@pytest.mark.parametrize("ahead", [0.0, 7.5, -3600.0])
def test_offset_is_what_the_server_is_ahead(ahead: float) -> None:
    with time_server(ahead) as port:
        # On a loaded machine an answer may take a while; half of that counts as an error of the clock.
        assert abs(seconds_behind("127.0.0.1", port) - ahead) < 2


def test_server_that_does_not_know_the_time_is_not_believed() -> None:
    with time_server(99, stratum=0) as port, pytest.raises(TransferError, match="does not know the time"):
        seconds_behind("127.0.0.1", port)


def test_silent_server_is_given_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(TransferError, match=r"127\.0\.0\.1"):
            seconds_behind("127.0.0.1", silent.getsockname()[1])


def test_name_that_nobody_knows_is_told() -> None:
    with pytest.raises(TransferError, match=r"cannot be asked|not done within"):
        seconds_behind("no-such-host.invalid")


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (0, State.FINE, "agrees with"),
        (20, State.WARNING, "off by {off}"),
        (-400, State.FAILED, "signatures and free times are judged wrongly"),
    ],
)
def test_doctor_judges_by_how_far_the_clock_is_off(ahead: float, state: State, words: str) -> None:
    with time_server(ahead) as port:
        found = looked_at("127.0.0.1", port)
    assert (found.check, found.state) == (Check.TIME_SERVER, state)
    assert words in found.said.text


def test_doctor_only_warns_of_a_server_that_cannot_be_asked() -> None:
    with time_server(99, stratum=0) as port:
        found = looked_at("127.0.0.1", port)
    assert (found.state, found.exit_code) == (State.WARNING, 0)
