"""A thousand bookings from sealed files into the appointment book, in four full files and in a hundred.

The agent verifies the signer, judges every slot, matches every patient and
answers every file with a sealed receipt; the script looks names up and
inserts. Both get the same sealed files, each with a database of its own.
Where a patient said Nein the agent creates a new record and the script does
not, so the number of patients may differ; that of appointments may not.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import psycopg
from sqlalchemy import func, select

from agent.adapters import tables
from agent.adapters.database import Connector
from benchmarks.booking_files import bookings, sealed_file
from benchmarks.measure import Result, compared, medians_by_turns, seconds_of
from benchmarks.running_agent import PARTNER_ID, RunningAgent
from benchmarks.scene import Scene, set_scene
from exchange_formats.bookings import BookingRecord

PATIENTS = 20_000
HORIZON_DAYS = 365
SHAPES = {"sqlite": {"four files": 4, "a hundred files": 100}, "postgresql": {"four files": 4}}


def import_of_bookings(database: str, count: int, rounds: int) -> Iterator[Result]:
    """`count` bookings in every round, in a running agent."""
    practice = {"columns": 10, "patients": PATIENTS, "booking_horizon_days": HORIZON_DAYS}
    with set_scene(database, **practice) as scene:
        copied = _copy_database(scene)
        wishes = bookings(scene.house, HORIZON_DAYS)
        for shape, files in SHAPES[database].items():
            with RunningAgent(scene.config_path) as agent:
                contest = _Contest(scene, agent, copied, wishes)
                contest.deal(1, 1)
                contest.ours()
                contest.script()

                def ours(contest: _Contest = contest, files: int = files) -> float:
                    contest.deal(files, count // files)
                    return contest.ours()

                ours_s, script_s = medians_by_turns(rounds, ours, contest.script)
                yield compared(f"bookings {database}, {shape}", ours_s, script_s, agent.peak_mb)
        _require_same_books(scene, copied)


class _Contest:
    """Hands the same files to both, and takes the time of each."""

    def __init__(
        self, scene: Scene, agent: RunningAgent, copied: str, wishes: Iterator[BookingRecord]
    ) -> None:
        self._scene, self._agent, self._copied, self._wishes = scene, agent, copied, wishes
        self._waiting = scene.house.data_folder / "inbound" / PARTNER_ID / "waiting"
        self._receipts = scene.house.data_folder / "outbox" / PARTNER_ID / "waiting"
        self._for_script = scene.script.folder / "inbound"
        for folder in (self._waiting, self._for_script):
            folder.mkdir(parents=True, exist_ok=True)
        self._dealt = 0

    def deal(self, files: int, each: int) -> None:
        """New files for the next round; the receipts of the last one go."""
        for receipt in self._receipts.glob("*.pgp"):
            receipt.unlink()
        for number in range(files):
            sealed = sealed_file(self._scene.house, self._wishes, each)
            for folder in (self._waiting, self._for_script):
                (folder / f"bookings-{number:04d}.pgp").write_bytes(sealed)
        self._dealt = files * each

    def ours(self) -> float:
        accepted = 0

        def receive() -> None:
            nonlocal accepted
            accepted = self._agent.do("receive")

        seconds = seconds_of(receive)
        if accepted != self._dealt:
            raise RuntimeError(f"{accepted} of {self._dealt} bookings were accepted")
        return seconds

    def script(self) -> float:
        return self._scene.script.seconds("bookings.sh", DATABASE=self._copied, INBOUND=str(self._for_script))


def _copy_database(scene: Scene) -> str:
    """The script's own database, as it stands now; what the script calls it."""
    if scene.house.connector.dialect == "sqlite":
        copied = scene.script.folder / "practice.db"
        with closing(sqlite3.connect(scene.database)) as source, closing(sqlite3.connect(copied)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = WAL")
        return str(copied)
    # A template must have no other connection.
    scene.house.connector.dispose()
    with psycopg.connect(scene.database.replace("/postgres?", "/template1?"), autocommit=True) as server:
        server.execute("CREATE DATABASE script TEMPLATE postgres")
    return scene.database.replace("/postgres?", "/script?")


def _require_same_books(scene: Scene, copied: str) -> None:
    """As many appointments in one database as in the other."""
    url = copied if copied.startswith("postgresql") else f"sqlite:///{copied}"
    script = Connector(url)
    ours, theirs = (_appointments(connector) for connector in (scene.house.connector, script))
    script.dispose()
    if ours != theirs:
        raise RuntimeError(f"the agent has {ours} appointments now, the script {theirs}")


def _appointments(connector: Connector) -> int:
    with connector.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.appointment)) or 0
