"""`otv-agent disclosures`: who was told what of a patient, and closing a partner's lane.

The answer a practice owes a patient (GDPR Art. 15 and 19), by the patient's
number: a name goes neither in nor out, for screens and terminals are seen and kept.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from agent import recipients
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, reading
from agent.cli.screen import out, require_yes, show, table
from agent.clock import utc_now
from agent.domain.documents import datetime_text
from agent.errors import UsageError
from agent.operations import Agent
from agent.recipients import AppointmentDisclosure, PatientDisclosures, RecordDisclosure, Revocation

SENT = "given name, family name, birth date, phone numbers, mail addresses"
NOTES = (
    "Why: booking appointments online; in patients files only by the patient's consent to that partner.",
    "Nothing else leaves the practice: no treatment, no insurance, no free text, and to no one else.",
    "What a partner wrote into its bookings (name, birth date, contacts) came from the partner, and it keeps",
    "its own bookings: a removal takes back what the patients files sent. Ask the partner for the rest.",
)
REVOKING = (
    "Revoking {partner} means:",
    "- the next patients file tells it to erase everybody it holds, and so does every later one until it",
    "  confirms; patients, free times, reference data and appointment updates go to it no more;",
    "- bookings, cancellations and changes it sends are refused (partner_revoked);",
    "- appointments that it booked stay in the appointment book.",
)
SENDING = (
    "`otv-agent sync --partner {partner}` sends them now, a running service with the next patients file.\n"
    "Leave the partner enabled and licensed until it has confirmed."
)
READMITTING = (
    "Readmitting {partner} means:",
    "- it gets free times and reference data again, and, if its file says so, appointment updates and the",
    "  patients who agreed to it, each under the same alias as before;",
    "- its bookings are accepted again. What was refused meanwhile stays refused.",
)


def disclosures(
    config: ConfigOption = DEFAULT_CONFIG,
    patient: Annotated[
        int | None, typer.Argument(help="The patient's number in the practice database.", show_default=False)
    ] = None,
    revoke_partner: Annotated[
        str | None,
        typer.Option(metavar="PARTNER", help="Close this partner's lane and have all it holds erased."),
    ] = None,
    readmit_partner: Annotated[
        str | None, typer.Option(metavar="PARTNER", help="Open a revoked partner's lane again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The answer about a patient for machines.")] = False,
) -> None:
    """Say who was told what of a patient, and since when; or revoke and readmit a partner."""
    if [patient, revoke_partner, readmit_partner].count(None) != 2:
        raise UsageError("say one of the three: a patient's number, --revoke-partner or --readmit-partner")
    with reading(config) as agent:
        if patient is not None:
            _answer(agent, patient, as_json=as_json)
        elif revoke_partner is not None:
            _revoke(agent, revoke_partner, yes=yes)
        elif readmit_partner is not None:
            _readmit(agent, readmit_partner, yes=yes)


# --- one patient -------------------------------------------------------------------------------


def _answer(agent: Agent, patient: int, *, as_json: bool) -> None:
    found = recipients.patient_disclosures(agent, patient)
    if as_json:
        out.print(json.dumps(_for_machines(agent, patient, found), indent=2, ensure_ascii=False))
    elif found.records or found.appointments:
        out.print(f"patient {patient}, as recorded by {datetime_text(utc_now())}")
        _show_records(agent, found.records)
        _show_appointments(agent, found.appointments)
        out.print("\n" + "\n".join(NOTES))
    else:
        out.print(f"no partner was ever told of patient {patient}")


def _show_records(agent: Agent, records: Iterable[RecordDisclosure]) -> None:
    filled = table(
        "partner", "alias", "first sent", "last sent", "removal", title=f"\nIn patients files: {SENT}"
    )
    for one in records:
        filled.add_row(
            _partner(agent, one.partner_id),
            one.alias,
            datetime_text(one.first_sent_at),
            datetime_text(one.last_sent_at) if one.last_sent_at else "",
            _removal(one),
        )
    if filled.row_count:
        show(filled)


def _show_appointments(agent: Agent, appointments: Iterable[AppointmentDisclosure]) -> None:
    filled = table(
        "partner", "booking", "appointment", "column", "status", "first told", "last told",
        title="\nIn receipts and appointment updates: time and column, as told last",
    )  # fmt: skip
    for one in appointments:
        filled.add_row(
            _partner(agent, one.partner_id),
            one.booking_id,
            f"{datetime_text(one.starts_at)} to {datetime_text(one.ends_at)}",
            str(one.column_id),
            one.status,
            datetime_text(one.first_told_at),
            datetime_text(one.last_told_at),
        )
    if filled.row_count:
        show(filled)


def _removal(record: RecordDisclosure) -> str:
    if record.removal_due:
        return "due: goes with the next patients file"
    told, confirmed = record.removal_told_at, record.removal_confirmed_at
    if told is None:
        return "none: the patient agrees"
    state = "not confirmed yet" if confirmed is None else f"confirmed {datetime_text(confirmed)}"
    return f"told {datetime_text(told)}, {state}"


def _for_machines(agent: Agent, patient: int, found: PatientDisclosures) -> dict[str, Any]:
    """Exact times in UTC; times and column of the appointments as told last."""
    return {
        "patient_id": patient,
        "asked_at": datetime_text(utc_now()),
        "patients_files": [_named(agent, one) | {"sent": SENT.split(", ")} for one in found.records],
        "appointments": [_named(agent, one) for one in found.appointments],
    }


def _named(agent: Agent, one: RecordDisclosure | AppointmentDisclosure) -> dict[str, Any]:
    values = {
        name: datetime_text(value) if isinstance(value, datetime) else value
        for name, value in asdict(one).items()
    }
    return {"partner_name": _partner(agent, one.partner_id)} | values


def _partner(agent: Agent, partner_id: str) -> str:
    """The name staff know; the id of a partner that is not configured any more."""
    partner = agent.config.partners.get(partner_id)
    return partner.settings.name if partner else partner_id


# --- a partner's lane --------------------------------------------------------------------------


def _revoke(agent: Agent, partner_id: str, *, yes: bool) -> None:
    recipients.require_configured(agent, partner_id)
    if not yes:
        _ask(REVOKING, partner_id)
    done = recipients.revoke_partner(agent, partner_id)
    out.print(f"{partner_id}: revoked {datetime_text(done.revoked_at)}; {_open_removals(done)}")
    if done.open_removals and partner_id in agent.lanes:
        out.print(SENDING.format(partner=partner_id))
    elif done.open_removals:
        out.print("The partner is not enabled: nothing can be sent to it before it is.")


def _open_removals(done: Revocation) -> str:
    if done.open_removals == 1:
        return "1 removal is not confirmed yet"
    if done.open_removals:
        return f"{done.open_removals:,} removals are not confirmed yet"
    return "it holds nobody"


def _readmit(agent: Agent, partner_id: str, *, yes: bool) -> None:
    recipients.require_configured(agent, partner_id)
    if not yes:
        _ask(READMITTING, partner_id)
    opened = recipients.readmit_partner(agent, partner_id)
    out.print(f"{partner_id}: {'readmitted' if opened else 'was not revoked'}")


def _ask(meaning: Iterable[str], partner_id: str) -> None:
    out.print("\n".join(meaning).format(partner=partner_id))
    require_yes("Do it?")
