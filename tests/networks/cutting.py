"""A TCP proxy that breaks a connection after a chosen byte, as a line does: without a farewell."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

_PIECE_BYTES = 16 * 1024


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Cut:
    """After so many bytes of one direction the connection is reset, or first the server is killed."""

    direction: Direction
    after_bytes: int
    kill: Callable[[], None] | None = None


class CuttingProxy:
    """Forwards to a port on this machine; one connection after the other, each with the cut set for it."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.cut: Cut | None = None
        self.forwarded = dict.fromkeys(Direction, 0)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def next_connection(self, cut: Cut | None) -> None:
        """What is to happen to the one that comes."""
        self.cut = cut
        self.forwarded = dict.fromkeys(Direction, 0)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            pair = {Direction.UP: (client, server), Direction.DOWN: (server, client)}
            for direction, (source, target) in pair.items():
                arguments = (direction, source, target)
                threading.Thread(target=self._forward, args=arguments, daemon=True).start()

    def _forward(self, direction: Direction, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                cut = self.cut
                left = len(piece)
                if cut is not None and cut.direction is direction:
                    left = cut.after_bytes - self.forwarded[direction]
                target.sendall(piece[: max(left, 0)])
                self.forwarded[direction] += len(piece)
                if cut is not None and left < len(piece):
                    if cut.kill is not None:
                        cut.kill()
                    break
        _reset(source)
        _reset(target)


def _reset(connection: socket.socket) -> None:
    """End it for both directions at once; what the kernel still holds is thrown away."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
