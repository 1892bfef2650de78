"""What stands in the service entry of Windows and on the folders: texts alone, nothing is called.

Apart from the calls (`agent.adapters.windows_services`), so that it is tested
on every system. Sources: Microsoft's pages on CreateService, SERVICE_FAILURE_ACTIONS,
service SIDs and icacls.
"""

import hashlib
import struct
from collections.abc import Iterable
from pathlib import PurePath
from urllib.parse import urlsplit

from agent.service import SERVICE_NAME

ACCOUNT = f"NT SERVICE\\{SERVICE_NAME}"
"""The service's own virtual account: it has no password, no other service shares it (as LocalService is
shared), and it disappears with the service."""
RESTART_AFTER_SECONDS = (5, 30, 60)
"""After the first, the second, and every later failure; a day without one begins anew."""
RESET_AFTER_SECONDS = 86_400
PRESHUTDOWN_SECONDS = 15
"""Windows waits this long before it ends other services, the database's too; a stop takes below ten."""
SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"
"""By number: on a German Windows they are called otherwise."""
LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "::1"})
_PROFILES = "\\users\\"
_WINDOWS_FOLDERS = frozenset({"windows", "users", "program files", "program files (x86)", "programdata"})


def service_sid(name: str) -> str:
    """The security identifier that Windows derives from a service's name: SHA-1 of its capitals in UTF-16."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(str(part) for part in struct.unpack("<5I", digest))


def image_path(
    program: PurePath, packages: PurePath, python: PurePath, shell: PurePath, config: PurePath
) -> str:
    """The command line that the service manager starts.

    `program` is the python.exe of the installation and not `python`, that of a virtual environment: this one
    only starts the other, and the manager would wait for a process that is not its own. `-I -S` keep out
    whatever else is installed there; `packages` is where ours lie. No pythonservice.exe: it does not find
    its libraries in a virtual environment (pywin32 #1450, #1451).
    """
    words = [str(program), "-I", "-S", "-X", "utf8", str(shell)]
    words += ["--packages", str(packages), "--python", str(python), "--config", str(config)]
    # Quoted also where there is no space: an unquoted path is tried word by word (CWE-428).
    return " ".join(f'"{word}"' if "\\" in word else word for word in words)


def folder_commands(folder: PurePath, account_sid: str, *, writable: bool) -> list[list[str]]:
    """icacls: the folder and all in it for the account, the system and administrators, and nobody else."""
    account = f"*{account_sid}:(OI)(CI){'M' if writable else 'RX'}"
    rights = [account, f"*{SYSTEM}:(OI)(CI)F", f"*{ADMINISTRATORS}:(OI)(CI)F"]
    return [
        # First the new rights, then those that come from above go: never a moment in which nobody may.
        ["icacls", str(folder), "/grant:r", *rights, "/Q"],
        ["icacls", str(folder), "/inheritance:r", "/Q"],
        # What lies in it takes over the folder's rights instead of any of its own.
        ["icacls", f"{folder}\\*", "/reset", "/T", "/C", "/Q"],
    ]


def file_commands(file: PurePath, account_sid: str) -> list[list[str]]:
    """The same for one file, such as a secret: the account only reads it."""
    rights = [f"*{account_sid}:R", f"*{SYSTEM}:F", f"*{ADMINISTRATORS}:F"]
    return [["icacls", str(file), "/inheritance:r", "/grant:r", *rights, "/Q"]]


def postgresql_service(database_url: str, services: Iterable[str]) -> str | None:
    """PostgreSQL's service, if it has to run before ours; None if it is elsewhere, or there are several."""
    url = urlsplit(database_url)
    if not url.scheme.startswith("postgresql") or (url.hostname or "") not in LOCAL_HOSTS:
        return None
    found = [name for name in services if name.lower().startswith("postgresql")]
    return found[0] if len(found) == 1 else None


def hidden_from_services(path: PurePath) -> bool:
    """Whether it lies in somebody's profile, into which no service account may look."""
    return _PROFILES in f"{path}\\".lower()


def is_shared(folder: PurePath) -> bool:
    """Whether others have their things there too: a drive's root, or a folder of Windows itself."""
    return len(folder.parts) <= 1 or (len(folder.parts) == 2 and folder.parts[1].lower() in _WINDOWS_FOLDERS)
