"""Remembers which fetched files still lie at the partner's, because its server lets nobody remove them.

Without this memory such a file would come again at every visit. It is a
convenience, never the truth: what is forgotten is fetched once more, and the
ledger knows it by its message id. Names are foreign text, so only digests are
written down.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from agent.adapters.durable_files import spool_error, write_durably
from agent.ports import RemoteFile

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FetchedFiles:
    """A text file with one digest a line; a torn or missing one is read as far as it goes."""

    def __init__(self, path: Path, drafts: Path) -> None:
        self._path, self._drafts = path, drafts
        self._digests: set[str] | None = None

    def __contains__(self, remote: RemoteFile) -> bool:
        return _digest(remote) in self._known()

    def add(self, remote: RemoteFile) -> None:
        digest = _digest(remote)
        if digest in self._known():
            return
        try:
            with self._path.open("a", encoding="ascii") as file:
                file.write(f"{digest}\n")
        except OSError as error:
            raise spool_error("write", self._path.parent, error) from error
        self._known().add(digest)

    def keep_only(self, remotes: Iterable[RemoteFile]) -> None:
        """Forget whatever is not among these."""
        kept = self._known() & {_digest(remote) for remote in remotes}
        if kept == self._known():
            return
        content = "".join(f"{digest}\n" for digest in sorted(kept))
        write_durably(content.encode("ascii"), self._drafts, self._path)
        self._digests = kept

    def _known(self) -> set[str]:
        if self._digests is None:
            try:
                lines = self._path.read_text(encoding="ascii", errors="replace").splitlines()
            except FileNotFoundError:
                lines = []
            except OSError as error:
                raise spool_error("read", self._path.parent, error) from error
            self._digests = {line for line in lines if _DIGEST.fullmatch(line)}
        return self._digests


def _digest(remote: RemoteFile) -> str:
    """A name, size or time that differs is another file."""
    return hashlib.sha256(f"{remote.name}\n{remote.size}\n{remote.modified}".encode()).hexdigest()
