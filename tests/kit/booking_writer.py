"""A process of its own that books one slot after the other, for tests of concurrent writing.

Arguments: database url, audit key, name of this writer, number of transactions. It says `ready` and
waits for a line, so that several begin at the same moment.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agent.adapters.database import Connector
from agent.adapters.practice_database import SqlDatabase
from agent.errors import SlotTakenError
from agent.ports import NewAppointment, WriteTransaction
from tests.kit.databases import ANNA, CHECKUP, CHECKUP_TYPE, DENTPORT, OTV_USER, TREATMENT

NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
FIRST_SLOT = datetime(2027, 3, 8, 9, 0, tzinfo=UTC)


def main(url: str, audit_key: str, writer: str, transactions: str) -> None:
    database = SqlDatabase(Connector(url), audit_key.encode())
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(transactions)):
        with database.write() as work:
            outcome = _book(work, FIRST_SLOT + timedelta(minutes=30 * number))
            sequence = work.disclosures.next_sequence(DENTPORT, "receipts")
            work.audit.append(outcome, NOW, DENTPORT, writer=writer, sequence=sequence)


def _book(work: WriteTransaction, starts_at: datetime) -> str:
    appointment = NewAppointment(
        TREATMENT, ANNA, CHECKUP_TYPE, CHECKUP, starts_at, starts_at + timedelta(minutes=30)
    )
    try:
        work.book.add_appointment(appointment, OTV_USER, NOW)
    except SlotTakenError:
        return "slot taken"
    return "appointment booked"


if __name__ == "__main__":
    main(*sys.argv[1:])
