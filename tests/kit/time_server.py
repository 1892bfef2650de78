"""A time server on a local port that knows the time, or tells another one (RFC 4330)."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SINCE_1900 = 2_208_988_800
"""From NTP's first second to that of Unix."""
SERVER, VERSION = 4, 3
_PACKET = struct.Struct("!BBbb11I")


@contextmanager
def time_server(ahead_seconds: float = 0, stratum: int = 2) -> Iterator[int]:
    """Its port on this machine; it answers until the block ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        answering = threading.Thread(
            target=_answer, args=(listening, ahead_seconds, stratum), name="time server", daemon=True
        )
        answering.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", port))
            answering.join()


def _answer(listening: socket.socket, ahead_seconds: float, stratum: int) -> None:
    while True:
        asked, asker = listening.recvfrom(512)
        if not asked:
            return
        now = _timestamp(time.time() + ahead_seconds)
        sent = _PACKET.unpack(asked[: _PACKET.size])[13:15]
        head = (VERSION << 3 | SERVER, stratum, 0, -20, 0, 0, 0)
        listening.sendto(_PACKET.pack(*head, *now, *sent, *now, *now), asker)


def _timestamp(moment: float) -> tuple[int, int]:
    seconds, fraction = divmod(moment + SINCE_1900, 1)
    return int(seconds), int(fraction * 2**32)
