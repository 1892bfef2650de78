"""Rule R1 at the door of every story: without a valid licence nothing leaves and nothing is imported.

The licence file is opened with gpg once and again whenever it changes; the
dates in it are judged at every question, so that an expiry takes effect the
same day (counted in UTC) and a new file without a restart.
"""

from collections.abc import Callable
from pathlib import Path

from agent.domain.licence import Licence, licence_problem
from agent.errors import LicenceInvalidError
from agent.ports import Clock


class LicenceGate:
    """Answers for one practice whether a partner may be served today."""

    def __init__(self, file: Path, read: Callable[[Path], Licence], practice_id: str, clock: Clock) -> None:
        self._file = file
        self._read = read
        self._practice_id = practice_id
        self._clock = clock
        self._known: tuple[tuple[int, int], Licence] | None = None

    def licence(self) -> Licence:
        """The installed licence. Raises LicenceInvalidError, GpgUnavailableError."""
        try:
            status = self._file.stat()
        except OSError as error:
            raise LicenceInvalidError(f"no licence file at {self._file}") from error
        version = (status.st_mtime_ns, status.st_size)
        if self._known is None or self._known[0] != version:
            self._known = (version, self._read(self._file))
        return self._known[1]

    def require(self, partner_id: str | None = None) -> None:
        """Raises LicenceInvalidError with the reason if the partner, or else the practice, has none."""
        today = self._clock().date()
        problem = licence_problem(self.licence(), self._practice_id, partner_id, today)
        if problem is not None:
            raise LicenceInvalidError(problem)
