"""The kinds of value a setting can have: each turns YAML text into a checked value, or says what is wrong.

Used by the models. A message never repeats the value: it could be a secret
that somebody wrote into the wrong line.
"""

import base64
import binascii
import re
import struct
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SQL_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HEX_40 = re.compile(r"[0-9A-F]{40}")

# Windows keeps these names for devices, with any extension, in every folder.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

_HOST_KEY_TYPES = frozenset(
    {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
)


def _text(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise ValueError("must be one value, not a list or a section")
    return value


def _whole_number(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number, digits only")


def _switch(value: Any) -> Any:
    # YAML 1.1 reads yes, no, on and off as switches and YAML 1.2 as words: nobody should have to know.
    if value in ("true", "false"):
        return value == "true"
    if isinstance(value, bool):
        return value
    raise ValueError("must be `true` or `false`")


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError("must be 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit")
    if value.endswith(".") or _DEVICE.fullmatch(value):
        raise ValueError("cannot be a folder name on Windows: choose another one")
    return value


def _label(value: str) -> str:
    if not value.strip() or len(value) > 200:
        raise ValueError("must have 1 to 200 characters")
    return value


def _sql_name(value: str) -> str:
    if not _SQL_NAME.fullmatch(value):
        raise ValueError("must be a plain lower-case name: letters, digits and `_`, at most 63")
    return value


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a host name or an IP address, without scheme, port or path")
    return value


def _absolute(value: Path) -> Path:
    # A service starts in a folder nobody thinks of (System32 on Windows, / under systemd).
    if not value.is_absolute():
        raise ValueError("must be an absolute path")
    return value


def _program(value: str) -> str:
    is_bare_name = value == Path(value).name and value not in ("", ".", "..")
    if not is_bare_name and not Path(value).is_absolute():
        raise ValueError("must be a program's name, found by PATH, or its absolute path")
    return value


def full_fingerprint(value: Any) -> str:
    """40 upper-case hexadecimal digits; raises ValueError, which says so, for anything else."""
    bare = str(_text(value)).replace(" ", "").upper()
    if not _HEX_40.fullmatch(bare):
        raise ValueError("must be a full fingerprint: 40 hexadecimal digits (`gpg --fingerprint` shows it)")
    return bare


def _day(value: Any) -> Any:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError("must be a day as `YYYY-MM-DD`")


def _grid(value: int) -> int:
    if 60 % value:
        raise ValueError("must divide 60, for example 5, 10, 15, 20 or 30")
    return value


def _host_key(value: str) -> str:
    """`type base64` of a public host key (RFC 4253, 6.6); a comment after it is dropped."""
    kind, _, rest = value.partition(" ")
    encoded = rest.strip().partition(" ")[0]
    try:
        blob = base64.b64decode(encoded, validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (binascii.Error, struct.error) as error:
        raise ValueError(_HOST_KEY_ADVICE) from error
    # The blob begins with the type once more: a line put together from two keys is found here.
    if kind not in _HOST_KEY_TYPES or blob[4 : 4 + length] != kind.encode() or len(blob) <= 4 + length:
        raise ValueError(_HOST_KEY_ADVICE)
    return f"{kind} {encoded}"


_HOST_KEY_ADVICE = (
    "must be a public host key as `type base64`, for example `ssh-ed25519 AAAA...`, "
    "without the host's name before it; ssh-dss is refused"
)


def _database_url(value: str) -> str:
    try:
        url = urlsplit(value)
        url.port  # noqa: B018 - read because a malformed port shows only then
    except ValueError:
        # Not chained: the library's message repeats a piece of the URL.
        raise ValueError(_DATABASE_URL_ADVICE) from None
    if url.scheme == "sqlite":
        return _sqlite_url(value, url)
    if url.scheme not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(_DATABASE_URL_ADVICE)
    if url.password is not None or any("pass" in name.lower() for name, _ in parse_qsl(url.query)):
        raise ValueError("must not contain a password: name it under `database.password`")
    if not url.path.strip("/"):
        raise ValueError("names no database: end it with `/DATABASE`")
    # The bare scheme means another driver in SQLAlchemy 2.0.
    return value.replace("postgresql://", "postgresql+psycopg://", 1)


def _sqlite_url(value: str, url: SplitResult) -> str:
    path = value.removeprefix("sqlite:///").partition("?")[0]
    if url.netloc or path == value or not Path(path).is_absolute():
        raise ValueError(
            "must name an absolute path: `sqlite:////srv/practice.db` or `sqlite:///C:/srv/practice.db`"
        )
    return value


_DATABASE_URL_ADVICE = (
    "must be `postgresql+psycopg://USER@HOST:PORT/DATABASE`, or `sqlite:///` and an absolute path"
)

Text = Annotated[str, BeforeValidator(_text)]
Label = Annotated[Text, AfterValidator(_label)]
Identifier = Annotated[Text, AfterValidator(_identifier)]
SqlName = Annotated[Text, AfterValidator(_sql_name)]
Host = Annotated[Text, AfterValidator(_host)]
Program = Annotated[Text, AfterValidator(_program)]
DatabaseUrl = Annotated[Text, AfterValidator(_database_url)]
HostKey = Annotated[Text, AfterValidator(_host_key)]
Fingerprint = Annotated[Text, AfterValidator(full_fingerprint)]
"""A full OpenPGP v4 fingerprint: 40 upper-case hexadecimal digits; spaces as gpg prints them are dropped."""
PlainPath = Annotated[Path, BeforeValidator(_text)]
AbsolutePath = Annotated[PlainPath, AfterValidator(_absolute)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Day = Annotated[date, BeforeValidator(_day)]
Switch = Annotated[bool, BeforeValidator(_switch)]

Seconds = Annotated[WholeNumber, Field(ge=1, le=86_400)]
Port = Annotated[WholeNumber, Field(ge=1, le=65_535)]
LeadTimeMinutes = Annotated[WholeNumber, Field(ge=0, le=60 * 24 * 60)]
HorizonDays = Annotated[WholeNumber, Field(ge=1, le=730)]
WorkingDays = Annotated[WholeNumber, Field(ge=0, le=10)]
DailyCap = Annotated[WholeNumber, Field(ge=1, le=1000)]
GridMinutes = Annotated[WholeNumber, Field(ge=1, le=60), AfterValidator(_grid)]
