"""The few calls to systemd: make the account, put a unit in place, switch it on and off, ask how it is.

Used by `agent.service.linux` alone. With a `root` other than `/` it works on the
files of a system that is not running, as systemctl and systemd-sysusers do
with `--root`; nothing is started there.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ServiceManagerError, UsageError

if sys.platform == "win32":
    raise ImportError("there is no systemd on Windows")

UNIT_FOLDER = Path("etc/systemd/system")
BOOTED = Path("run/systemd/system")
"""There if, and only if, systemd is the machine's init (sd_booted(3))."""
LIMIT_SECONDS = 150
"""Longer than a start or a stop may take by the unit."""
_ASKED = ("ActiveState", "SubState", "ActiveEnterTimestamp", "WatchdogUSec", "NRestarts", "Result")


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of a unit; texts in its own words, empty where it has none."""

    installed: bool
    enabled: bool
    active: str = ""
    details: str = ""
    since: str = ""
    watchdog: str = ""
    restarts: str = ""


class Systemd:
    """systemd of this machine, or of the system whose files lie in `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.runs = root == Path("/")
        """Whether there is a manager that starts and stops."""

    def require_booted(self) -> None:
        """Raises UsageError where another init, or none, runs the machine."""
        if self.runs and not (self._root / BOOTED).is_dir():
            raise UsageError(
                "this machine is not run by systemd: let whatever starts programs here start `otv-agent run`"
            )

    def require_root(self) -> None:
        """Raises UsageError for everybody but root."""
        if os.geteuid() != 0:
            raise UsageError("this needs root: put `sudo` before the command")

    def unit_file(self, name: str) -> Path:
        return self._root / UNIT_FOLDER / f"{name}.service"

    def write_unit(self, name: str, text: str) -> None:
        """Whole or not at all, to be read by everybody."""
        file = self.unit_file(name)
        part = file.with_name(f".{file.name}.part")
        try:
            part.write_text(text, encoding="utf-8")
            part.chmod(0o644)
            part.replace(file)
        except OSError as error:
            raise ServiceManagerError(f"{file} cannot be written: {error.strerror}") from error

    def remove_unit(self, name: str) -> None:
        try:
            self.unit_file(name).unlink(missing_ok=True)
        except OSError as error:
            raise ServiceManagerError(
                f"{self.unit_file(name)} cannot be removed: {error.strerror}"
            ) from error

    def make_account(self, name: str, description: str, home: Path) -> None:
        """A system user and group of that name, without a shell; repeatable (sysusers.d(5))."""
        self._run("systemd-sysusers", ["--inline", f'u {name} - "{description}" "{home}"'])

    def reload(self) -> None:
        if self.runs:
            self._systemctl("daemon-reload")

    def enable(self, name: str) -> None:
        """From the next boot on."""
        self._systemctl("enable", name)

    def start(self, name: str) -> None:
        """With its unit as it is now; returns once it says that it works."""
        if self.runs:
            self._systemctl("restart", name)

    def stop_and_disable(self, name: str) -> None:
        """Now, and for all boots to come."""
        self._systemctl("disable", *(["--now"] if self.runs else []), name)

    def state(self, name: str) -> UnitState:
        """Raises ServiceManagerError if systemd does not answer."""
        if not self.unit_file(name).exists():
            return UnitState(installed=False, enabled=False)
        enabled = self._call("systemctl", ["is-enabled", "--quiet", name]).returncode == 0
        if not self.runs:
            return UnitState(installed=True, enabled=enabled)
        return unit_state(
            self._systemctl("show", name, f"--property={','.join(_ASKED)}").stdout, enabled=enabled
        )

    def _systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run("systemctl", words)

    def _run(self, program: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        done = self._call(program, words)
        if done.returncode != 0:
            told = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise ServiceManagerError(f"`{program} {words[0]}` failed: {told}")
        return done

    def _call(self, program: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        place = [] if self.runs else [f"--root={self._root}"]
        try:
            return subprocess.run(
                [program, *place, *words],
                check=False,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                env={**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ServiceManagerError(f"{program} cannot be asked: {type(error).__name__}") from error


def unit_state(shown: str, *, enabled: bool) -> UnitState:
    """From the lines `Property=value` of `systemctl show`."""
    said: Mapping[str, str] = dict(line.partition("=")[::2] for line in shown.splitlines())
    failed = said.get("Result", "success")
    details = said.get("SubState", "") + (f", {failed}" if failed not in ("", "success") else "")
    return UnitState(
        installed=True,
        enabled=enabled,
        active=said.get("ActiveState", ""),
        details=details,
        since=said.get("ActiveEnterTimestamp", ""),
        watchdog=said.get("WatchdogUSec", ""),
        restarts=said.get("NRestarts", ""),
    )
