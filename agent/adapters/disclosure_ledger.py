"""Records which patient left the house for which partner, under which alias, and numbers the documents.

The export story writes here before a file may enter the outbox, so that no
disclosure goes unrecorded (GDPR Art. 15 and 19). An alias is random, belongs
to one partner and is never changed or given to another patient, so that two
partners cannot join their data (reading A4). No name is ever stored here.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from agent.adapters import tables
from agent.domain.practice import Consent
from agent.errors import DatabaseError

BATCH_SIZE = 5_000
"""Rows per statement: below the 32,766 parameters that SQLite takes at once."""

ALIAS_BYTES = 8

Item = TypeVar("Item")


class SqlDisclosureLedger:
    """`DisclosureLedger` over one open write transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_sequence(self, partner_id: str, kind: str) -> int:
        table = tables.sequence_number
        number: int | None = self._connection.scalar(
            update(table)
            .where(table.c.partner_id == partner_id, table.c.kind == kind)
            .values(last=table.c.last + 1)
            .returning(table.c.last)
        )
        if number is None:
            number = 1
            self._connection.execute(insert(table), {"partner_id": partner_id, "kind": kind, "last": number})
        return number

    def add_outbound(
        self,
        message_id: str,
        partner_id: str,
        kind: str,
        sequence: int,
        created_at: datetime,
        record_count: int,
        sealed_sha256: str,
    ) -> None:
        self._connection.execute(
            insert(tables.outbound_message),
            {
                "message_id": message_id,
                "partner_id": partner_id,
                "kind": kind,
                "sequence": sequence,
                "created_at": created_at,
                "record_count": record_count,
                "sealed_sha256": sealed_sha256,
            },
        )

    def assign_aliases(self, partner_id: str) -> int:
        """The ids are read first (8 MB for 200,000), so that no cursor is open on the table being filled."""
        without_alias = self._transmit_set_without_alias(partner_id)
        for batch in _batches(without_alias):
            self._connection.execute(
                insert(tables.disclosure),
                [
                    {
                        "partner_id": partner_id,
                        "patient_id": patient_id,
                        "alias": secrets.token_hex(ALIAS_BYTES),
                    }
                    for patient_id in batch
                ],
            )
        return len(without_alias)

    def mark_sent(self, partner_id: str, patient_ids: Collection[int], at: datetime) -> None:
        """Repeatable; patients sent before keep their date. Raises DatabaseError for one without alias."""
        table = tables.disclosure
        for batch in _batches(sorted(set(patient_ids))):
            these = and_(table.c.partner_id == partner_id, table.c.patient_id.in_(batch))
            changed = self._connection.execute(
                update(table)
                .where(these, or_(table.c.first_sent_at.is_(None), table.c.removed_at.is_not(None)))
                .values(first_sent_at=func.coalesce(table.c.first_sent_at, at), removed_at=None)
            ).rowcount
            if changed < len(batch):
                self._demand_aliases(self._connection.scalar(select(func.count()).where(these)), len(batch))

    def mark_removed(self, partner_id: str, aliases: Collection[str], at: datetime) -> None:
        table = tables.disclosure
        for batch in _batches(sorted(set(aliases))):
            self._connection.execute(
                update(table)
                .where(
                    table.c.partner_id == partner_id, table.c.alias.in_(batch), table.c.removed_at.is_(None)
                )
                .values(removed_at=at)
            )

    def patient_of_alias(self, partner_id: str, alias: str) -> int | None:
        table = tables.disclosure
        return self._connection.scalar(
            select(table.c.patient_id).where(table.c.partner_id == partner_id, table.c.alias == alias)
        )

    def alias_of(self, partner_id: str, patient_id: int) -> str | None:
        table = tables.disclosure
        return self._connection.scalar(
            select(table.c.alias).where(table.c.partner_id == partner_id, table.c.patient_id == patient_id)
        )

    def _transmit_set_without_alias(self, partner_id: str) -> list[int]:
        """Active and GRANTED for this partner (rule R15), not in the ledger yet."""
        patient, consent, disclosure = tables.patient, tables.consent, tables.disclosure
        known = select(disclosure.c.patient_id).where(
            disclosure.c.partner_id == partner_id, disclosure.c.patient_id == consent.c.patient_id
        )
        return list(
            self._connection.scalars(
                select(consent.c.patient_id)
                .join(patient, patient.c.patient_id == consent.c.patient_id)
                .where(
                    consent.c.partner_id == partner_id,
                    consent.c.status == Consent.GRANTED.value,
                    patient.c.active,
                    ~known.exists(),
                ),
                execution_options={"yield_per": BATCH_SIZE},
            )
        )

    @staticmethod
    def _demand_aliases(found: int | None, wanted: int) -> None:
        if found != wanted:
            raise DatabaseError("patients without an alias were to be recorded as sent: assign aliases first")


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
