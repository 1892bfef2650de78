"""The demo: exports, bookings, receipts and refusals between a practice and two partners, on real parts.

Real gpg, real SSH servers, a real database. Everything is done through the
agent as production wires it, and the partners use nothing but gpg and their
own folders. Ends with exit code 1 if any outcome is not the expected one.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from agent.adapters import tables
from agent.flows.file_result import FileResult
from agent.operations import Agent
from agent.oversight import verify_audit
from agent.ports import AuditHead
from exchange_formats.codec import INBOUND_KINDS, Document
from exchange_formats.envelope import Kind
from tests.demo.changes import changes
from tests.demo.scenes import Expected, Scene, scenes
from tests.kit.house import House, default_plan, open_house
from tests.kit.postgresql import DATABASES, own_database

FROM_THE_PRACTICE = [kind for kind in Kind if kind not in INBOUND_KINDS]

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 132)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    database = parser.parse_args().database
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="otv-demo-"))
    with own_database(database, folder, keep=True) as url:
        out.print("Setting up a practice with 6 columns and 3,000 patients, an agent and two partners ...")
        with open_house(folder, default_plan(), url) as house:
            wrong = tell(house)
    out.print(f"\nEverything lies in {folder}: the partners' servers, the agent's data, config and database.")
    if database == "sqlite":
        for command in ("status", "audit show", "sync --dry-run"):
            out.print(
                f"  {Path(sys.executable).parent / 'otv-agent'} {command} --config {folder}/config/agent.yaml"
            )
    verdict = f"{wrong} outcomes differ from what is expected" if wrong else "every outcome is as expected"
    out.print(f"\nDone in {time.monotonic() - started:.0f} s on {database}: {verdict}.")
    return 1 if wrong else 0


def tell(house: House) -> int:
    """The whole exchange; how many outcomes were not as expected."""
    agent = house.agent()
    agent.require_author()
    wrong = export_and_deliver(house, agent)
    wrong += book(house, agent)
    wrong += change(house, agent)
    return wrong + audit(house, agent)


def export_and_deliver(house: House, agent: Agent) -> int:
    """What leaves the house for whom, in numbers, as the partners found it on their servers."""
    sealed: dict[tuple[str, Kind], int] = {}
    for partner_id in house.partners:
        for kind in agent.kinds(partner_id):
            sealed[partner_id, kind] = agent.export(partner_id, kind).size
        agent.exchange(partner_id)
    table = Table(
        "partner", "file", "records", "sealed bytes", "opened with plain gpg", title="What left the house"
    )
    wrong = 0
    for (partner_id, kind), size in sealed.items():
        files = house.partners[partner_id].inbox(kind)
        wrong += len(files) != 1
        table.add_row(partner_id, kind.value, _counted(files), f"{size:,}", "signed by the practice, whole")
    without_patients = house.partners["zahnzeit"].inbox(Kind.PATIENTS)
    table.add_row("zahnzeit", "patients", "none: not agreed for this partner", "", "")
    out.print(table)
    return wrong + len(without_patients)


def _counted(files: list[Document[Any]]) -> str:
    counts: dict[str, int] = {}
    for file in files:
        for record in file.records:
            counts[record.record] = counts.get(record.record, 0) + 1
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def book(house: House, agent: Agent) -> int:
    """Each scene's file goes over SFTP into the agent and its receipt comes back."""
    table = Table("partner sends", "file", "booking", "why", "on record", "as expected", title="What came in")
    wrong = 0
    for scene in scenes(house):
        partner = house.partners[scene.partner_id]
        receipts_before = len(partner.inbox(Kind.RECEIPTS))
        partner.send(scene.sealed)
        agent.exchange(scene.partner_id)
        (result,) = agent.receive(scene.partner_id)
        agent.exchange(scene.partner_id, fetch_files=False)
        found = outcome(house, scene, result, receipts_before)
        good = found == scene.expected
        wrong += not good
        table.add_row(
            f"{scene.partner_id}: {scene.story}",
            found.file,
            found.booking or "no receipt",
            found.reason or "",
            _record_text(found),
            "yes" if good else f"NO: {scene.expected}",
        )
    out.print(table)
    return wrong


def outcome(house: House, scene: Scene, result: FileResult, receipts_before: int) -> Expected:
    """What really came of it: from the agent's result, the partner's receipt, and the database."""
    receipts = house.partners[scene.partner_id].inbox(Kind.RECEIPTS)
    if scene.booking_id is None:
        answered = "answered" if len(receipts) != receipts_before else ""
        return Expected(result.state.value, answered, result.reason)
    records = [record for receipt in receipts for record in receipt.records]
    (answer,) = [one for one in records if getattr(one, "booking_id", None) == scene.booking_id]
    patient_id, note = _written(house, scene)
    return Expected(
        file=result.state.value,
        booking=answer.outcome,
        reason=answer.reason and answer.reason.value,
        known=patient_id is not None and patient_id <= house.generated.counts["patient"],
        told=answer.patient_id is not None,
        staff_note=note,
    )


def _written(house: House, scene: Scene) -> tuple[int | None, str | None]:
    """The patient the appointment was put on, and what the reception is told about it."""
    came, note = tables.partner_appointment, tables.staff_note
    with house.connector.reading() as connection:
        row = connection.execute(
            select(came.c.patient_id, came.c.appointment_id).where(came.c.booking_id == scene.booking_id)
        ).one_or_none()
        if row is None:
            return None, None
        kind = connection.scalar(select(note.c.kind).where(note.c.appointment_id == row.appointment_id))
    return row.patient_id, kind


def _record_text(found: Expected) -> str:
    if found.booking != "accepted":
        return "nothing written"
    text = "existing record" if found.known else "new record"
    text += ", id told" if found.told else ""
    return text + (f", staff note: possible duplicate ({found.staff_note})" if found.staff_note else "")


def change(house: House, agent: Agent) -> int:
    """Partners and staff move and cancel, and a consent is withdrawn."""
    table = Table(
        "who", "does what", "the partner is told", "in the practice", "as expected", title="What changed"
    )
    wrong = 0
    for deed in changes(house, agent):
        good = deed.found == deed.expected
        wrong += not good
        table.add_row(deed.who, deed.what, *deed.found, "yes" if good else f"NO: {deed.expected}")
    out.print(table)
    return wrong


def audit(house: House, agent: Agent) -> int:
    """The chain, held against every head that the partners have in their files."""
    anchors = []
    for partner in house.partners.values():
        for kind in FROM_THE_PRACTICE:
            for file in partner.inbox(kind):
                sequence, _, mac = str(file.envelope.audit_head).partition(":")
                anchors.append(AuditHead(int(sequence), mac))
    report = verify_audit(agent, anchors)
    out.print(
        f"Audit: {report.entries} entries, unbroken, and equal to {len(anchors)} heads held by the partners."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
