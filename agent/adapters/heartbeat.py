"""Asks a monitor's address, so that it knows that the service lives; its silence is the alarm."""

from urllib.error import URLError
from urllib.request import Request, urlopen

from agent.errors import WatcherUnreachableError

SECONDS = 10.0


def give_heartbeat(url: str) -> None:
    """One GET without any content, its answer's body unread. Raises WatcherUnreachableError."""
    try:
        # The settings allow https, and http on this machine, and nothing else.
        with urlopen(Request(url, headers={"User-Agent": "otv-agent"}), timeout=SECONDS):  # noqa: S310
            return
    except (URLError, OSError, ValueError) as error:
        # The address may hold the account's key: it is not repeated.
        raise WatcherUnreachableError(f"the heartbeat was not taken ({type(error).__name__})") from None
