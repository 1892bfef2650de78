"""Real SFTP servers on loopback to be the partner's side: asyncssh in this process, OpenSSH beside it.

Used by the contract tests and by the demo. Both serve `inbox/` and
`outgoing/` under one folder, log in one client key and nothing else, and
show a host key of their own.
"""

import asyncio
import getpass
import inspect
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import asyncssh
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SSHD = Path("/usr/sbin/sshd")
_START_SECONDS = 10.0
_EXTENSIONS = 7

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SshKey:
    """A private key file and its public line (`ssh-ed25519 AAAA...`)."""

    private_key: Path
    public_line: str


def make_ssh_key(path: Path) -> SshKey:
    """A fresh Ed25519 key, readable by this account alone."""
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return SshKey(path, public.decode())


class SftpServer(Protocol):
    """What both servers offer once they are started."""

    root: Path
    host_key: str
    user_name: str
    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...


Step = Literal["login", "open", "write", "read", "close", "stat", "rename", "remove", "readdir"]
"""Where a server can fall silent once a client has found it; before that see MuteServer."""


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What the asyncssh server does wrong; nothing by default. It may be changed while the server runs."""

    hang_at: Step | None = None
    drop_after_bytes: int | None = None
    refuse_write: int | None = None
    """Which write of a connection, counted from one."""
    refuse_posix_rename: bool = False
    refuse_rename_over: bool = False
    """Neither kind of rename replaces what stands there, and that cannot be removed."""
    refuse_remove: bool = False
    lie_about_size: int = 0
    take_on_close: bool = False
    take_before_rename: bool = False
    short_reads: bool = False
    endless_files: bool = False
    announce_extensions: bool = False
    """Billions of SSH extensions (RFC 8308), and none of them follows."""


class PartnerSftpServer:
    """asyncssh in a thread of its own, locked into `root`."""

    def __init__(self, root: Path, client_key: str) -> None:
        self.root = root
        self.user_name = "practice"
        self.port = 0
        self.misbehaviour = Misbehaviour()
        self._client_key = client_key
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.host_key = self._host_key.export_public_key().decode().strip()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="partner-sftp", daemon=True)
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self.logins = 0
        """How many connections were made; a client should need one per cycle."""
        _make_folders(root)

    def start(self) -> None:
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_START_SECONDS)
        self.port = self._acceptor.get_port()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()

    async def hang(self, step: Step) -> None:
        """Never returns if the test wants the server silent from this step on."""
        if self.misbehaviour.hang_at == step:
            await asyncio.Event().wait()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self._host_key],
            server_factory=lambda: _Doorkeeper(self),
            authorized_client_keys=asyncssh.import_authorized_keys(self._client_key),
            sftp_factory=lambda channel: _PartnerFolder(channel, self),
            allow_scp=False,
        )

    async def _close(self) -> None:
        self._acceptor.close()
        for connection in list(self._connections):
            connection.abort()
        await self._acceptor.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Doorkeeper(asyncssh.SSHServer):
    def __init__(self, server: PartnerSftpServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.logins += 1
        self._server._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._connections.discard(self._connection)

    async def begin_auth(self, username: str) -> bool:
        if self._server.misbehaviour.announce_extensions:
            self._connection.send_packet(_EXTENSIONS, b"\xff" * 4)
        await self._server.hang("login")
        return True


class _PartnerFolder(asyncssh.SFTPServer):
    """The folder, and what a test wants to go wrong with it."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", server: PartnerSftpServer) -> None:
        super().__init__(channel, chroot=os.fsencode(server.root))
        self._server = server
        self._written = 0
        self._writes = 0

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        await self._server.hang("open")
        return await _awaited(super().open(path, pflags, attrs))

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await self._server.hang("write")
        wrong = self._server.misbehaviour
        self._written += len(data)
        self._writes += 1
        if wrong.drop_after_bytes is not None and self._written > wrong.drop_after_bytes:
            self.connection.abort()
        if wrong.refuse_write == self._writes:
            raise asyncssh.SFTPFailure("no space left for foreign text in this message")
        return await _awaited(super().write(file_obj, offset, data))

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await self._server.hang("read")
        wrong = self._server.misbehaviour
        if wrong.endless_files:
            return bytes(size)
        return await _awaited(
            super().read(file_obj, offset, min(size, 10_000) if wrong.short_reads else size)
        )

    async def close(self, file_obj: object) -> None:
        await self._server.hang("close")
        await _awaited(super().close(file_obj))
        if self._server.misbehaviour.take_on_close:
            for part in (self._server.root / "inbox").glob("*.part"):
                part.unlink()

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        await self._server.hang("stat")
        wrong = self._server.misbehaviour
        attributes = asyncssh.SFTPAttrs.from_local(Path(os.fsdecode(self.map_path(path))).stat())
        attributes.size = (attributes.size or 0) + wrong.lie_about_size
        return attributes

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._server.hang("readdir")
        async for name in super().scandir(path):
            yield name

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._server.hang("rename")
        wrong = self._server.misbehaviour
        if wrong.refuse_posix_rename:
            raise asyncssh.SFTPOpUnsupported("not here")
        if wrong.take_before_rename:
            Path(os.fsdecode(self.map_path(oldpath))).unlink()
        if wrong.refuse_rename_over and Path(os.fsdecode(self.map_path(newpath))).exists():
            raise asyncssh.SFTPPermissionDenied("foreign text")
        await _awaited(super().posix_rename(oldpath, newpath))

    async def remove(self, path: bytes) -> None:
        await self._server.hang("remove")
        if self._server.misbehaviour.refuse_remove:
            raise asyncssh.SFTPPermissionDenied("foreign text")
        await _awaited(super().remove(path))


Answers = Callable[[int, int], Iterable[bytes]]
"""What a scripted server says to a request, given its SFTP type and number: whole packets, without length."""


class ScriptedSftpServer(PartnerSftpServer):
    """Speaks real SSH, and in SFTP says whatever a test makes it say, honest or not."""

    answers: Answers = staticmethod(lambda kind, number: ())

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[self._host_key],
            server_factory=lambda: _ScriptedDoorkeeper(self),
            authorized_client_keys=asyncssh.import_authorized_keys(self._client_key),
            encoding=None,
        )


class _ScriptedDoorkeeper(_Doorkeeper):
    def session_requested(self) -> "asyncssh.SSHServerSession[bytes]":
        assert isinstance(self._server, ScriptedSftpServer)
        return _ScriptedSession(self._server.answers)


class _ScriptedSession(asyncssh.SSHServerSession[bytes]):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, chan: "asyncssh.SSHServerChannel[bytes]") -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: object) -> None:
        self._received += data
        while len(self._received) >= (end := 4 + int.from_bytes(self._received[:4], "big")) > 4:
            kind, number = self._received[4], int.from_bytes(self._received[5:9], "big")
            self._received = self._received[end:]
            for packet in self._answers(kind, number):
                self._channel.write(len(packet).to_bytes(4, "big") + packet)


def descendants(process_id: int) -> list[int]:
    """Every process that this one started, and those that they started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [process_id]
    for one in found:  # which grows while it is gone through
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


async def _awaited(result: Result | Awaitable[Result]) -> Result:
    return await result if inspect.isawaitable(result) else result


class OpenSshServer:
    """The real sshd with a configuration of its own; needs no rights beyond those of this account."""

    def __init__(self, root: Path, client_key: str, state: Path) -> None:
        self.root = root
        self.user_name = getpass.getuser()
        self.port = 0
        self._state = state
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._host_key = make_ssh_key(state / "host_key")
        self.host_key = self._host_key.public_line
        (state / "authorized_keys").write_text(client_key + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        _make_folders(root)

    def start(self) -> None:
        """Started as root, sshd wants its privilege separation folder, which Debian makes at boot only."""
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.port = _free_port()
        configuration = self._state / "sshd_config"
        configuration.write_text(self._configuration())
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", configuration], stderr=subprocess.DEVNULL)
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_SECONDS)

    def kill_sessions(self) -> None:
        """Kill what serves the open connections, at once; the next connection is served as before."""
        if self._process is not None:
            for process_id in descendants(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(process_id, signal.SIGKILL)

    def wait_until_idle(self) -> None:
        """Until every connection's process has ended, with all that it still had to write."""
        ends_at = time.monotonic() + _START_SECONDS
        while self._process is not None and descendants(self._process.pid):
            if time.monotonic() > ends_at:
                raise RuntimeError("a process of sshd outlives its connection")
            time.sleep(0.01)

    def _configuration(self) -> str:
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self._host_key.private_key}",
            f"AuthorizedKeysFile {self._state / 'authorized_keys'}",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "PidFile none",
            "LogLevel QUIET",
            f"Subsystem sftp internal-sftp -d {self.root}",
        ]
        return "\n".join(lines) + "\n"

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        ends_at = time.monotonic() + _START_SECONDS
        while time.monotonic() < ends_at and process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    if connection.recv(4) == b"SSH-":
                        return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"sshd does not start: run {SSHD} -t -f {self._state / 'sshd_config'}")


class MuteServer:
    """Accepts connections, says the given words, and then never one again."""

    def __init__(self, words: bytes = b"", *, endless: bool = False) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._words, self._endless = words, endless
        self._open: list[socket.socket] = []
        threading.Thread(target=self._speak, daemon=True).start()

    @property
    def visits(self) -> int:
        """How many connections came."""
        return len(self._open)

    def stop(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for one in (self._socket, *self._open):
            one.close()

    def _speak(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._open.append(connection)
                with suppress(OSError):
                    connection.sendall(self._words)
                    while self._endless:
                        connection.sendall(self._words)


class FullServer:
    """Listens and takes nobody: its queue is full, so that connecting itself hangs."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._socket.getsockname()[1]
        self._waiting: list[socket.socket] = []
        while self._one_more_is_taken():
            pass

    def stop(self) -> None:
        for one in (self._socket, *self._waiting):
            one.close()

    def _one_more_is_taken(self) -> bool:
        self._waiting.append(socket.socket())
        self._waiting[-1].settimeout(0.2)
        try:
            self._waiting[-1].connect(("127.0.0.1", self.port))
        except TimeoutError:
            return False
        return True


def _make_folders(root: Path) -> None:
    for name in ("inbox", "outgoing"):
        (root / name).mkdir(parents=True, exist_ok=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
