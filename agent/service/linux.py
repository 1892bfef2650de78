"""Puts the agent under systemd, takes it away, and says how it is.

Settings, keys and files are handed to the service's account and never removed.
Nothing is started before that account has shown that it can read what it needs.
"""

import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from agent.adapters.ownership import hand_over_file, hand_over_folder
from agent.adapters.process_lock import is_held
from agent.adapters.systemd import Systemd
from agent.config import Config
from agent.errors import AlreadyRunningError, ServiceManagerError
from agent.service import DESCRIPTION, SERVICE_NAME
from agent.service.installation import Installation, installation
from agent.service.installed_files import installed_file
from agent.service.plan import Plan, ServiceState, Step
from agent.service.unit import unit_text

if sys.platform == "win32":
    raise ImportError("there is no systemd on Windows")

TEMPLATE = "systemd/otv-agent.service"
LOOK_SECONDS = 60


def plan_to_install(config: Config) -> Plan:
    """Raises UsageError for places that the unit could not use; whether systemd runs is the first step."""
    place = installation(config)
    unit = unit_for(place)
    systemd = Systemd()
    notes = [f"{folder} stays as it is: see that {SERVICE_NAME} may write there" for folder in place.foreign]
    return Plan([*steps_to_prepare(place, systemd), *steps_to_start(unit, systemd)], notes, unit)


def plan_to_remove() -> Plan:
    """No steps where there is no such service."""
    return Plan([*steps_to_remove(Systemd())])


def service_state() -> ServiceState:
    """Raises UsageError where systemd does not run the machine, ServiceManagerError."""
    systemd = Systemd()
    systemd.require_booted()
    return state_of(systemd)


def unit_for(place: Installation) -> str:
    """The unit of this installation. Raises UsageError for places that it could not use."""
    return unit_text(installed_file(TEMPLATE).read_text(encoding="utf-8"), place)


def steps_to_prepare(place: Installation, systemd: Systemd) -> Iterator[Step]:
    """The account, and what it needs."""
    yield Step("this machine is run by systemd, and this is root", partial(_require_rights, systemd))
    yield Step("nobody else works on the data folder", partial(_require_nobody_else, place, systemd))
    make = partial(systemd.make_account, SERVICE_NAME, DESCRIPTION, place.data)
    yield Step(f"account {SERVICE_NAME}: a system user without a shell, made if it is missing", make)
    for folder in place.own:
        yield Step(f"{folder}: for {SERVICE_NAME} alone", partial(_give, hand_over_folder, folder))
    for file in place.kept:
        yield Step(f"{file}: for {SERVICE_NAME} alone", partial(_give, hand_over_file, file))
    check = [*place.command, "config", "check", "--config", str(place.config)]
    yield Step(f"{SERVICE_NAME} can run the program and read its settings", partial(run_as, check))


def steps_to_start(unit: str, systemd: Systemd) -> Iterator[Step]:
    """The unit, now and for every boot."""
    file = systemd.unit_file(SERVICE_NAME)
    yield Step(f"{file}: written", partial(systemd.write_unit, SERVICE_NAME, unit))
    yield Step("systemd: reads its units anew", systemd.reload)
    yield Step(f"{SERVICE_NAME}: starts with the machine", partial(systemd.enable, SERVICE_NAME))
    yield Step(f"{SERVICE_NAME}: started", partial(systemd.start, SERVICE_NAME))


def steps_to_remove(systemd: Systemd) -> Iterator[Step]:
    """None if there is no such unit."""
    if not systemd.unit_file(SERVICE_NAME).exists():
        return
    yield Step("this machine is run by systemd, and this is root", partial(_require_rights, systemd))
    stop = partial(systemd.stop_and_disable, SERVICE_NAME)
    yield Step(f"{SERVICE_NAME}: stopped, and no longer started with the machine", stop)
    file = systemd.unit_file(SERVICE_NAME)
    yield Step(f"{file}: removed", partial(systemd.remove_unit, SERVICE_NAME))
    yield Step("systemd: reads its units anew", systemd.reload)


def state_of(systemd: Systemd) -> ServiceState:
    """Raises ServiceManagerError."""
    unit = systemd.state(SERVICE_NAME)
    facts = [
        (
            "state",
            " ".join(word for word in (unit.active, f"({unit.details})" if unit.details else "") if word),
        ),
        ("since", unit.since),
        ("watchdog", unit.watchdog),
        ("restarts", unit.restarts),
    ]
    told = [(name, value) for name, value in facts if value]
    return ServiceState(unit.installed, unit.enabled, unit.active == "active", told)


def run_as(command: list[str], account: str = SERVICE_NAME) -> None:
    """Run it with the account's rights and no others. Raises ServiceManagerError with its first words."""
    try:
        owner = pwd.getpwnam(account)
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=LOOK_SECONDS,
            cwd="/",
            user=owner.pw_uid,
            group=owner.pw_gid,
            extra_groups=[],
        )
    except (OSError, KeyError, subprocess.TimeoutExpired) as error:
        raise ServiceManagerError(
            f"{account} cannot run {command[0]} ({type(error).__name__}): install the program where every "
            "account may read it, for example below /opt"
        ) from error
    if done.returncode != 0:
        told = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
        raise ServiceManagerError(f"as {account} the settings cannot be used: {told}")


def _require_rights(systemd: Systemd) -> None:
    systemd.require_booted()
    systemd.require_root()


def _require_nobody_else(place: Installation, systemd: Systemd) -> None:
    if is_held(place.data) and not state_of(systemd).running:
        raise AlreadyRunningError(f"an otv-agent process that is not the service works on {place.data}")


def _give(hand_over: Callable[[Path, int, int], None], path: Path) -> None:
    account = pwd.getpwnam(SERVICE_NAME)
    hand_over(path, account.pw_uid, account.pw_gid)
