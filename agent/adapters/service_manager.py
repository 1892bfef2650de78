"""Tells systemd that the service has started, works, and stops (sd_notify(3), datagrams to NOTIFY_SOCKET).

Used by the daemon alone. Without systemd, and on Windows, there is nobody to
tell and nothing happens. It never blocks and never fails: the work does not
depend on who looks on.
"""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress

SIGNS_PER_PERIOD = 3
"""Signs of life in the time that the watchdog waits: one may be late, one may be lost."""


class ServiceManager:
    """Whoever started the service; `environment` is that of the process."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "") if ours else ""
        self.sign_every_seconds = int(period) / 1e6 / SIGNS_PER_PERIOD if period.isdecimal() else None
        """How often a sign of life is due; None if nobody waits for one."""

    def started(self) -> None:
        """From now on the service counts as running."""
        self._tell("READY=1")

    def works(self) -> None:
        """A sign of life for the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun and is no failure."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if sys.platform == "win32" or not self._address:
            return
        # An abstract address is written with `@` and meant with a zero byte.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.setblocking(False)
            speaking.sendto(state.encode(), address)
