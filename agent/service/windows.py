"""Puts the agent under the service manager of Windows, takes it away, and says how it is.

The entry comes first, because Windows knows the service's account only with
it; then the rights on the folders, then the start. Settings, keys and files are never removed.
"""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path

if sys.platform != "win32":
    raise ImportError("only Windows has this service manager")

from agent.adapters.process_lock import is_held
from agent.adapters.windows_event_log import register, unregister
from agent.adapters.windows_services import (
    ServiceEntry,
    entry_state,
    is_remote,
    remove,
    require_administrator,
    run_tool,
    service_names,
    start,
    write_entry,
)
from agent.config import Config
from agent.errors import AlreadyRunningError, UsageError
from agent.service import DESCRIPTION, DISPLAY_NAME, SERVICE_NAME
from agent.service.installation import Installation, installation, within
from agent.service.installed_files import installed_file
from agent.service.plan import Plan, ServiceState, Step
from agent.service.windows_entry import (
    ACCOUNT,
    PRESHUTDOWN_SECONDS,
    RESET_AFTER_SECONDS,
    RESTART_AFTER_SECONDS,
    file_commands,
    folder_commands,
    hidden_from_services,
    image_path,
    is_shared,
    postgresql_service,
    service_sid,
)

SHELL = "windows/otv_agent_service.py"


def plan_to_install(config: Config) -> Plan:
    """Raises UsageError for places that a service could not use."""
    place = installation(config)
    _require_fitting(place)
    entry = service_entry(place, postgresql_service(config.settings.database.url, service_names()))
    sid = service_sid(SERVICE_NAME)
    rights = [*_rights(place, sid)]
    text = "".join(f"{line}\n" for line in (entry.command_line, *map(subprocess.list2cmdline, rights)))
    return Plan([*_steps_to_install(place, entry, rights)], _notes(place, entry), text)


def plan_to_remove() -> Plan:
    """No steps where there is no such service."""
    if entry_state(SERVICE_NAME) is None:
        return Plan([])
    told = f"{SERVICE_NAME}: stopped and removed"
    forget = Step(f"{SERVICE_NAME}: no name in the Application log", partial(unregister, SERVICE_NAME))
    return Plan([_rights_step(), Step(told, partial(remove, SERVICE_NAME)), forget])


def service_state() -> ServiceState:
    """Raises ServiceManagerError."""
    found = entry_state(SERVICE_NAME)
    if found is None:
        return ServiceState(installed=False)
    facts = [("state", found.state)]
    if found.exit_code:
        facts.append(("exit code", str(found.exit_code)))
    return ServiceState(True, found.starts_by_itself, found.running, facts)


def service_entry(place: Installation, database: str | None) -> ServiceEntry:
    """The entry of this installation."""
    program = Path(sys.base_prefix) / "python.exe"
    packages = Path(sysconfig.get_path("purelib"))
    return ServiceEntry(
        name=SERVICE_NAME,
        display_name=DISPLAY_NAME,
        description=DESCRIPTION,
        command_line=image_path(program, packages, Path(sys.executable), installed_file(SHELL), place.config),
        account=ACCOUNT,
        depends_on=[database] if database else [],
        restart_after_seconds=RESTART_AFTER_SECONDS,
        reset_after_seconds=RESET_AFTER_SECONDS,
        preshutdown_seconds=PRESHUTDOWN_SECONDS,
    )


def _steps_to_install(place: Installation, entry: ServiceEntry, rights: list[list[str]]) -> Iterator[Step]:
    yield _rights_step()
    yield Step("nobody else works on the data folder", partial(_require_nobody_else, place))
    yield Step(f"{entry.name}: the service, as {entry.account}", partial(write_entry, entry))
    yield Step(f"{entry.name}: a name in the Application log", partial(register, entry.name))
    for command in rights:
        yield Step(subprocess.list2cmdline(command), partial(run_tool, command))
    yield Step(f"{entry.name}: started", partial(start, entry.name))


def _rights(place: Installation, sid: str) -> Iterator[list[str]]:
    """Settings are read, all else is written to; the outer folder first, because it resets what is inside."""
    for folder in place.own:
        writable = within(folder, (*place.exchanged, *place.written))
        yield from folder_commands(folder, sid, writable=writable)
    for file in place.kept:
        yield from file_commands(file, sid)


def _rights_step() -> Step:
    return Step("this is an administrator", require_administrator)


def _notes(place: Installation, entry: ServiceEntry) -> list[str]:
    notes = [f"{folder} stays as it is: see that {ACCOUNT} may write there" for folder in place.foreign]
    if not entry.depends_on:
        notes.append("no PostgreSQL service of this machine is waited for at its start")
    for folder in place.exchanged:
        notes.append(
            "let the virus scanner leave out the exchange folder, which holds encrypted files only: "
            f"Add-MpPreference -ExclusionPath '{folder}'"
        )
    return notes


def _require_fitting(place: Installation) -> None:
    folders = (*place.program_folders, place.config.parent, *place.exchanged, *place.written)
    problems = [
        f"{folder} lies in somebody's profile, where no service may look: use a folder such as "
        "C:\\otv-agent, and a Python that was installed for all users"
        for folder in folders
        if hidden_from_services(folder)
    ]
    problems += [
        f"{folder} is on another machine, or a drive that only you see: use a local disk"
        for folder in folders
        if is_remote(folder)
    ]
    problems += [
        f"{folder} is not the agent's alone: give it a folder of its own, such as C:\\otv-agent"
        for folder in place.own
        if is_shared(folder)
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _require_nobody_else(place: Installation) -> None:
    if is_held(place.data) and not service_state().running:
        raise AlreadyRunningError(f"an otv-agent process that is not the service works on {place.data}")
