"""docs/commands.md: every command with its arguments and options, read from the command line itself."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from agent.cli.context import CONFIG_VARIABLE
from agent.cli.main import app
from agent.documentation.meanings import EXIT_CODES

PROGRAM = "otv-agent"
CONFIG = "config"
"""A parameter that nearly all commands have; said once at the top."""

Command = Any
"""Of Typer's own copy of click, whose module has no public name."""


def commands() -> dict[str, Command]:
    """Every command that a person may type, by its words behind the program's name."""
    return dict(_below(get_command(app), ()))


def command_page() -> str:
    """The whole page, as Markdown."""
    found = commands()
    without = [name for name, command in found.items() if not _takes_config(command)]
    about, names = get_command(app).help, ", ".join(f"`{name}`" for name in without)
    parts = [INTRODUCTION.format(about=about, variable=CONFIG_VARIABLE, without=names)]
    parts += [f"| {code} | {meaning.text} |\n" for code, meaning in EXIT_CODES.items()]
    parts.append(f"\n## The commands\n\n{' · '.join(map(_link, found))}\n")
    for name, command in found.items():
        parts.append(f"\n## {PROGRAM} {name}\n\n{_sentences(command.help)}\n")
        parts.append(_parameters(command))
    return "".join(parts)


INTRODUCTION = """\
# Every command

{about} This page is written by `python -m agent.documentation` from
the command line itself; `otv-agent COMMAND --help` says the same.

Where a command takes `--config FILE` (`-c`), it is the agent.yaml to use; without it the environment variable
`{variable}` names it, else it is `agent.yaml` in the present folder. These do without: {without}.

## Exit codes

| code | meaning |
|---|---|
"""


def _below(command: Command, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    if command.hidden:
        return
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name in sorted(command.commands):
        yield from _below(command.commands[name], (*words, name))


def _takes_config(command: Command) -> bool:
    return any(one.name == CONFIG for one in command.params)


def _link(name: str) -> str:
    return f"[{name}](#{PROGRAM}-{name.replace(' ', '-')})"


def _parameters(command: Command) -> str:
    rows = [_row(one) for one in command.params if not one.hidden and one.name != CONFIG]
    if not rows:
        return ""
    return "\n| word | meaning | if left out |\n|---|---|---|\n" + "".join(rows)


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
        names = ", ".join(f"`{name}{value}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names} | {_sentences(parameter.help)} | {_default(parameter)} |\n"


def _default(parameter: Any) -> str:
    if getattr(parameter, "prompt", None):
        return "it is asked for"
    if parameter.required:
        return "an error"
    plain = parameter.default is None or isinstance(parameter.default, bool) or parameter.default == ""
    return "" if plain else f"`{parameter.default}`"


def _sentences(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
