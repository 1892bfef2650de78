"""The content of a backup: an ordinary tar, made and read in one pass, that proves itself complete.

First `about.json`, then the files, last `manifest.json` with the size and the
SHA-256 of each. Whoever has decrypted a backup can unpack it with `tar`; this
module believes nothing in it: only plain files under plain relative names are
put down, and all of it counts only once the manifest has been met.
"""

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from agent.errors import SpoolError, UsageError

ABOUT, MANIFEST = "about.json", "manifest.json"
FORMAT, VERSION = "otv-agent backup", 1
CHUNK = 256 * 1024
MAX_PART = 200
MAX_JSON_BYTES = 64 * 1024 * 1024
_NOFOLLOW = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_FORBIDDEN = frozenset('<>:"|?*\\') | {chr(code) for code in range(32)}
"""Also what Windows cannot store, or takes for a drive or another stream of a file."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file, and its name in the backup: relative, with `/`."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup said of itself, and the files that were put down."""

    about: Mapping[str, Any]
    files: int
    size_bytes: int


@dataclass(slots=True)
class Packing:
    """Counts while the chunks are taken."""

    files: int = 0
    size_bytes: int = 0
    left_out: int = 0
    """What is no plain file: links, pipes, sockets."""

    def chunks(self, about: Mapping[str, Any], members: Iterable[Member]) -> Iterator[bytes]:
        """The tar. Raises SpoolError for a file that cannot be read, or shrinks meanwhile."""
        yield from _small(ABOUT, {"format": FORMAT, "version": VERSION, **about})
        manifest: dict[str, tuple[int, str]] = {}
        for member in members:
            yield from self._file(member, manifest)
        yield from _small(MANIFEST, manifest)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def _file(self, member: Member, manifest: dict[str, tuple[int, str]]) -> Iterator[bytes]:
        opened = _opened(member.path)
        if opened is None:
            self.left_out += member.path.is_symlink() or member.path.exists()
            return
        with opened:
            size = os.fstat(opened.fileno()).st_size
            yield _header(member.name, size)
            digest, left = hashlib.sha256(), size
            while left:
                chunk = opened.read(min(CHUNK, left))
                if not chunk:
                    raise SpoolError(f"a file in {member.path.parent} changed while it was saved: try again")
                digest.update(chunk)
                left -= len(chunk)
                yield chunk
            yield bytes(-size % tarfile.BLOCKSIZE)
        manifest[member.name] = (size, digest.hexdigest())
        self.files += 1
        self.size_bytes += size


def unpack(stream: IO[bytes], places: Mapping[str, Path]) -> Contents:
    """Put the files down, by the first part of their names below one of `places`, for their owner alone.

    They count only if this returns. Raises UsageError for what is no whole backup or would leave its place,
    SpoolError.
    """
    about: dict[str, Any] | None = None
    found: dict[str, tuple[int, str]] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise UsageError("the backup holds what is no plain file: nothing of it is used")
                if about is None:
                    about = _about(entry, content)
                elif entry.name == MANIFEST:
                    _require_equal(_json(entry, content), found)
                    return Contents(about, len(found), sum(size for size, _ in found.values()))
                elif entry.name in found:
                    raise UsageError("the backup holds a file twice: nothing of it is used")
                else:
                    found[entry.name] = _put_down(_target(entry.name, places), content)
    except (tarfile.TarError, EOFError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError("this is no backup, or not a whole one") from error
    raise UsageError("the backup is cut off: its end is missing")


def plain_part(part: str) -> str:
    """One part of a name in the backup; what a partner named oddly gets a name that every system can store.

    Else such a name could make the whole backup unfit to be restored.
    """
    if _is_plain(part):
        return part
    return "odd-" + hashlib.sha256(part.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _is_plain(part: str) -> bool:
    printable = not _FORBIDDEN.intersection(part) and part.isprintable()
    return (
        printable and part not in ("", ".", "..") and part[-1] not in ". " and len(part.encode()) <= MAX_PART
    )


def _opened(path: Path) -> IO[bytes] | None:
    """A plain file, never through a link; None for anything else, and for what is gone."""
    try:
        descriptor = os.open(path, _NOFOLLOW)
    except OSError as error:
        if path.is_symlink() or not path.exists() or not path.is_file():
            return None
        raise SpoolError(f"a file in {path.parent} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def _header(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _small(name: str, value: Mapping[str, Any]) -> Iterator[bytes]:
    content = json.dumps(value, ensure_ascii=True, sort_keys=True).encode()
    yield _header(name, len(content))
    yield content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _about(entry: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    about = _json(entry, content) if entry.name == ABOUT else {}
    if about.get("format") != FORMAT:
        raise UsageError("this is no backup of otv-agent")
    if about.get("version") != VERSION:
        raise UsageError("this backup was made by a newer otv-agent: restore it with that one")
    return about


def _json(entry: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    if entry.size > MAX_JSON_BYTES:
        raise UsageError("this is no backup of otv-agent")
    value = json.loads(content.read().decode())
    if not isinstance(value, dict):
        raise UsageError("this is no backup of otv-agent")
    return value


def _target(name: str, places: Mapping[str, Path]) -> Path:
    """Raises UsageError for a name that could lead anywhere else."""
    parts = PurePosixPath(name).parts
    if not all(map(_is_plain, parts)) or len(parts) < 2 or name != "/".join(parts) or parts[0] not in places:
        raise UsageError("the backup holds a name that leads out of its folder: nothing of it is used")
    return places[parts[0]].joinpath(*parts[1:])


def _put_down(target: Path, content: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    try:
        # One by one: of a whole path only the last folder would be closed to others.
        for folder in [place for place in reversed(target.parents) if not place.exists()]:
            folder.mkdir(mode=0o700)
        flags = (
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SpoolError(f"cannot restore into {target.parent}: {error.strerror}") from error
    return size, digest.hexdigest()


def _require_equal(manifest: Mapping[str, Any], found: Mapping[str, tuple[int, str]]) -> None:
    listed = {name: tuple(entry) for name, entry in manifest.items() if isinstance(entry, list)}
    if listed != dict(found):
        raise UsageError("the backup does not hold what its own list says: nothing of it is used")
