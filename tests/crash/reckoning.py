"""What must hold whenever the process is dead (`at_rest`), and once everything is quiet (`settled`).

Asked of the folders, the database and the partners' servers, in words of its
own: it shares no rule with the agent but the verification of the audit chain.
Each fault found is one sentence; a run is good when there is none.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from agent.adapters import tables
from agent.adapters.audit_log import AuditEntry, entries, ledger_anchors
from agent.adapters.audit_verification import verify
from agent.errors import AuditBrokenError
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from tests.crash.inbox import digest
from tests.crash.village import FAMILY_NAME, PARTNERS, Village, Wish
from tests.kit.books import disagreements
from tests.kit.house import PRACTICE_ID


@dataclass(slots=True)
class Reckoning:
    """All faults of one village at this moment."""

    village: Village

    def at_rest(self) -> list[str]:
        """With the process dead, whatever is half done."""
        for partner_id in PARTNERS:
            self.village.inboxes[partner_id].read()
        with self.village.house.connector.reading() as connection:
            audit = list(entries(connection))
            faults = [
                *self._books(audit),
                *self._contents(),
                *self._chain(connection),
                *self._torn_bookings(connection),
                *self._files_without_record(connection),
            ]
        return [*faults, *self._receipts()]

    def settled(self) -> list[str]:
        """With nothing left to do: besides, everything that was asked for has happened, once."""
        faults = self.at_rest()
        faults += [
            f"not finished: {path.parent.parent.name}/{path.parent.name}" for path in self.village.unfinished
        ]
        with self.village.house.connector.reading() as connection:
            faults += [*self._wishes(connection), *self._updates(connection), *self._removals(connection)]
        return [*faults, *self._answers(), *self._quarantine()]

    # --- promise P3 ----------------------------------------------------------------------------

    def _books(self, audit: list[AuditEntry]) -> Iterator[str]:
        for partner_id in PARTNERS:
            yield from disagreements(audit, partner_id, self._inbound(partner_id))

    def _contents(self) -> Iterator[str]:
        """By their bytes: whatever was handed in stands somewhere."""
        found: Counter[tuple[str, str]] = Counter()
        for partner_id in PARTNERS:
            outgoing = self.village.stage.partner(partner_id).server.root / "outgoing"
            found.update((partner_id, digest(path.read_bytes())) for path in outgoing.iterdir())
            found.update((partner_id, one) for one in self._digests(partner_id))
        for (partner_id, content), number in (self.village.put - found).items():
            yield f"{partner_id}: {number} file(s) {content[:8]} have disappeared"
        for partner_id, content in found.keys() - self.village.put.keys():
            yield f"{partner_id}: nobody sent file {content[:8]}"

    def _digests(self, partner_id: str) -> Iterator[str]:
        inbound, told = self._inbound(partner_id), {}
        for file in (inbound / "quarantine").glob("*.reason.json"):
            told[file.name.split(".")[0]] = json.loads(file.read_text())["sha256"]
        for state in ("waiting", "released", "claimed", "archive"):
            for path in (inbound / state).glob("*.pgp"):
                told.pop(path.name.split(".")[0], None)  # set aside and not yet taken away
                yield self.village.digest_of(path)
        yield from told.values()

    def _inbound(self, partner_id: str) -> Path:
        return self.village.house.data_folder / "inbound" / partner_id

    # --- promise P6 ----------------------------------------------------------------------------

    def _chain(self, connection: Connection) -> Iterator[str]:
        """Whole, and it holds every head that was handed out."""
        handed_out = set().union(*(inbox.anchors for inbox in self.village.inboxes.values()))
        try:
            verify(connection, self.village.stage.agent.audit_key, {*ledger_anchors(connection), *handed_out})
        except AuditBrokenError as error:
            yield str(error)

    # --- promise P2 ----------------------------------------------------------------------------

    def _torn_bookings(self, connection: Connection) -> Iterator[str]:
        """A booking is everywhere or nowhere: ledger, appointment, patient, audit, answer."""
        booking, line = tables.booking.c, tables.receipt_line.c
        accepted = [
            told["booking_id"]
            for text in connection.scalars(select(booking.record).where(booking.action == "book"))
            if (told := json.loads(text))["outcome"] == "accepted"
        ]
        came = list(connection.scalars(select(tables.partner_appointment.c.booking_id)))
        if sorted(accepted) != sorted(came):
            yield f"{len(accepted)} bookings accepted, {len(came)} in the ledger"
        of_ours = tables.patient.c.family_name == FAMILY_NAME
        names = Counter(connection.scalars(select(tables.patient.c.given_name).where(of_ours)))
        if len(names) != len(came) or names.total() != len(came):
            yield f"{len(came)} bookings, {names.total()} patients, {len(names)} of them different"
        made = _count(connection, tables.appointment, tables.appointment.c.patient_id.in_(
            select(tables.patient.c.patient_id).where(of_ours)
        ))  # fmt: skip
        if made != len(came):
            yield f"{len(came)} bookings, {made} appointments"
        imported = _count(connection, tables.audit_entry, tables.audit_entry.c.event == "file imported")
        answered = _count(
            connection, tables.inbound_message, ~tables.inbound_message.c.message_id.like("sha256:%")
        )
        if imported != answered:
            yield f"{imported} files imported, {answered} messages answered"
        verdicts = _count(connection, tables.receipt_line, line.position == 0)
        if verdicts != _count(connection, tables.inbound_message):
            yield "an answer without its first line"

    def _wishes(self, connection: Connection) -> Iterator[str]:
        """Each came to the one right end."""
        row, came = tables.appointment.c, tables.partner_appointment.c
        joined = tables.partner_appointment.join(
            tables.appointment, row.appointment_id == came.appointment_id
        )
        stands: dict[str, Any] = {
            one.booking_id: one
            for one in connection.execute(
                select(came.booking_id, row.status, row.starts_at).select_from(joined)
            )
        }
        for booking_id, wish in self.village.wishes.items():
            fault = self._fault_of(wish, stands.get(booking_id))
            if fault is not None:
                yield f"{booking_id} ({wish.later or 'booked'}): {fault}"

    def _fault_of(self, wish: Wish, stands: Any) -> str | None:
        outcome = self.village.inboxes[wish.partner_id].outcomes.get(wish.booking.booking_id)
        if outcome is None:
            return "never answered"
        if outcome.outcome != "accepted":
            return f"declined: {outcome.reason}"
        if stands is None:
            return "no appointment"
        cancelled = wish.later in ("cancel", "staff cancel")
        if (stands.status == "cancelled") != cancelled:
            return f"stands as {stands.status}"
        revision = 2 if wish.later in ("cancel", "reschedule") else 1
        return None if outcome.revision == revision else f"answered up to revision {outcome.revision}"

    # --- promise P4 ----------------------------------------------------------------------------

    def _receipts(self) -> Iterator[str]:
        """None but to those who signed; what they say is looked at as they are read."""
        for partner_id, inbox in self.village.inboxes.items():
            signed = self._signed(partner_id)
            yield from (f"{partner_id}: a receipt nobody asked for" for _ in inbox.receipts.keys() - signed)
            receipts = [one for one, kind in inbox.kinds.items() if kind is Kind.RECEIPTS]
            if len(receipts) != len(inbox.receipts):
                yield f"{partner_id}: {len(receipts)} receipts for {len(inbox.receipts)} messages"

    def _answers(self) -> Iterator[str]:
        """Everybody who signed has the receipt."""
        for partner_id, inbox in self.village.inboxes.items():
            missing = self._signed(partner_id) - inbox.receipts.keys()
            yield from (f"{partner_id}: no receipt for {message_id}" for message_id in missing)
            for message_id, verdict in inbox.verdicts.items():
                expected = "refused" if message_id in self.village.refusals else "processed"
                if verdict.outcome != expected:
                    yield f"{partner_id}: {message_id} was {verdict.outcome}: {verdict.reason}"

    def _signed(self, partner_id: str) -> set[str]:
        everybody = self.village.messages | self.village.refusals
        return {message_id for message_id, sender in everybody.items() if sender == partner_id}

    # --- promise P5, and disclosures -------------------------------------------------------------

    def _files_without_record(self, connection: Connection) -> Iterator[str]:
        """No snapshot is anywhere outside that is not recorded, byte by byte."""
        row = tables.outbound_message.c
        recorded = {one.message_id: one for one in connection.execute(select(tables.outbound_message))}
        updates = set(connection.scalars(select(tables.update_message.c.message_id)))
        for partner_id, inbox in self.village.inboxes.items():
            for message_id, kind in inbox.kinds.items():
                if kind is Kind.APPOINTMENT_UPDATES and message_id not in updates:
                    yield f"{partner_id}: an update that was never decided"
                if kind in (Kind.RECEIPTS, Kind.APPOINTMENT_UPDATES):
                    continue
                known = recorded.get(message_id)
                if known is None or inbox.digests[message_id] != {known.sealed_sha256}:
                    yield f"{partner_id}: a {kind} file left without its record"
            digests = set(connection.scalars(select(row.sealed_sha256).where(row.partner_id == partner_id)))
            yield from self._outbox_without_record(partner_id, digests)

    def _outbox_without_record(self, partner_id: str, recorded: set[str]) -> Iterator[str]:
        outbox = self.village.house.data_folder / "outbox" / partner_id
        for state in ("waiting", "claimed", "sent"):
            for path in (outbox / state).glob("*.pgp"):
                name = parse_sealed_name(path.name)
                is_snapshot = name is not None and name.kind not in (Kind.RECEIPTS, Kind.APPOINTMENT_UPDATES)
                if is_snapshot and self.village.digest_of(path) not in recorded:
                    yield f"{partner_id}: {state}/{path.name} without its record"

    # --- the rest ------------------------------------------------------------------------------

    def _updates(self, connection: Connection) -> Iterator[str]:
        """Each change by staff told once, in numbers without a gap."""
        for partner_id, inbox in self.village.inboxes.items():
            told = Counter(line.booking_id for one in inbox.updates.values() for line in one.records)
            changed = {
                booking_id: 1
                for booking_id, wish in self.village.wishes.items()
                if wish.partner_id == partner_id and wish.later == "staff cancel"
            }
            if told != Counter(changed):
                yield f"{partner_id}: {told.total()} changes told, {len(changed)} made"
            if sorted(inbox.updates) != list(range(1, len(inbox.updates) + 1)):
                yield f"{partner_id}: updates {sorted(inbox.updates)}"

    def _removals(self, connection: Connection) -> Iterator[str]:
        """Nobody who withdrew is in the newest file."""
        newest = self.village.inboxes["dentport"].newest_patients
        held = tables.disclosure.c
        aliases = connection.scalars(select(held.alias).where(held.patient_id.in_(self.village.withdrawn)))
        withdrawn = set(aliases)
        listed = {one.patient_id for one in newest.records if one.record == "patient"} if newest else set()
        yield from (f"{PRACTICE_ID}: sent again after withdrawing: {alias}" for alias in listed & withdrawn)

    def _quarantine(self) -> Iterator[str]:
        """Junk and refusals, nothing else."""
        for partner_id in PARTNERS:
            for file in (self._inbound(partner_id) / "quarantine").glob("*.reason.json"):
                told = json.loads(file.read_text())
                is_junk = (partner_id, told["sha256"]) in self.village.junk
                if is_junk == told["authenticated"] or told["reason"] == "crash_loop":
                    yield f"{partner_id}: {told['file_id']} set aside as {told['reason']}"


def _count(connection: Connection, table: Any, *conditions: Any) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
