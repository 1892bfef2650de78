"""The root under which all commands hang, and the service."""

import os
import signal
from importlib.metadata import version
from types import FrameType
from typing import Annotated

import typer

from agent.app import TRY_FILE
from agent.cli import (
    audit,
    backup,
    config,
    disclosures,
    doctor,
    duplicates,
    exchange,
    host_keys,
    init,
    inspect,
    keys,
    licence,
    match,
    own_key,
    partner,
    practice,
    purge,
    quarantine,
    rehearse,
    release,
    service,
    show_keys,
    trace,
    try_partner,
    what_left,
)
from agent.cli.advice import leave, tell, with_advice
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded_for_service
from agent.cli.screen import out
from agent.log_setup import write_into_file

app = typer.Typer(
    name="otv-agent",
    help="The bridge between a dental practice's appointment book and its online booking partners.",
    epilog="Begin with `otv-agent doctor`. Exit codes: 0 done, 1 defect, 2 command line, 3 some partner or "
    "file failed, 10 configuration, 20 database, 30 keys or licence, 40 transfer, 50 folders or another "
    "process.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks would show the values of variables
    add_completion=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        out.print(f"otv-agent {version('otv-agent')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Work by the clock until stopped; what a service starts."""
    loaded_for_service(config)
    # Imported here: no other command needs the scheduler and the folder watcher.
    from agent.daemon import Daemon  # noqa: PLC0415

    daemon = Daemon(config)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        daemon.stop()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    try:
        clean = daemon.run()
    except Exception as error:
        write_into_file(error)
        raise
    if daemon.ended_by is not None:
        write_into_file(daemon.ended_by)
        tell(daemon.ended_by)
    if not clean or daemon.ended_by is not None:
        # Threads that hang in the network would keep the process; every story can be cut anywhere.
        os._exit(daemon.ended_by.exit_code if daemon.ended_by else 0)


app.command(TRY_FILE, hidden=True)(exchange.try_file)
app.command()(doctor.doctor)
app.command()(inspect.status)
app.command()(inspect.metrics)
for command in (exchange.sync, exchange.export, exchange.deliver, exchange.fetch, exchange.receive):
    app.command()(command)
app.command()(disclosures.disclosures)
app.command()(match.match)
app.command()(trace.trace)
app.command()(what_left.what_left)
app.command()(rehearse.rehearse)
app.command()(init.init)
app.command()(backup.backup)
app.command()(backup.restore)
partner.app.command("test")(try_partner.try_partner)
app.add_typer(partner.app, name="partner")
app.add_typer(config.app, name="config")
app.command()(purge.purge)
keys.app.command("show")(show_keys.show_keys)
keys.app.command()(own_key.rotate)
keys.app.command()(own_key.handover)
keys.app.command()(host_keys.pin_host)
keys.app.command()(host_keys.revoke_host)
app.command()(release.release)
app.add_typer(keys.app, name="keys")
app.add_typer(licence.app, name="licence")
app.add_typer(practice.app, name="practice")
app.add_typer(audit.app, name="audit")
app.add_typer(duplicates.app, name="duplicates")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(service.app, name="service")


def main() -> None:
    """Entry point of the command `otv-agent`."""
    leave(with_advice(lambda: app(prog_name="otv-agent")))
