"""Remembers the head of the audit chain outside the database, in a small file of the data folder.

A database that went back to an older copy is whole in itself: its chain
verifies, and its numbers go on as if nothing had been. Only something outside
knows better: the partners, who hold heads in every file, and this file. It is
written after each commit, so it never runs ahead of the database; that it may
lag behind after a crash does no harm. No secret is in it.
"""

import re
from pathlib import Path

from agent.adapters.light_file import replace_lightly
from agent.ports import AuditHead

FILE_NAME = "audit-head"
_HEAD = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})\n?")


class AuditMemory:
    """One file; several threads and processes may use it at once, and the last one wins."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def head(self) -> AuditHead | None:
        """What was remembered; None for nothing, or nothing that can be read."""
        try:
            found = _HEAD.fullmatch(self._file.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError):
            return None
        return AuditHead(int(found[1]), found[2]) if found else None

    def remember(self, head: AuditHead) -> None:
        """Replace what was remembered. What it guards is done already: a full disk is no error here."""
        replace_lightly(self._file, f"{head}\n".encode("ascii"))
