"""Withdrawn: waiting files that are sealed for a key which was withdrawn since. None leaves as it is.

Between sealing and delivery a night can lie, and in it the call that a key is
stolen. A snapshot is dropped, the next export makes it for the key that
counts; a receipt and an update are sealed anew from what was stored, under
their own name. Where no key counts they wait, and the trouble is told.
"""

from agent.errors import KeyUnusableError
from agent.flows.lane import Lane, PracticeSide
from agent.flows.outdated import SNAPSHOT_KINDS, drop
from agent.flows.receive import put_receipt_anew
from agent.flows.tell_updates import publish_anew
from agent.ports import WaitingFile
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name


def dropped_or_renewed(practice: PracticeSide, lane: Lane, file: WaitingFile) -> bool:
    """Whether the file was dropped; if not, it may go. Raises KeyUnusableError for one that must wait."""
    with practice.database.read() as snapshot:
        withdrawn = snapshot.revoked_keys(lane.partner_id)
    if not withdrawn or not lane.sealer.is_sealed_for(file.path, withdrawn):
        return False
    name = parse_sealed_name(file.name)
    if name is not None and name.kind in SNAPSHOT_KINDS:
        drop(practice, lane, file)
        return True
    if name is not None and name.kind is Kind.RECEIPTS:
        put_receipt_anew(practice, lane, name.sequence)
    elif name is not None and name.kind is Kind.APPOINTMENT_UPDATES:
        publish_anew(practice, lane, name.sequence)
    else:
        raise KeyUnusableError(f"{file.name} is sealed for a key of the partner that was withdrawn: it waits")
    return False
