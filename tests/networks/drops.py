"""Uploads to a real OpenSSH that break at a random moment: what does the partner see? (promise P5)

The line is cut after a random byte, in either direction, or the partner's
sshd is killed at that moment. Half of the breaks fall where it matters most:
into the last exchange of close, look and rename.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.adapters.sftp_transport import SftpSettings, SftpTransport
from agent.adapters.ssh_account import SshAccount
from agent.errors import TransferError
from agent.ports import Delivery, Transport
from tests.kit.sftp_servers import OpenSshServer, SshKey, make_ssh_key
from tests.networks.cutting import Cut, CuttingProxy, Direction

MOST_BYTES = 400_000
TAIL_BYTES = {Direction.UP: 2_000, Direction.DOWN: 1_000}
_LOOK_EVERY_SECONDS = 0.005
_PATIENCE_SECONDS = 60.0


@dataclass(slots=True)
class DropResult:
    """What became of the uploads, and what was wrong with them."""

    uploads: int = 0
    broken: int = 0
    killed: int = 0
    delivered: int = 0
    whole: int = 0
    looks: int = 0
    complaints: list[str] = field(default_factory=list)

    def line(self) -> str:
        return (
            f"{self.uploads} uploads to OpenSSH, {self.broken} broken at random, {self.killed} of them by "
            f"killing sshd; {self.delivered} confirmed, {self.whole} stand there whole, folder seen "
            f"{self.looks} times: {len(self.complaints)} partial or lost files"
        )


class _Watcher:
    """Looks into the partner's folder all the time: a final name is whole from the first look on."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox
        self.sizes: dict[str, int] = {}
        self.looks = 0
        self.partial: list[str] = []
        self._seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def watching(self) -> Iterator["_Watcher"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_SECONDS):
            self.looks += 1
            with os.scandir(self._inbox) as entries:
                new = [entry for entry in entries if entry.name not in self._seen]
            for entry in new:
                if entry.name.endswith(".pgp"):
                    self._seen.add(entry.name)
                    if entry.stat().st_size != self.sizes[entry.name]:
                        self.partial.append(entry.name)


def run_drops(
    folder: Path, uploads: int, seed: int, make: Callable[[SftpSettings], Transport] = SftpTransport
) -> DropResult:
    """`folder` must be empty. Every upload has a connection, a content and a break of its own."""
    draw = random.Random(seed)
    key = make_ssh_key(folder / "key")
    server = OpenSshServer(folder / "root", key.public_line, folder / "state")
    server.start()
    proxy = CuttingProxy(server.port)
    transport = make(_settings(server, key, proxy.port))
    watcher = _Watcher(server.root / "inbox")
    result = DropResult(uploads=uploads)
    try:
        with watcher.watching():
            overhead = _measured_overhead(transport, proxy, folder, watcher)
            contents = {
                f"upload-{number:05}.pgp": draw.randbytes(draw.randint(1, MOST_BYTES))
                for number in range(uploads)
            }
            for name, content in contents.items():
                watcher.sizes[name] = len(content)
                cut = _drawn(draw, overhead, len(content), server)
                _upload(transport, proxy, folder, name, content, cut, result)
            server.wait_until_idle()
    finally:
        proxy.stop()
        server.stop()
    _judge(server.root / "inbox", contents, watcher, result)
    return result


def _settings(server: OpenSshServer, key: SshKey, port: int) -> SftpSettings:
    account = SshAccount(
        "127.0.0.1", port, server.user_name, key.private_key, lambda: None, (server.host_key,)
    )
    return SftpSettings(account, inbox="inbox", outgoing="outgoing", connect_seconds=_PATIENCE_SECONDS)


def _measured_overhead(
    transport: Transport, proxy: CuttingProxy, folder: Path, watcher: _Watcher
) -> dict[Direction, int]:
    """Bytes of a whole upload beside the content: handshake, login, requests and answers."""
    name, size = "measured.pgp", 1000
    watcher.sizes[name] = size
    (folder / "source").write_bytes(bytes(size))
    proxy.next_connection(None)
    with transport.connect() as session:
        session.upload(folder / "source", name)
    up, down = (proxy.forwarded[direction] for direction in Direction)
    return {Direction.UP: up - size, Direction.DOWN: down}


def _drawn(draw: random.Random, overhead: dict[Direction, int], size: int, server: OpenSshServer) -> Cut:
    direction = draw.choice(list(Direction))
    whole = overhead[direction] + (size if direction is Direction.UP else 0)
    first = max(0, whole - TAIL_BYTES[direction]) if draw.random() < 0.5 else 0
    after = draw.randint(first, whole + TAIL_BYTES[direction] // 4)
    return Cut(direction, after, server.kill_sessions if draw.random() < 0.3 else None)


def _upload(
    transport: Transport,
    proxy: CuttingProxy,
    folder: Path,
    name: str,
    content: bytes,
    cut: Cut,
    result: DropResult,
) -> None:
    source = folder / "source"
    source.write_bytes(content)
    proxy.next_connection(cut)
    try:
        with transport.connect() as session:
            if session.upload(source, name) is not Delivery.CONFIRMED:
                result.complaints.append(f"{name}: whole for the agent, and not confirmed")
            result.delivered += 1
    except TransferError:
        result.broken += 1
        result.killed += cut.kill is not None
        return
    inbox = folder / "root" / "inbox" / name
    if not inbox.exists():
        result.complaints.append(f"{name}: confirmed, and not there")


def _judge(inbox: Path, contents: dict[str, bytes], watcher: _Watcher, result: DropResult) -> None:
    """After the last server process has ended: every final name holds all of its bytes."""
    result.looks = watcher.looks
    result.complaints += [f"{name}: partial when it was first seen" for name in watcher.partial]
    for name, content in contents.items():
        with suppress(FileNotFoundError):
            whole = (inbox / name).read_bytes() == content
            result.whole += whole
            if not whole:
                result.complaints.append(f"{name}: not the bytes that were sent")
