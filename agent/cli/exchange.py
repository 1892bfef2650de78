"""`otv-agent sync`, and its steps `export`, `deliver`, `fetch` and `receive` one by one."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.advice import tell
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, chosen, reading, working
from agent.cli.screen import err, out, progress, show, table
from agent.errors import AgentError, PartlyFailedError, SuddenChangeError, UnfitServerError
from agent.flows.exchange import ExchangeResult
from agent.flows.export_result import ExportResult
from agent.flows.file_result import FileState
from agent.operations import Agent
from exchange_formats.envelope import Kind

Step = Callable[[Agent, str], object]
GETS_NO_SUCH_FILE = "gets no such file"
SET_ASIDE = (FileState.REFUSED, FileState.QUARANTINED)


def sync(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would leave, in numbers; write nothing anywhere.")
    ] = False,
) -> None:
    """One whole cycle: tell changes, export, deliver, fetch, receive, deliver the receipts.

    If bookings came, free times once more: nobody is to go on offering what has just been taken.
    """
    if dry_run:
        with reading(config) as agent:
            _preview(agent, chosen(agent, partner))
        return
    booked_by: set[str] = set()

    def receive_all(agent: Agent, partner_id: str) -> None:
        _receive(agent, partner_id, booked_by.add)

    def renew_offer(agent: Agent, partner_id: str) -> None:
        if booked_by and Kind.AVAILABILITY in agent.kinds(partner_id):
            _export(agent, partner_id, [Kind.AVAILABILITY])
            _deliver_ready(agent, partner_id)

    cycle = (_hand_over, _tell_updates, _export_all, _exchange, receive_all, _deliver_ready)
    _for_each_partner(config, partner, *cycle, afterwards=renew_offer)


def export(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind; without it all.")] = None,
) -> None:
    """Put sealed files into the outbox, and an update if staff changed partners' appointments."""

    def handover(agent: Agent, partner_id: str) -> None:
        if kind in (None, Kind.KEY_HANDOVER):
            _hand_over(agent, partner_id)

    def updates(agent: Agent, partner_id: str) -> None:
        if kind not in (None, Kind.APPOINTMENT_UPDATES):
            return
        told = _tell_updates(agent, partner_id)
        if kind and not told:
            gets_updates = agent.lane(partner_id).gets_updates
            out.print(f"{partner_id}: {'nothing has changed' if gets_updates else GETS_NO_SUCH_FILE}")

    def snapshots(agent: Agent, partner_id: str) -> None:
        if kind in (Kind.APPOINTMENT_UPDATES, Kind.KEY_HANDOVER):
            return
        kinds = [one for one in agent.kinds(partner_id) if kind in (None, one)]
        if not kinds:
            out.print(f"{partner_id}: {GETS_NO_SUCH_FILE}")
        _export(agent, partner_id, kinds)

    _for_each_partner(config, partner, handover, updates, snapshots)


def deliver(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: PartnerOption = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Also what was given up: first it is put back into the outbox.")
    ] = False,
) -> None:
    """Send what waits in the outbox."""

    def send_again(agent: Agent, partner_id: str) -> None:
        result = agent.send_again(partner_id)
        dropped = f", {result.superseded} dropped for a newer one" if result.superseded else ""
        out.print(f"{partner_id}: {_files(result.put_back)} put back{dropped}")

    def step(agent: Agent, partner_id: str) -> None:
        result = agent.exchange(partner_id, fetch_files=False)
        out.print(f"{partner_id}: {_delivered(result)}")
        _tell_outdated(partner_id, result)

    _for_each_partner(config, partner, *([send_again, step] if failed else [step]))


def fetch(config: ConfigOption = DEFAULT_CONFIG, partner: PartnerOption = None) -> None:
    """Bring partners' files from their servers into the inbound folders."""

    def step(agent: Agent, partner_id: str) -> None:
        result = agent.exchange(partner_id, deliver_files=False)
        out.print(f"{partner_id}: {_files(result.fetched)} fetched")
        _require_fit_server(result)

    _for_each_partner(config, partner, step)


def receive(config: ConfigOption = DEFAULT_CONFIG, partner: PartnerOption = None) -> None:
    """Import what waits in the inbound folders."""
    _for_each_partner(config, partner, _receive)


def try_file(partner: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take a partner's file from standard input and import it without letting anything of it stay."""
    with reading(config) as agent:
        agent.try_file(partner, sys.stdin.buffer.read())


def _hand_over(agent: Agent, partner_id: str) -> None:
    if agent.hand_over(partner_id):
        out.print(f"{partner_id}: {Kind.KEY_HANDOVER} ready: our next key is announced")


def _for_each_partner(
    path: Path, partner: str | None, *steps: Step, afterwards: Step = lambda _, __: None
) -> None:
    """No partner's failure keeps another from its turn, and no step's the next: all is told by the exit code.

    What has arrived is imported also while the partner's server is down. `afterwards` begins with the
    first partner again.
    """
    failed: dict[str, set[int]] = {}
    told: set[tuple[str, str]] = set()
    with working(path) as agent:
        partner_ids = chosen(agent, partner)
        turns = [(partner_id, step) for partner_id in partner_ids for step in steps]
        for partner_id, step in (*turns, *((partner_id, afterwards) for partner_id in partner_ids)):
            try:
                step(agent, partner_id)
            except AgentError as error:
                if error.ends_process:
                    raise
                if (partner_id, str(error)) not in told:
                    tell(error, partner_id)
                told.add((partner_id, str(error)))
                failed.setdefault(partner_id, set()).add(error.exit_code)
    if not partner_ids:
        err.print("there is no enabled partner: nothing was done")
    if failed:
        err.print(f"{len(failed)} of {len(partner_ids)} partners failed")
        codes = set().union(*failed.values())
        alike = len(codes) == 1 and len(failed) == len(partner_ids)
        raise typer.Exit(codes.pop() if alike else PartlyFailedError.exit_code)


# --- steps -------------------------------------------------------------------------------------


def _tell_updates(agent: Agent, partner_id: str) -> int:
    told = agent.tell_updates(partner_id)
    if told:
        out.print(f"{partner_id}: {Kind.APPOINTMENT_UPDATES} ready: {told:,} appointment_update")
    return told


def _export_all(agent: Agent, partner_id: str) -> None:
    _export(agent, partner_id, agent.kinds(partner_id))


def _export(agent: Agent, partner_id: str, kinds: tuple[Kind, ...] | list[Kind]) -> None:
    """One kind that is held keeps no other from its turn; the last such SuddenChangeError is raised then."""
    held: list[SuddenChangeError] = []
    for kind in kinds:
        try:
            with progress(f"{partner_id}: {kind}") as advance:
                result = agent.export(partner_id, kind, advance)
        except SuddenChangeError as error:
            held.append(error)
            continue
        out.print(f"{partner_id}: {kind} ready: {_counts(result)}; {result.size:,} bytes sealed")
    for one in held[:-1]:
        tell(one, partner_id)
    if held:
        raise held[-1]


def _exchange(agent: Agent, partner_id: str) -> None:
    result = agent.exchange(partner_id)
    out.print(f"{partner_id}: {_delivered(result)}, {result.fetched} fetched")
    _tell_outdated(partner_id, result)
    _require_fit_server(result)


def _delivered(result: ExchangeResult) -> str:
    unconfirmed = f" ({result.unconfirmed} unconfirmed)" if result.unconfirmed else ""
    return f"{_files(result.delivered)} delivered{unconfirmed}"


def _require_fit_server(result: ExchangeResult) -> None:
    """Raises UnfitServerError for what somebody should tell the partner."""
    if result.complaints:
        raise UnfitServerError("; ".join(result.complaints))


def _tell_outdated(partner_id: str, result: ExchangeResult) -> None:
    if result.outdated:
        out.print(f"{partner_id}: {_files(result.outdated)} not sent, because outdated: export again")


def _deliver_ready(agent: Agent, partner_id: str) -> None:
    result = agent.exchange(partner_id, fetch_files=False)
    if result.delivered:
        out.print(f"{partner_id}: {_delivered(result)}")


def _receive(agent: Agent, partner_id: str, booked: Callable[[str], None] = lambda _: None) -> None:
    """Raises PartlyFailedError if files were set aside: somebody should look why.

    `booked` is told of the partner each time that a file has changed the appointment book.
    """
    states: Counter[FileState] = Counter()
    for result in agent.receive(partner_id):
        states[result.state] += 1
        if result.accepted:
            booked(partner_id)
        reason = f" ({result.reason})" if result.reason else ""
        bookings = "" if reason else f": {result.accepted} accepted, {result.declined} declined"
        out.print(f"{partner_id}: file {result.file_id} {result.state}{reason}{bookings}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    out.print(f"{partner_id}: {_files(states.total())} received{f': {counts}' if counts else ''}")
    set_aside = sum(states[state] for state in SET_ASIDE)
    if set_aside:
        raise PartlyFailedError(f"{set_aside} of {_files(states.total())} set aside in quarantine")


def _preview(agent: Agent, partner_ids: list[str]) -> None:
    filled = table("partner", "kind", "records", title="what would leave; nothing has been written")
    for partner_id in partner_ids:
        changed = agent.preview_updates(partner_id)
        if changed:
            filled.add_row(partner_id, Kind.APPOINTMENT_UPDATES.value, f"{changed:,} appointment_update")
        for kind in agent.kinds(partner_id):
            filled.add_row(partner_id, kind.value, _counts(agent.preview(partner_id, kind)))
    show(filled)


def _counts(result: ExportResult) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(result.records.items())) or "0 records"


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"
