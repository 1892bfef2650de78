"""What a partner finds on its own server, read as it comes and never forgotten (promises P4 and P5).

Every file under a final name must be whole, at every moment; the same message
must say the same for ever; each update has one number. Knows nothing of the
practice's side.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.ports import AuditHead
from exchange_formats.codec import Document, decode
from exchange_formats.envelope import Kind
from exchange_formats.file_names import parse_sealed_name
from exchange_formats.receipts import BookingOutcome, MessageOutcome
from tests.crash.openpgp import QuickOpenPgp


@dataclass(slots=True)
class Inbox:
    """One partner's `inbox/`."""

    folder: Path
    opener: QuickOpenPgp
    contents: dict[str, bytes] = field(default_factory=dict)
    """Message id -> the plain file."""
    digests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Message id -> digests of the sealed files it came in."""
    kinds: dict[str, Kind] = field(default_factory=dict)
    receipts: dict[str, list[Document[Any]]] = field(default_factory=lambda: defaultdict(list))
    """Message id of ours -> what was answered; one answer, under one id."""
    outcomes: dict[str, BookingOutcome] = field(default_factory=dict)
    """Booking id -> the newest answer."""
    verdicts: dict[str, MessageOutcome] = field(default_factory=dict)
    updates: dict[int, Document[Any]] = field(default_factory=dict)
    """By number."""
    anchors: set[AuditHead] = field(default_factory=set)
    newest_patients: Document[Any] | None = None
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)

    def read(self) -> None:
        """Whatever is new or has been put there once more; a torn file raises."""
        for path in sorted(self.folder.glob("*.pgp")):
            status = path.stat()
            look = (status.st_ino, status.st_mtime_ns)
            if self._seen.get(path.name) == look:
                continue
            sealed = path.read_bytes()
            self._take(path.name, self.opener.open(sealed), digest(sealed))
            self._seen[path.name] = look

    def _take(self, name: str, content: bytes, sealed_digest: str) -> None:
        parsed = parse_sealed_name(name)
        assert parsed is not None, name
        document: Document[Any] = decode(content, parsed.kind)
        envelope = document.envelope
        assert self.contents.setdefault(envelope.message_id, content) == content, name
        self.digests[envelope.message_id].add(sealed_digest)
        self.kinds[envelope.message_id] = parsed.kind
        if envelope.audit_head:
            sequence, _, mac = envelope.audit_head.partition(":")
            self.anchors.add(AuditHead(int(sequence), mac))
        match parsed.kind:
            case Kind.RECEIPTS:
                self._take_receipt(document)
            case Kind.APPOINTMENT_UPDATES:
                first = self.updates.setdefault(envelope.sequence, document)
                assert first.envelope.message_id == envelope.message_id, "two updates under one number"
            case Kind.PATIENTS:
                newest = self.newest_patients
                if newest is None or newest.envelope.sequence < envelope.sequence:
                    self.newest_patients = document

    def _take_receipt(self, document: Document[Any]) -> None:
        asked = document.envelope.in_reply_to
        verdict = document.records[0]
        assert isinstance(verdict, MessageOutcome)
        if asked is not None:
            others = {one.envelope.message_id for one in self.receipts[asked]}
            assert others <= {document.envelope.message_id}, "two answers to one message"
            self.receipts[asked].append(document)
            self.verdicts[asked] = verdict
        for outcome in document.records[1:]:
            known = self.outcomes.get(outcome.booking_id)
            if known is None or known.revision <= outcome.revision:
                self.outcomes[outcome.booking_id] = outcome


def digest(content: bytes) -> str:
    """As the agent names a sealed file."""
    return hashlib.sha256(content).hexdigest()
