"""The commands that do the agent's work, and the root under which all commands hang."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from agent.app import Agent
from agent.cli import audit, inspect, keys, licence, practice
from agent.cli.advice import leave, with_advice
from agent.cli.context import (
    DEFAULT_CONFIG,
    ConfigOption,
    PartnerOption,
    chosen,
    is_terminal,
    loaded,
    reading,
    working,
)
from agent.daemon import Daemon
from agent.errors import AgentError, PartlyFailedError
from agent.flows.export import ExportResult
from agent.flows.receive import FileResult
from exchange_formats.envelope import Kind

app = typer.Typer(
    name="otv-agent",
    help="The bridge between a dental practice's appointment book and its online booking partners.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks would show the values of variables
    add_completion=False,
)
app.add_typer(keys.app, name="keys")
app.add_typer(licence.app, name="licence")
app.add_typer(practice.app, name="practice")
app.add_typer(audit.app, name="audit")
app.command()(inspect.check)
app.command()(inspect.status)

out = Console(highlight=False, soft_wrap=True)


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Work by the clock until stopped; what a service starts."""
    loaded(config)
    daemon = Daemon(config)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        daemon.stop()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    if not daemon.run():
        # Threads that hang in the network would keep the process; every story can be cut anywhere.
        os._exit(0)


@app.command()
def sync(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would leave, in numbers; write nothing anywhere.")
    ] = False,
) -> None:
    """One whole cycle: export, deliver, fetch, receive, deliver the receipts."""
    if dry_run:
        with reading(config) as agent:
            _preview(agent, chosen(agent, partner))
        return

    def cycle(agent: Agent, partner_id: str) -> None:
        _export(agent, partner_id, agent.kinds(partner_id))
        agent.exchange(partner_id)
        _receive(agent, partner_id)
        agent.exchange(partner_id, fetch_files=False)

    _for_each_partner(config, partner, cycle)


@app.command()
def export(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind; without it all.")] = None,
) -> None:
    """Put sealed files into the outbox."""

    def work(agent: Agent, partner_id: str) -> None:
        kinds = agent.kinds(partner_id)
        _export(agent, partner_id, tuple(one for one in kinds if kind in (None, one)))

    _for_each_partner(config, partner, work)


@app.command()
def deliver(config: ConfigOption = DEFAULT_CONFIG, partner: PartnerOption = None) -> None:
    """Send what waits in the outbox."""

    def work(agent: Agent, partner_id: str) -> None:
        result = agent.exchange(partner_id, fetch_files=False).delivered
        out.print(f"{partner_id}: {result.delivered} delivered, {result.superseded} superseded")

    _for_each_partner(config, partner, work)


@app.command()
def fetch(config: ConfigOption = DEFAULT_CONFIG, partner: PartnerOption = None) -> None:
    """Bring partners' files from their servers into the inbound folders."""

    def work(agent: Agent, partner_id: str) -> None:
        result = agent.exchange(partner_id, deliver_files=False)
        out.print(f"{partner_id}: {result.fetched} fetched")

    _for_each_partner(config, partner, work)


@app.command()
def receive(config: ConfigOption = DEFAULT_CONFIG, partner: PartnerOption = None) -> None:
    """Import what waits in the inbound folders."""
    _for_each_partner(config, partner, _receive)


def _for_each_partner(path: Path, partner: str | None, work: Callable[[Agent, str], None]) -> None:
    """One partner's failure keeps no other from its turn; told at the end by the exit code."""
    failures: list[AgentError] = []
    with working(path) as agent:
        partners = chosen(agent, partner)
        for partner_id in partners:
            try:
                work(agent, partner_id)
            except AgentError as error:
                out.print(f"{partner_id}: failed: {error}")
                failures.append(error)
    if failures and len(failures) == len(partners) and len({type(error) for error in failures}) == 1:
        raise failures[0]
    if failures:
        raise PartlyFailedError(f"{len(failures)} of {len(partners)} partners failed")


def _export(agent: Agent, partner_id: str, kinds: tuple[Kind, ...]) -> None:
    for kind in kinds:
        with _progress(f"{partner_id}: {kind}") as advance:
            result = agent.export(partner_id, kind, advance)
        out.print(f"{partner_id}: {kind} ready: {_counts(result)}, {result.size:,} bytes sealed")


def _receive(agent: Agent, partner_id: str) -> None:
    results: list[FileResult] = list(agent.receive(partner_id))
    for result in results:
        reason = f" ({result.reason})" if result.reason else ""
        out.print(
            f"{partner_id}: file {result.file_id} {result.state}{reason}: "
            f"{result.accepted} accepted, {result.declined} declined"
        )
    states = Counter(result.state.value for result in results)
    out.print(f"{partner_id}: {len(results)} files received {dict(states) if states else ''}".rstrip())


def _preview(agent: Agent, partner_ids: list[str]) -> None:
    table = Table("partner", "kind", "records", title="what would leave; nothing has been written")
    for partner_id in partner_ids:
        for kind in agent.kinds(partner_id):
            result = agent.preview(partner_id, kind)
            table.add_row(partner_id, kind.value, _counts(result))
    out.print(table)


def _counts(result: ExportResult) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(result.records.items())) or "0 records"


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int], None] | None]:
    if not is_terminal():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} records"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda written: bar.update(task, completed=written)


def main() -> None:
    """Entry point of the command `otv-agent`."""
    leave(with_advice(lambda: app(standalone_mode=False)))
