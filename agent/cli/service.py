"""`otv-agent service`: the agent under the system's service manager."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded
from agent.cli.screen import out
from agent.config import load_config
from agent.config.places import missing_places
from agent.errors import AgentError, ConfigError, PartlyFailedError
from agent.service.plan import Plan
from agent.service.system import plan_to_install, plan_to_remove, service_state

app = typer.Typer(no_args_is_help=True, help="The agent as a service of this machine.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@app.command()
def install(config: ConfigOption = DEFAULT_CONFIG, dry_run: DryRun = False) -> None:
    """Check the settings, make the service's account, give it what it needs, and start the service.

    May be repeated, for example after a path was changed. Needs root, or an administrator on Windows.
    """
    found = loaded(config)
    missing = missing_places(found)
    if missing:
        raise ConfigError(missing)
    plan = plan_to_install(found)
    _carry_out(plan, dry_run=dry_run)
    for note in plan.notes:
        out.print(f"note    {note}")
    if dry_run:
        out.print(f"\n{plan.text}", end="")


@app.command()
def remove(config: ConfigOption = DEFAULT_CONFIG, dry_run: DryRun = False) -> None:
    """Stop the service and take it away; settings, keys, files and the account stay."""
    plan = plan_to_remove()
    _carry_out(plan, dry_run=dry_run)
    if not plan.steps:
        out.print("the service is not installed")
    for place in _what_stays(config):
        out.print(f"stays   {place}")


@app.command()
def status() -> None:
    """Whether the service is installed, starts by itself and runs; exit code 3 if it does not run."""
    state = service_state()
    out.print(f"installed  {_word(state.installed)}")
    if state.installed:
        out.print(f"enabled    {_word(state.starts_by_itself)}\nrunning    {_word(state.running)}")
    for name, value in state.facts:
        out.print(f"{name:<9}  {value}")
    if not state.running:
        raise typer.Exit(PartlyFailedError.exit_code)


def _carry_out(plan: Plan, *, dry_run: bool) -> None:
    for step in plan.steps:
        if dry_run:
            out.print(f"would   {step.told}")
        else:
            step.do()
            out.print(f"done    {step.told}")


def _what_stays(config: Path) -> list[str]:
    """The folders, as far as the settings can be read; that must not keep a service from being removed."""
    try:
        settings = load_config(config).settings
    except AgentError:
        return [f"everything that {config} names"]
    return [str(config.absolute().parent), str(settings.data_folder)]


def _word(true: bool) -> str:
    return "yes" if true else "no"
