"""What a fault strikes: the files of one house, its database, and the process that works there."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.adapters.database import Connector
from tests.kit.house import House

PROGRAMS = ("gpg", "gpgv")


@dataclass(frozen=True, slots=True)
class Target:
    """`process` works on the house; `programs` holds links to the gpg programs that it is told to use."""

    house: House
    process: int
    programs: Path
    partner_id: str = "dentport"

    @property
    def connector(self) -> Connector:
        return self.house.connector

    @property
    def spool(self) -> list[Path]:
        """The folders of the partner that the fault is about."""
        return [self.house.data_folder / side / self.partner_id for side in ("outbox", "inbound")]

    def handles(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process}/fd").iterdir())

    @contextmanager
    def limited(self, what: int, value: int) -> Iterator[None]:
        """The kernel allows the process no more than this, for a while."""
        before, most = resource.prlimit(self.process, what)
        resource.prlimit(self.process, what, (value, most))
        try:
            yield
        finally:
            resource.prlimit(self.process, what, (before, most))


Fault = Callable[[Target], AbstractContextManager[object]]


def linked_programs(folder: Path) -> Path:
    """gpg and gpgv under names that a fault can take away."""
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS:
        if not (folder / name).exists():
            (folder / name).symlink_to(shutil.which(name) or "")
    return folder


def openpgp_of(target_programs: Path) -> dict[str, str]:
    """Settings that have the agent use those programs."""
    return {f"{name}_program": str(target_programs / name) for name in PROGRAMS}
