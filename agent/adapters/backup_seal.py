"""Encrypts and decrypts a backup as a stream, by a key or a passphrase of the administrator's, with gpg.

Never with the practice's own key, which is inside. Nothing of it touches the
disk in the clear; what is decrypted goes to its reader while gpg still works,
and counts only once gpg has confirmed the end.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TypeVar

from agent.adapters.gpg_process import GpgRun, run_gpg
from agent.errors import KeyUnusableError, SealingFailedError, UsageError

CHUNK = 256 * 1024
_SYMMETRIC_TAG = 3
"""RFC 4880, 5.3: a message that a passphrase opens begins with this packet."""
_NEW_FORMAT, _NEW_TAG, _OLD_TAG = 0x40, 0x3F, 0x0F
_BY_PASSPHRASE = ("--pinentry-mode", "loopback", "--passphrase-fd", "0")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lock:
    """What closes a backup: the file of one public key, or else a passphrase."""

    key_file: Path | None = None
    passphrase: str | None = None

    @property
    def arguments(self) -> list[str]:
        if self.key_file is not None:
            return ["--trust-model", "always", "--recipient-file", str(self.key_file), "--encrypt"]
        return [
            *_BY_PASSPHRASE, "--no-symkey-cache", "--symmetric", "--cipher-algo", "AES256",
            # The most that the format can say: about half a second for each guess.
            "--s2k-digest-algo", "SHA512", "--s2k-count", "65011712",
        ]  # fmt: skip


def seal(gpg_program: str, lock: Lock, content: Iterable[bytes], write: Callable[[bytes], object]) -> None:
    """Raises SealingFailedError, GpgUnavailableError, and whatever `content` raises."""
    with _empty_home() as home:
        arguments = ["--no-autostart", "--compress-algo", "none", *lock.arguments]
        run = run_gpg(gpg_program, home, arguments, _fed(lock.passphrase, content), write)
    if run.exit_code != 0 or run.count("END_ENCRYPTION") != 1:
        raise SealingFailedError("gpg did not encrypt the backup: check the key of `--to`")


def is_symmetric(file: Path) -> bool:
    """Whether a passphrase opens it. Raises UsageError for what is no OpenPGP file in binary form."""
    try:
        with file.open("rb") as stream:
            first = stream.read(1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    if not first or first[0] < 0x80:
        raise UsageError(f"{file} is no backup of otv-agent")
    tag = first[0] & _NEW_TAG if first[0] & _NEW_FORMAT else first[0] >> 2 & _OLD_TAG
    return tag == _SYMMETRIC_TAG


def unseal(
    gpg_program: str,
    home: Path | None,
    passphrase: str | None,
    file: Path,
    read: Callable[[IO[bytes]], Result],
) -> Result:
    """What `read` makes of the decrypted stream; without a home only the passphrase can open it.

    Raises KeyUnusableError if it does not open, GpgUnavailableError, and what `read` raises.
    """
    with _home(home) as folder, file.open("rb") as sealed, ThreadPoolExecutor(1) as pool:
        arguments = ["--decrypt"] if passphrase is None else [*_BY_PASSPHRASE, "--decrypt"]
        if home is None:
            arguments = ["--no-autostart", "--no-symkey-cache", *arguments]
        outlet, inlet = os.pipe()
        reading = pool.submit(_read, outlet, read)
        run: GpgRun | None = None
        try:
            with os.fdopen(inlet, "wb") as pipe:
                run = run_gpg(gpg_program, folder, arguments, _fed(passphrase, _chunks(sealed)), pipe.write)
        except OSError:
            # The reader gave up, and says why; on Windows a broken pipe has another name.
            if reading.exception() is None:
                raise
        error = reading.exception()
    if run is not None and (
        run.exit_code != 0 or run.count("DECRYPTION_OKAY") != 1 or run.count("GOODMDC") != 1
    ):
        raise KeyUnusableError("the backup does not open: another key or passphrase, or a damaged file")
    if error is not None:
        raise error
    return reading.result()


def _read(outlet: int, read: Callable[[IO[bytes]], Result]) -> Result:
    with os.fdopen(outlet, "rb") as stream:
        result = read(stream)
        while stream.read(CHUNK):  # Or gpg would wait at a full pipe for ever.
            pass
        return result


def _fed(passphrase: str | None, content: Iterable[bytes]) -> Iterator[bytes]:
    """gpg reads the passphrase up to the first line end, and then the data."""
    ahead = () if passphrase is None else (passphrase.encode() + b"\n",)
    return chain(ahead, content)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


@contextmanager
def _home(home: Path | None) -> Iterator[Path]:
    if home is not None:
        yield home
    else:
        with _empty_home() as folder:
            yield folder


@contextmanager
def _empty_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otv-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
