"""Give up: outbox files that failed for days -> audit entry -> `failed`, and an operator's way back.

A file is never given up for its age alone: its last try must just have
failed, at the partner's end or on the way. A fault of ours (database, disk,
keys) holds files for as long as it lasts, and after weeks without power
everything is tried before anything is judged.
What was given up is never sent by itself again and never counts as sent; a
receipt or update stays until an operator sends it again, a snapshot until the
next one replaces it.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.domain.retries import is_overdue
from agent.errors import TransferError
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import SNAPSHOT_KINDS, drop
from agent.ports import WaitingFile
from exchange_formats.file_names import parse_sealed_name


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How many files wait again, and how many were dropped because a newer one exists."""

    put_back: int
    superseded: int


def give_up_if_overdue(
    practice: PracticeSide, lane: Lane, claimed: WaitingFile, error: TransferError
) -> bool:
    """After a failed try: set the file aside if that was the last one, and say whether it was.

    Raises DatabaseError, SpoolError; then the file is still the caller's.
    """
    now = practice.clock()
    if not is_overdue(now - claimed.since, lane.give_up_after):
        return False
    _give_up(practice, lane, claimed, error, now)
    return True


def give_up_overdue(practice: PracticeSide, lane: Lane, error: TransferError) -> int:
    """After a visit that failed for all of them: set aside whatever has waited too long; how many.

    Raises DatabaseError, SpoolError; then the rest waits for the next failure.
    """
    given_up = 0
    for file in lane.outbox.waiting():
        now = practice.clock()
        if is_overdue(now - file.since, lane.give_up_after) and (claimed := lane.outbox.claim(file.name)):
            try:
                _give_up(practice, lane, claimed, error, now)
            except BaseException:
                lane.outbox.release(claimed)
                raise
            given_up += 1
    return given_up


def send_again(practice: PracticeSide, lane: Lane) -> SentAgain:
    """An operator's word that what was given up is to be tried anew, with all the time of a new file."""
    put_back = superseded = 0
    for file in lane.outbox.failed():
        if _is_superseded(practice, lane, file):
            drop(practice, lane, file)
            superseded += 1
            continue
        now = practice.clock()
        with practice.database.write() as work:
            work.audit.append("delivery resumed", now, lane.partner_id, file=file.name)
        put_back += lane.outbox.send_again(file.name, now)
    return SentAgain(put_back, superseded)


def _give_up(
    practice: PracticeSide, lane: Lane, claimed: WaitingFile, error: TransferError, now: datetime
) -> None:
    with practice.database.write() as work:
        work.audit.append(
            "delivery given up", now, lane.partner_id, file=claimed.name, reason=type(error).__name__
        )
    lane.outbox.give_up(claimed, str(error), now)


def _is_superseded(practice: PracticeSide, lane: Lane, file: WaitingFile) -> bool:
    name = parse_sealed_name(file.name)
    if name is None or name.kind not in SNAPSHOT_KINDS:
        return False
    with practice.database.read() as snapshot:
        newest = snapshot.newest_file(lane.partner_id, name.kind.value)
    return newest is not None and newest.sequence > name.sequence
