"""References to secrets: where a passphrase, password or key is kept, and reading it from there.

The configuration holds references only; a secret is read at the moment it is
needed and never stored in a model. No message, `repr` or log line carries a
value: they name the reference. The only module that knows `keyring`.
"""

import os
import re
import stat
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from agent.config.section import Section
from agent.config.values import AbsolutePath, Text
from agent.errors import ConfigError

MAX_SECRET_BYTES = 64 * 1024

_ADVICE = "{file: /path}, {env: NAME} or {keyring: service/user}"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _env_name(value: str) -> str:
    if not _ENV_NAME.fullmatch(value):
        raise ValueError("must be the name of an environment variable, not the secret itself")
    return value


def _keyring_entry(value: str) -> str:
    service, _, user = value.rpartition("/")
    if not service or not user:
        raise ValueError("must be `service/user`, the entry's two names")
    return value


class SecretRef(Section):
    """Exactly one place where a secret is kept."""

    written_inline: ClassVar[bool] = True

    file: AbsolutePath | None = Field(
        default=None, description="File with the secret in one line, readable by its owner alone."
    )
    env: Annotated[Text, AfterValidator(_env_name)] | None = Field(
        default=None, description="Environment variable of the service."
    )
    keyring: Annotated[Text, AfterValidator(_keyring_entry)] | None = Field(
        default=None, description="Entry `service/user` of the system's key ring."
    )

    @model_validator(mode="before")
    @classmethod
    def _is_a_section(cls, value: Any) -> Any:
        if isinstance(value, str | list):
            raise ValueError(
                f"a secret is never written here: keep it elsewhere and refer to it by {_ADVICE}"
            )
        return value

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if len(self.model_fields_set) != 1 or not any((self.file, self.env, self.keyring)):
            raise ValueError(f"must name exactly one place: {_ADVICE}")
        return self

    def __str__(self) -> str:
        if self.file:
            return f"secret file {self.file}"
        return f"environment variable {self.env}" if self.env else f"keyring entry {self.keyring}"

    def read(self) -> str:
        """The secret, one line without its end; raises ConfigError naming the reference, never the value."""
        if self.file:
            return self._checked(_file_text(self.file))
        if self.env:
            return self._checked(os.environ.get(self.env, ""))
        return self._checked(_keyring_text(self.keyring or ""))

    def read_bytes(self) -> bytes:
        """The secret as UTF-8."""
        return self.read().encode()

    def _checked(self, text: str) -> str:
        secret = text.removesuffix("\n").removesuffix("\r")
        if not secret:
            raise ConfigError([f"{self}: is not set or empty: put the secret there"])
        # gpg reads a passphrase up to the first line end: the rest would be dropped in silence.
        if len(secret.splitlines()) > 1:
            raise ConfigError([f"{self}: must hold one line"])
        return secret


def _file_text(file: Path) -> str:
    try:
        raw = _file_bytes(file)
    except FileNotFoundError as error:
        raise ConfigError([f"secret file {file}: there is no such file: create it"]) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror}): let the agent's user own it"
        raise ConfigError([f"secret file {file}: {what}"]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Not chained: the library's error object carries the bytes of the secret.
        raise ConfigError([f"secret file {file}: is not UTF-8 text"]) from None


def _file_bytes(file: Path) -> bytes:
    # O_NONBLOCK: a pipe in the file's place must not hang the service. What is judged is what is read.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file, flags), "rb") as stream:
        _refuse_careless(file, os.fstat(stream.fileno()))
        return stream.read(MAX_SECRET_BYTES)


def _refuse_careless(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_SECRET_BYTES:
        raise ConfigError([f"secret file {file}: is not a small regular file"])
    # On Windows the mode says nothing; the folder's access list decides there.
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) & _forbidden_bits(file):
        what = "may be read by others: run `chmod 600` on it"
        raise ConfigError([f"secret file {file}: {what}"])


def _forbidden_bits(file: Path) -> int:
    # systemd grants a service its credentials by an access list, whose mask shows as group read.
    if str(file.parent) == os.environ.get("CREDENTIALS_DIRECTORY"):
        return 0o037
    return 0o077


def _keyring_text(entry: str) -> str:
    # Imported here: it searches for backends, and most installations never use one.
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError  # noqa: PLC0415

    service, _, user = entry.rpartition("/")
    try:
        return keyring.get_password(service, user) or ""
    except KeyringError as error:
        what = "the system's key ring cannot be used by this user: unlock it, or use a file"
        raise ConfigError([f"keyring entry {entry}: {what}"]) from error
