"""The few calls to the service manager of Windows, through pywin32: write, start, remove, ask.

Used by `agent.service.windows` alone. Everything goes by handles that are
closed again: a service with an open handle is only marked for deletion, and
cannot be made anew until the last one is closed.
"""

import ctypes
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ServiceManagerError, UsageError

if sys.platform != "win32":
    raise ImportError("only Windows has this service manager")

import pywintypes
import servicemanager
import win32evtlogutil
import win32service
import winerror

if TYPE_CHECKING:
    from _win32typing import PySC_HANDLE

WAIT_SECONDS = 60
STEADY_SECONDS = 5
POLL_SECONDS = 0.25
DRIVE_REMOTE = 4
ENDED_AT_ONCE = "the service ended as soon as it was started: see the Event Log"
STILL_OPEN = "the service is marked for deletion and still open: close `Services` and the task manager"
SID_UNRESTRICTED = 1
"""winnt.h: SERVICE_SID_TYPE_UNRESTRICTED; without it the folder's rights for the service would not count."""
ICACLS_SECONDS = 300
_STATES = {
    win32service.SERVICE_STOPPED: "stopped",
    win32service.SERVICE_START_PENDING: "starting",
    win32service.SERVICE_STOP_PENDING: "stopping",
    win32service.SERVICE_RUNNING: "running",
    win32service.SERVICE_PAUSED: "paused",
}


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service as it is to stand with the manager."""

    name: str
    display_name: str
    description: str
    command_line: str
    account: str
    depends_on: Sequence[str]
    restart_after_seconds: Sequence[int]
    reset_after_seconds: int
    preshutdown_seconds: int


@dataclass(frozen=True, slots=True)
class EntryState:
    """What the manager says of a service."""

    state: str
    running: bool
    starts_by_itself: bool
    exit_code: int
    """The last one, as the service gave it; 0 if it never failed."""


def require_administrator() -> None:
    """Raises UsageError for everybody else."""
    if not ctypes.windll.shell32.IsUserAnAdmin():
        raise UsageError("this needs an administrator: open the console with `Run as administrator`")


def is_remote(path: Path) -> bool:
    """Whether the path leads over the network; mapped drives do not exist for a service (pywin32 #720)."""
    return path.drive.startswith("\\\\") or bool(
        ctypes.windll.kernel32.GetDriveTypeW(f"{path.drive}\\") == DRIVE_REMOTE
    )


def service_names() -> list[str]:
    """All that are installed."""
    with _manager(win32service.SC_MANAGER_ENUMERATE_SERVICE) as manager:
        return [str(entry[0]) for entry in win32service.EnumServicesStatus(manager)]


def write_entry(entry: ServiceEntry) -> None:
    """Create the service, or bring the one that is there to this; repeatable."""
    with _manager(win32service.SC_MANAGER_CREATE_SERVICE | win32service.SC_MANAGER_CONNECT) as manager:
        service = _opened(manager, entry.name) or _created(manager, entry)
        try:
            _describe(service, entry)
        finally:
            win32service.CloseServiceHandle(service)
    # The manager's own messages file, so that entries are shown with their text. Needs an administrator.
    win32evtlogutil.AddSourceToRegistry(entry.name, servicemanager.__file__, "Application")


def start(name: str) -> None:
    """Start it anew, and wait until it runs. Raises ServiceManagerError if it ends instead."""
    with _service(name) as service:
        _stop(service)
        win32service.StartService(service, None)
        _wait_for(service, win32service.SERVICE_RUNNING)
        _watch_for_a_while(service)


def remove(name: str) -> None:
    """Stop and delete; what is gone already is no error."""
    with suppress(FileNotFoundError), _service(name) as service:
        _stop(service)
        try:
            win32service.DeleteService(service)
        except pywintypes.error as error:
            if error.winerror != winerror.ERROR_SERVICE_MARKED_FOR_DELETE:
                raise
    _wait_until_gone(name)
    with suppress(pywintypes.error):
        win32evtlogutil.RemoveSourceFromRegistry(name, "Application")


def entry_state(name: str) -> EntryState | None:
    """None where there is no such service."""
    try:
        with _service(name, win32service.SERVICE_QUERY_STATUS | win32service.SERVICE_QUERY_CONFIG) as service:
            status = win32service.QueryServiceStatus(service)
            start_type = win32service.QueryServiceConfig(service)[1]
    except FileNotFoundError:
        return None
    specific = status[3] == winerror.ERROR_SERVICE_SPECIFIC_ERROR
    return EntryState(
        state=_STATES.get(status[1], "changing"),
        running=status[1] == win32service.SERVICE_RUNNING,
        starts_by_itself=start_type == win32service.SERVICE_AUTO_START,
        exit_code=status[4] if specific else status[3],
    )


def run_tool(words: Sequence[str]) -> None:
    """A tool of Windows, such as icacls. Raises ServiceManagerError, without its words in any language."""
    try:
        done = subprocess.run(
            words,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ICACLS_SECONDS,
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceManagerError(f"{words[0]} cannot be run: {type(error).__name__}") from error
    if done.returncode != 0:
        raise ServiceManagerError(f"`{subprocess.list2cmdline(words)}` failed with code {done.returncode}")


def _created(manager: "PySC_HANDLE", entry: ServiceEntry) -> "PySC_HANDLE":
    return win32service.CreateService(
        manager,
        entry.name,
        entry.display_name,
        win32service.SERVICE_ALL_ACCESS,
        win32service.SERVICE_WIN32_OWN_PROCESS,
        win32service.SERVICE_AUTO_START,
        win32service.SERVICE_ERROR_NORMAL,
        entry.command_line,
        None,
        False,
        entry.depends_on,
        entry.account,
        None,
    )


def _describe(service: "PySC_HANDLE", entry: ServiceEntry) -> None:
    """All that the manager is told of it, whether it was there before or not."""
    no_change = win32service.SERVICE_NO_CHANGE
    win32service.ChangeServiceConfig(
        service, no_change, win32service.SERVICE_AUTO_START, no_change, entry.command_line, None, False,
        list(entry.depends_on), entry.account, None, entry.display_name,
    )  # fmt: skip
    restart = [(win32service.SC_ACTION_RESTART, seconds * 1000) for seconds in entry.restart_after_seconds]
    actions = {
        "ResetPeriod": entry.reset_after_seconds, "RebootMsg": "", "Command": "", "Actions": restart
    }  # fmt: skip
    for what, value in (
        (win32service.SERVICE_CONFIG_DESCRIPTION, entry.description),
        (win32service.SERVICE_CONFIG_FAILURE_ACTIONS, actions),
        # Also when it reports an exit code instead of crashing: a database that is away ends the start so.
        (win32service.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, True),
        # After the services that are needed at once; the database's start takes the longest.
        (win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, True),
        (win32service.SERVICE_CONFIG_PRESHUTDOWN_INFO, entry.preshutdown_seconds * 1000),
        (win32service.SERVICE_CONFIG_SERVICE_SID_INFO, SID_UNRESTRICTED),
    ):
        win32service.ChangeServiceConfig2(service, what, value)


def _stop(service: "PySC_HANDLE") -> None:
    """Ask for the end and wait for it; a service that does not run is no error."""
    try:
        win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)
    except pywintypes.error as error:
        if error.winerror not in (
            winerror.ERROR_SERVICE_NOT_ACTIVE,
            winerror.ERROR_SERVICE_CANNOT_ACCEPT_CTRL,
        ):
            raise
    _wait_for(service, win32service.SERVICE_STOPPED)


def _wait_for(service: "PySC_HANDLE", state: int) -> None:
    ends_at = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends_at:
        now = win32service.QueryServiceStatus(service)[1]
        if now == state:
            return
        if now == win32service.SERVICE_STOPPED:
            raise ServiceManagerError(ENDED_AT_ONCE)
        time.sleep(POLL_SECONDS)
    raise ServiceManagerError(f"the service did not get to the state `{_STATES[state]}` in {WAIT_SECONDS} s")


def _watch_for_a_while(service: "PySC_HANDLE") -> None:
    """It says `running` before it has met its database: one that cannot work ends within seconds."""
    ends_at = time.monotonic() + STEADY_SECONDS
    while time.monotonic() < ends_at:
        if win32service.QueryServiceStatus(service)[1] != win32service.SERVICE_RUNNING:
            raise ServiceManagerError(ENDED_AT_ONCE)
        time.sleep(POLL_SECONDS)


def _wait_until_gone(name: str) -> None:
    """Until the last handle is closed, its own process's too. Raises ServiceManagerError."""
    ends_at = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < ends_at:
        if entry_state(name) is None:
            return
        time.sleep(POLL_SECONDS)
    raise ServiceManagerError(STILL_OPEN)


def _opened(manager: "PySC_HANDLE", name: str) -> "PySC_HANDLE | None":
    try:
        return win32service.OpenService(manager, name, win32service.SERVICE_ALL_ACCESS)
    except pywintypes.error as error:
        if error.winerror == winerror.ERROR_SERVICE_DOES_NOT_EXIST:
            return None
        raise


@contextmanager
def _manager(access: int) -> Iterator["PySC_HANDLE"]:
    """Errors of the manager come out as ServiceManagerError."""
    try:
        manager = win32service.OpenSCManager(None, None, access)
        try:
            yield manager
        finally:
            win32service.CloseServiceHandle(manager)
    except pywintypes.error as error:
        if error.winerror == winerror.ERROR_SERVICE_MARKED_FOR_DELETE:
            raise ServiceManagerError(STILL_OPEN) from error
        raise ServiceManagerError(f"{error.funcname} failed: {error.strerror} ({error.winerror})") from error


@contextmanager
def _service(name: str, access: int = win32service.SERVICE_ALL_ACCESS) -> Iterator["PySC_HANDLE"]:
    """Raises FileNotFoundError where there is none, and as `_manager`."""
    with _manager(win32service.SC_MANAGER_CONNECT) as manager:
        try:
            service = win32service.OpenService(manager, name, access)
        except pywintypes.error as error:
            if error.winerror == winerror.ERROR_SERVICE_DOES_NOT_EXIST:
                raise FileNotFoundError(name) from error
            raise
        try:
            yield service
        finally:
            win32service.CloseServiceHandle(service)
