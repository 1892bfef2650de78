"""Keeps the handovers of our own key: a small file in the data folder, written as a whole.

Written by `otv-agent keys rotate`, read when an agent is built. It holds what
partners are told and no secret.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path

from agent.adapters.durable_files import write_durably
from agent.domain.own_keys import KeyHandover
from agent.errors import OwnKeyUnusableError


def read_handovers(file: Path) -> tuple[KeyHandover, ...]:
    """In their order; none if there is no file. Raises OwnKeyUnusableError for one that is damaged."""
    try:
        return tuple(_handover(entry) for entry in json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OwnKeyUnusableError(
            f"the file of our own keys' handovers, {file}, is damaged: take it from a backup"
        ) from error


def write_handovers(file: Path, handovers: Sequence[KeyHandover]) -> None:
    """All of them, in place of what was there. Raises SpoolError, and then the file is as before."""
    entries = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in entry.items()}
        for entry in map(asdict, handovers)
    ]
    write_durably(json.dumps(entries, indent=2).encode() + b"\n", file.parent, file)


def _handover(entry: dict[str, str]) -> KeyHandover:
    moments = {"announced_at", "signs_from", "old_opens_until"}
    values = {field.name: entry[field.name] for field in fields(KeyHandover)}
    return KeyHandover(
        **{name: datetime.fromisoformat(text) if name in moments else text for name, text in values.items()}  # type: ignore[arg-type]
    )
