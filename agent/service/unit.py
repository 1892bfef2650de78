"""Fills systemd's unit in for one installation: what is started, and the few folders that may be written to.

The unit itself, with every restriction and its reason, is the file
`service/systemd/otv-agent.service`; here only the lines about places change.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from agent.errors import SpoolError, UsageError
from agent.service.installation import Installation, outermost, within

STATE, CONFIGURATION = Path("/var/lib"), Path("/etc")
HIDDEN = tuple(Path(name) for name in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))  # noqa: S108 - shunned
"""ProtectHome and PrivateTmp put empty folders there."""
SHARED = frozenset(
    Path(name)
    for name in (
        "/", "/etc", "/opt", "/srv", "/usr", "/usr/local", "/var", "/var/lib", "/var/log", "/var/spool",
        "/mnt", "/media", "/run", "/boot", "/data",
    )
)  # fmt: skip
"""Never the agent's own: what is handed to its account must lie deeper."""

_COMMAND = re.compile(r"^ExecStart=.*$", re.MULTILINE)
_STATE = re.compile(r"^# /var/lib/otv-agent: .*\nStateDirectory=.*\nStateDirectoryMode=.*\n", re.MULTILINE)
_SETTINGS = re.compile(
    r"^# /etc/otv-agent: .*\nConfigurationDirectory=.*\nConfigurationDirectoryMode=.*\n", re.MULTILINE
)
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


def unit_text(template: str, place: Installation) -> str:
    """The unit as it is to stand in /etc/systemd/system. Raises UsageError as `require_fitting`."""
    require_fitting(place)
    program, *arguments = place.command
    command = [_word(program), *(_word(word).replace("$", "$$") for word in arguments)]
    config = _word(str(place.config)).replace("$", "$$")
    text = template
    for pattern, lines in (
        (_COMMAND, " ".join(["ExecStart=" + command[0], *command[1:], "run", "--config", config])),
        (_STATE, "".join(f"{line}\n" for line in _writable(place))),
        (_SETTINGS, "".join(f"{line}\n" for line in _settings(place))),
    ):
        text, found = pattern.subn(lambda _, lines=lines: lines, text)  # type: ignore[misc]
        if found != 1:
            raise SpoolError("the unit that came with the program was changed: install the program anew")
    return text


def require_fitting(place: Installation) -> None:
    """Raises UsageError, with all reasons, for places that the restricted service could not use."""
    problems = [
        f"{path} cannot be seen by the service (no homes, no temporary folders): move it, for example below"
        " /opt, /etc or /var/lib"
        for path in outermost([*place.program_folders, place.config.parent, *place.exchanged, *place.written])
        if within(path, HIDDEN)
    ]
    problems += [
        f"{path} is not the agent's alone: give it a folder of its own, such as {path / 'otv-agent'}"
        for path in place.own
        if path in SHARED
    ]
    together = common_folder(place.exchanged)
    if together in SHARED and not problems:
        folders = " and ".join(map(str, place.exchanged))
        problems.append(
            f"{folders} need one folder above them both that is the agent's alone: the service sees each as "
            "a file system of its own, and files must be renamed from one to the other"
        )
    if problems:
        raise UsageError("\n".join(problems))


def common_folder(folders: Iterable[Path]) -> Path:
    """The deepest one that holds them all."""
    return Path(os.path.commonpath(list(folders)))


def _settings(place: Installation) -> list[str]:
    folder = place.config.parent
    told = f"# {folder}: settings and secrets, read-only for the agent itself."
    if folder.parent != CONFIGURATION or not _PLAIN.fullmatch(folder.name):
        return [told]
    return [told, f"ConfigurationDirectory={folder.name}", "ConfigurationDirectoryMode=0750"]


def _writable(place: Installation) -> list[str]:
    """One line for all between which files move: systemd mounts each line, and no rename crosses a mount."""
    together = common_folder(place.exchanged)
    lines = [f"# {together}: spool, keys, licence. Nobody else may look into it."]
    if together == place.data and together.parent == STATE and _PLAIN.fullmatch(together.name):
        lines += [f"StateDirectory={together.name}", "StateDirectoryMode=0700"]
    else:
        lines.append(f"ReadWritePaths={_word(str(together))}")
    # With a dash: a folder that is gone, perhaps a collector's, must not keep the service from starting.
    others = [folder for folder in place.written if not within(folder, [together])]
    return lines + [f"ReadWritePaths={_word(f'-{folder}')}" for folder in others]


def _word(word: str) -> str:
    """As systemd reads one word: quoted where it would split or change it (systemd.syntax(7))."""
    literal = word.replace("%", "%%")
    if re.fullmatch(r"[A-Za-z0-9_./%@+=,-]+", literal):
        return literal
    escaped = literal.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
