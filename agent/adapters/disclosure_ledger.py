"""Records which patient left the house for which partner, under which alias, and numbers the documents.

The export story writes here before a file may enter the outbox, so that no
disclosure goes unrecorded (GDPR Art. 15 and 19). An alias is random, belongs
to one partner and is never changed or given to another patient, so that two
partners cannot join their data (reading A4). No name is ever stored here.
"""

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    String,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

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

    def raise_sequence(self, partner_id: str, kind: str, at_least: int) -> None:
        """The next number will be higher than this one; after a restored backup, for what had gone out."""
        table = tables.sequence_number
        this = (table.c.partner_id == partner_id, table.c.kind == kind)
        last: int | None = self._connection.scalar(select(table.c.last).where(*this))
        if last is None:
            row = {"partner_id": partner_id, "kind": kind, "last": at_least}
            self._connection.execute(insert(table), row)
        elif last < at_least:
            self._connection.execute(update(table).where(*this).values(last=at_least))

    def add_outbound(
        self,
        message_id: str,
        partner_id: str,
        kind: str,
        sequence: int,
        created_at: datetime,
        record_count: int,
        sealed_sha256: str,
        patient_count: int = 0,
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
                "patient_count": patient_count,
                "sealed_sha256": sealed_sha256,
            },
        )

    def reseal(self, message_id: str, sealed_sha256: str) -> None:
        table = tables.outbound_message
        changed = update(table).where(table.c.message_id == message_id).values(sealed_sha256=sealed_sha256)
        self._connection.execute(changed)

    def has_outbound(self, message_id: str) -> bool:
        table = tables.outbound_message
        found = select(table.c.message_id).where(table.c.message_id == message_id)
        return self._connection.scalar(found) is not None

    def assign_aliases(self, partner_id: str) -> int:
        """The ids are read first (8 MB for 200,000), so that no cursor is open on the table being filled."""
        without_alias = self._transmit_set_without_alias(partner_id)
        for batch in _batches(without_alias):
            aliases = {patient_id: secrets.token_hex(ALIAS_BYTES) for patient_id in batch}
            self._connection.execute(self._insert_aliases(partner_id), {"aliases": json.dumps(aliases)})
        return len(without_alias)

    def mark_sent(self, partner_id: str, patient_ids: Collection[int], at: datetime) -> None:
        """Repeatable; patients sent before keep their date. Raises DatabaseError for one without alias."""
        chosen = set(patient_ids)
        if not chosen:
            return
        unrecorded = self._unrecorded(partner_id, chosen)
        table = tables.disclosure
        statement = (
            update(table)
            .where(
                table.c.partner_id == partner_id,
                table.c.patient_id.between(bindparam("first"), bindparam("last")),
                _unrecorded_or_removed(),
            )
            .values(
                first_sent_at=func.coalesce(table.c.first_sent_at, literal(at, tables.UtcDateTime)),
                removed_at=None,
                removal_sequence=None,
                removal_confirmed_at=None,
            )
        )
        for batch in _batches(_runs(unrecorded, chosen)):
            self._connection.execute(statement, [{"first": first, "last": last} for first, last in batch])

    def mark_removed(self, partner_id: str, aliases: Collection[str], sequence: int, at: datetime) -> None:
        table = tables.disclosure
        for batch in _batches(sorted(set(aliases))):
            self._connection.execute(
                update(table)
                .where(
                    table.c.partner_id == partner_id, table.c.alias.in_(batch), table.c.removed_at.is_(None)
                )
                .values(removed_at=at, removal_sequence=sequence)
            )

    def confirm_removals(
        self, partner_id: str, aliases: Collection[str], patients_message_id: str, at: datetime
    ) -> int:
        """By the files' numbers and not by times, which may be equal or go back: after a new consent and
        a second withdrawal the old file's confirmation settles nothing."""
        table, sent = tables.disclosure, tables.outbound_message
        sequence: int | None = self._connection.scalar(
            select(sent.c.sequence).where(
                sent.c.message_id == patients_message_id,
                sent.c.partner_id == partner_id,
                sent.c.kind == "patients",
            )
        )
        if sequence is None:
            return 0
        return sum(
            self._connection.execute(
                update(table)
                .where(
                    table.c.partner_id == partner_id,
                    table.c.alias.in_(batch),
                    table.c.removal_sequence <= sequence,
                    table.c.removal_confirmed_at.is_(None),
                )
                .values(removal_confirmed_at=at)
            ).rowcount
            for batch in _batches(sorted(set(aliases)))
        )

    def revoke_partner(self, partner_id: str, at: datetime) -> None:
        table = tables.revoked_partner
        revoked = select(table.c.partner_id).where(table.c.partner_id == partner_id)
        if self._connection.scalar(revoked) is None:
            self._connection.execute(insert(table), {"partner_id": partner_id, "revoked_at": at})

    def readmit_partner(self, partner_id: str) -> None:
        table = tables.revoked_partner
        self._connection.execute(delete(table).where(table.c.partner_id == partner_id))

    def patient_of_alias(self, partner_id: str, alias: str) -> int | None:
        table = tables.disclosure
        return self._connection.scalar(
            select(table.c.patient_id).where(table.c.partner_id == partner_id, table.c.alias == alias)
        )

    def alias_of(self, partner_id: str, patient_id: int) -> str | None:
        table, patient, consent = tables.disclosure, tables.patient, tables.consent
        return self._connection.scalar(
            select(table.c.alias)
            .join(patient, patient.c.patient_id == table.c.patient_id)
            .join(consent, consent.c.patient_id == table.c.patient_id)
            .where(
                table.c.partner_id == partner_id,
                table.c.patient_id == patient_id,
                table.c.first_sent_at.is_not(None),
                table.c.removed_at.is_(None),
                consent.c.partner_id == partner_id,
                consent.c.status == Consent.GRANTED.value,
                patient.c.active,
            )
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

    def _insert_aliases(self, partner_id: str) -> Insert:
        """One JSON object for a whole batch: three times faster than a row of parameters for each alias."""
        table = tables.disclosure
        aliases = bindparam("aliases", type_=String)
        if self._connection.dialect.name == "postgresql":
            pairs = func.json_each_text(cast(aliases, JSON)).table_valued("key", "value")
        else:
            pairs = func.json_each(aliases).table_valued("key", "value")
        return insert(table).from_select(
            ["partner_id", "patient_id", "alias"],
            select(literal(partner_id), cast(pairs.c.key, Integer), cast(pairs.c.value, String)),
        )

    def _unrecorded(self, partner_id: str, chosen: Set[int]) -> list[int]:
        """Every patient between the lowest and the highest chosen one that counts as not sent, in order."""
        table = tables.disclosure
        rows = self._connection.execute(
            select(table.c.patient_id, _unrecorded_or_removed().label("unrecorded"))
            .where(table.c.partner_id == partner_id, table.c.patient_id.between(min(chosen), max(chosen)))
            .order_by(table.c.patient_id),
            execution_options={"yield_per": BATCH_SIZE},
        )
        unrecorded, with_alias = [], 0
        for row in rows:
            with_alias += row.patient_id in chosen
            if row.unrecorded:
                unrecorded.append(row.patient_id)
        if with_alias < len(chosen):
            raise DatabaseError("patients without an alias were to be recorded as sent: assign aliases first")
        return unrecorded


def _unrecorded_or_removed() -> ColumnElement[bool]:
    return or_(tables.disclosure.c.first_sent_at.is_(None), tables.disclosure.c.removed_at.is_not(None))


def _runs(ordered: Iterable[int], chosen: Set[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of `ordered` that is chosen without a gap: mostly a single one.

    An update by ranges is exact and stays linear whatever the database knows about the table's size.
    """
    stretches = (list(group) for inside, group in groupby(ordered, key=chosen.__contains__) if inside)
    return [(stretch[0], stretch[-1]) for stretch in stretches]


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
