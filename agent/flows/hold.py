"""Hold: what changes too much at once waits until somebody at the practice has looked.

A step of the stories, inside their transactions. What is held is written down
with its numbers, in the audit too, once; it ends by itself when the numbers
are believable again, or by an operator's `release`, which holds good for what
that operator saw and for one time.
"""

from datetime import datetime

from agent.domain.sudden_change import Change, Sign, covers, in_words
from agent.errors import SuddenChangeError
from agent.ports import Hold, WriteTransaction

_MEANWHILE = {
    Sign.PATIENTS_LOST: "; removals wait too, and the law lets no withdrawal wait for long: look today",
    Sign.PATIENTS_ADDED: "; those it holds and all removals go",
    Sign.BOOKINGS: "; its patients wait for their answers",
    Sign.CANCELLATIONS: "; its patients wait for their answers",
}


def hold_or_pass(
    work: WriteTransaction, partner_id: str, kind: str, found: tuple[Change, ...], now: datetime
) -> Hold | None:
    """Write down that these too large changes are held, and return the hold; None: the file may go.

    With nothing found, or what an operator released, whatever was held until now is over.
    """
    known = work.holds.held(partner_id, kind)
    if known is None and not found:
        return None
    if may_go(known, found):
        end_hold(work, partner_id, kind, now)
        return None
    if known and not known.released_at and covers(known.changes, found) and covers(found, known.changes):
        return known
    hold = Hold(partner_id, kind, known.held_at if known else now, found)
    work.holds.put(hold)
    work.audit.append("held", now, partner_id, kind=kind, **numbers(found))
    return hold


def may_go(known: Hold | None, found: tuple[Change, ...]) -> bool:
    """Nothing is too large, or no larger than what an operator released."""
    return not found or bool(known and known.released_at and covers(known.changes, found))


def end_hold(work: WriteTransaction, partner_id: str, kind: str, now: datetime) -> bool:
    """What was held may go; whether anything was."""
    known = work.holds.held(partner_id, kind)
    if known is None:
        return False
    work.holds.end(partner_id, kind)
    work.audit.append("hold ended", now, partner_id, kind=kind, released="yes" if known.released_at else "no")
    return True


def held_error(hold: Hold) -> SuddenChangeError:
    """The same sentence as long as the numbers are the same, so that it is told once."""
    meanwhile = next((_MEANWHILE[one.sign] for one in hold.changes if one.sign in _MEANWHILE), "")
    return SuddenChangeError(f"{hold.kind} held: {in_words(hold.changes)}{meanwhile}")


def numbers(changes: tuple[Change, ...]) -> dict[str, str]:
    """As an audit entry tells them."""
    signs = dict.fromkeys(change.sign for change in changes)
    return {
        sign.value: "; ".join(f"{one.amount} of {one.base}" for one in changes if one.sign is sign)
        for sign in signs
    }
