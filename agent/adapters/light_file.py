"""Replaces a small file of the agent's as a whole, where losing the newest state does no harm.

For what the agent remembers beside the database. Without fsync and without
errors: what is remembered has happened already, and a full disk must not undo
it. What must not be lost is written by `agent.adapters.durable_files`.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from agent.adapters.durable_files import DRAFT_SUFFIX, move
from agent.errors import SpoolError


def replace_lightly(file: Path, content: bytes) -> bool:
    """Readable for this account alone; whether it stands there now. Several processes may do so at once."""
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}{DRAFT_SUFFIX}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as draft:
            draft.write(content)
        return move(part, file)
    except (OSError, SpoolError):
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
