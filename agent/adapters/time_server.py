"""Asks a time server how far this machine's clock is off (SNTP, RFC 4330); the only module that knows ntplib.

For `otv-agent doctor` alone: the service judges its clock without any network
(see `agent.adapters.watched_clock`). It never sets a clock.
"""

import ntplib

from agent.adapters.deadline import within
from agent.errors import TransferError

PORT = 123
ANSWER_SECONDS = 3.0
LIMIT_SECONDS = 5.0
"""With the look-up of its name, which knows no limit of its own."""
UNSYNCHRONISED = 3
"""The leap indicator of a server that does not know the time itself."""


def seconds_behind(host: str, port: int = PORT) -> float:
    """By how much the server's clock is ahead of ours. Raises TransferError, after 5 seconds at most."""
    return within(LIMIT_SECONDS, f"the time server {host}", lambda: _asked(host, port), lambda: None)


def _asked(host: str, port: int) -> float:
    try:
        answer = ntplib.NTPClient().request(host, version=3, port=port, timeout=ANSWER_SECONDS)
    except ntplib.NTPException as error:
        raise TransferError(f"the time server {host} does not answer") from error
    except OSError as error:
        raise TransferError(f"the time server {host} cannot be asked: {error.strerror}") from error
    # Stratum 0 is a refusal, the "kiss of death".
    if answer.stratum == 0 or answer.leap == UNSYNCHRONISED:
        raise TransferError(f"the time server {host} does not know the time itself")
    return float(answer.offset)
