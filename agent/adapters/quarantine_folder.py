"""Reads what stands in a quarantine folder: each file's id, reason and state, from the reasons beside them.

For the operator's commands. The files themselves are not opened: they come
from whoever could write into a folder.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.adapters.durable_files import spool_error
from agent.adapters.inbound import REASON_SUFFIX, SEALED_SUFFIX


@dataclass(frozen=True, slots=True)
class SetAside:
    """One file in quarantine. `authenticated`: the partner signed it and was told why it was refused."""

    file_id: str
    reason: str
    authenticated: bool
    at: datetime
    sha256: str | None
    path: Path
    """As it stands there; its ending says how it is kept."""

    @property
    def is_sealed(self) -> bool:
        """Whether it is kept sealed to the practice's own key."""
        return self.path.name.endswith(SEALED_SUFFIX)


def set_aside_files(folder: Path, newest: int | None = None) -> Iterator[SetAside]:
    """The oldest first, all or only the `newest` so many; what lacks its reason or its file is left out.

    Raises SpoolError.
    """
    names = _names(folder)
    files = {name.partition(".")[0]: name for name in names if not name.endswith(REASON_SUFFIX)}
    reasons = (name.removesuffix(REASON_SUFFIX) for name in names if name.endswith(REASON_SUFFIX))
    known = [file_id for file_id in reasons if file_id in files]
    for file_id in known if newest is None else known[-newest:]:
        found = _set_aside(folder, file_id, files[file_id])
        if found is not None:
            yield found


def _set_aside(folder: Path, file_id: str, name: str) -> SetAside | None:
    try:
        told = json.loads((folder / f"{file_id}{REASON_SUFFIX}").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # Discarded or put back while we look.
    except OSError as error:
        raise spool_error("read a reason", folder, error) from error
    return SetAside(
        file_id=file_id,
        reason=told["reason"],
        authenticated=told["authenticated"],
        at=datetime.fromisoformat(told["at"]),
        sha256=told["sha256"],
        path=folder / name,
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise spool_error("list the files", folder, error) from error
