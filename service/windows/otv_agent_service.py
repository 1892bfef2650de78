"""The agent as a service of Windows: a thin shell around `agent.daemon`, started by the service manager.

`otv-agent service install` writes the command line; nobody types it. No work is
done here: the daemon is started, told to stop, and what ended it is told to
the manager as an exit code, so that it starts the service anew.
"""

import argparse
import os
import site
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    raise ImportError("only Windows starts this")

STOP_HINT_MILLISECONDS = 15_000
"""The daemon ends within ten seconds, also while a server or gpg keeps it waiting."""


def _prepared() -> Path:
    """Find the packages, and stand where nobody else is; the settings file."""
    parser = argparse.ArgumentParser()
    for name in ("--packages", "--python", "--config"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    # Also reads pywin32.pth, by which its libraries are found.
    site.addsitedir(str(given.packages))
    # What the agent starts of itself must be the environment's Python, not the bare one that hosts a service.
    sys.executable = str(given.python)
    # A service begins in System32, without any place to print to.
    os.chdir(given.config.parent)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - to the end
    return Path(given.config)


CONFIG = _prepared()

import servicemanager
import win32service
import win32serviceutil
import winerror

from agent.cli.context import loaded_for_service
from agent.daemon import Daemon
from agent.errors import AgentError
from agent.log_setup import write_into_file
from agent.service import DISPLAY_NAME, SERVICE_NAME
from agent.troubles import told


class AgentService(win32serviceutil.ServiceFramework):
    """What the manager calls."""

    _svc_name_ = SERVICE_NAME
    _svc_display_name_ = DISPLAY_NAME

    def __init__(self, args: list[str]) -> None:
        super().__init__(args)
        self._daemon = Daemon(CONFIG)
        self._state = win32service.SERVICE_START_PENDING

    def GetAcceptedControls(self) -> int:  # noqa: N802 - pywin32's names here and below
        """Preshutdown comes before other services are ended, the database's among them."""
        return win32service.SERVICE_ACCEPT_STOP | win32service.SERVICE_ACCEPT_PRESHUTDOWN

    def SvcRun(self) -> None:  # noqa: N802
        """The whole life of the service; returning means a stop that was asked for."""
        self._report(win32service.SERVICE_RUNNING)
        code, clean = self._work()
        if code or not clean:
            # Told before the process leaves, or a stop that was asked for would count as a crash.
            failed = winerror.ERROR_SERVICE_SPECIFIC_ERROR if code else 0
            self.ReportServiceStatus(win32service.SERVICE_STOPPED, win32ExitCode=failed, svcExitCode=code)
            # Threads may hang in the network; every story can be cut anywhere. An exception instead would be
            # written into the Event Log with its text, which nobody has looked through.
            os._exit(code)

    def SvcStop(self) -> None:  # noqa: N802
        """Also while gpg or a server is waited for: the daemon gives them a few seconds."""
        self._report(win32service.SERVICE_STOP_PENDING)
        self._daemon.stop()

    def SvcOtherEx(self, control: int, event_type: int, data: Any) -> None:  # noqa: N802
        if control == win32service.SERVICE_CONTROL_PRESHUTDOWN:
            self.SvcStop()

    def SvcInterrogate(self) -> None:  # noqa: N802
        """The framework would always say `running`, also during a stop."""
        self._report(self._state)

    def _report(self, state: int) -> None:
        self._state = state
        self.ReportServiceStatus(state, waitHint=STOP_HINT_MILLISECONDS)

    def _work(self) -> tuple[int, bool]:
        """The exit code, and whether every thread has ended."""
        try:
            loaded_for_service(CONFIG)
            clean = self._daemon.run()
            ended_by: Exception | None = self._daemon.ended_by
        except Exception as error:  # noqa: BLE001 - the last one who can tell it
            clean, ended_by = False, error
        if ended_by is None:
            return 0, clean
        write_into_file(ended_by)
        servicemanager.LogErrorMsg("\n".join(told(ended_by)))
        return (ended_by.exit_code if isinstance(ended_by, AgentError) else AgentError.exit_code), clean


if __name__ == "__main__":
    servicemanager.Initialize(SERVICE_NAME, servicemanager.__file__)
    servicemanager.PrepareToHostSingle(AgentService)
    dispatch: Callable[[], None] = servicemanager.StartServiceCtrlDispatcher
    dispatch()
