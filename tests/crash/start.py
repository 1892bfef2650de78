"""A start with thousands of files waiting (promise P12), and files dropped while nobody watches (promise P3).

Both are measured on the service as a real process, from the command to what
can be seen from outside. The files are repeats of one booking, so that each has
to be opened, judged, answered and archived, and the book stays small.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.crash.village import Village, open_village
from tests.flows.stage import DENTPORT
from tests.kit.service import Service

MEASURED_SECONDS = 20.0
SEEN_WITHIN_SECONDS = 60.0
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many files in dentport's inbound folder."""

    village: Village

    @property
    def _inbound(self) -> Path:
        return self.village.house.data_folder / "inbound" / DENTPORT

    def drop(self, files: int) -> None:
        """One booking, so many times."""
        sealed = self.village.stage.sealed(self.village.stage.booking(slot=self.village.slots.pop()))
        waiting = self._inbound / "waiting"
        for number in range(files):
            (waiting / f"b-{number:06d}.part").write_bytes(sealed)
            (waiting / f"b-{number:06d}.part").rename(waiting / f"b-{number:06d}.pgp")

    def leave_a_claim(self) -> None:
        """What a crash leaves: the file that was being worked on."""
        life = self.village.cradle.begin("receive", "--partner", DENTPORT)
        while not self._names("claimed"):
            assert not life.ends_within(0.001)
        life.kill()

    def standing(self) -> dict[str, int]:
        """How many files stand where."""
        return {
            name: len(self._names(name))
            for name in ("waiting", "claimed", "released", "archive", "quarantine")
        }

    def wait_for_the_first(self) -> float:
        """Seconds until a file has been archived. By then all were seen: a sweep lists before it takes."""
        began = time.monotonic()
        while not self._names("archive"):
            assert time.monotonic() - began < PATIENCE_SECONDS
            time.sleep(0.01)
        return time.monotonic() - began

    def per_second(self) -> float:
        """Files archived, over some seconds."""
        before, began = len(self._names("archive")), time.monotonic()
        while time.monotonic() - began < MEASURED_SECONDS and self._names("waiting"):
            time.sleep(0.1)
        return (len(self._names("archive")) - before) / (time.monotonic() - began)

    def _names(self, state: str) -> list[str]:
        """Without the reasons that stand beside files."""
        return [
            name
            for name in (path.name for path in (self._inbound / state).iterdir())
            if not name.endswith(".reason.json")
        ]


def start_line(files: int) -> str:
    """Promise P12: a start after a crash."""
    with open_village(1) as village:
        crowd = Crowd(village)
        crowd.drop(files)
        crowd.leave_a_claim()
        began = time.monotonic()
        with Service(village.house.config_path) as service:
            started = time.monotonic() - began
            first = started + crowd.wait_for_the_first()
            speed = crowd.per_second()
            assert sum(crowd.standing().values()) == files
            service.stop()
        return (
            f"start after a crash, {files:,} files waiting: working after {started:.1f} s, "
            f"first file done after {first:.1f} s, then {speed:.1f} files/s"
        )


def dropped_line(files: int) -> str:
    """Promise P3: none missed."""
    with open_village(1) as village:
        crowd = Crowd(village)
        crowd.drop(files)
        began = time.monotonic()
        with Service(village.house.config_path) as service:
            crowd.wait_for_the_first()
            seen = time.monotonic() - began
            standing = crowd.standing()
            speed = crowd.per_second()
            service.stop()
        missed = files - sum(standing.values())
        assert missed == 0
        assert seen < SEEN_WITHIN_SECONDS
        return (
            f"{files:,} files dropped while nobody watched: all seen after {seen:.1f} s, {missed} missed; "
            f"{speed:.1f} files/s done"
        )
