"""The patients file of a practice in which everybody agreed: from the database to the partner's server."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Contestant, Result, compared, medians_by_turns, seconds_of
from benchmarks.running_agent import RunningAgent, peak_megabytes
from benchmarks.scene import Scene, set_scene
from benchmarks.script import TUNED, missing

CLIENTS = {"sqlite": "sqlite3", "postgresql": "psql"}
SAMPLING_SECONDS = 0.02


def patients(database: str, count: int, rounds: int) -> Iterator[Result]:
    """The first export ever, then the steady state against the script as it is and against a tuned one."""
    everybody = {"patients": count, "granted_share": 1.0, "denied_share": 0.0}
    name = f"patients {database}"
    with set_scene(database, **everybody) as scene:
        with RunningAgent(scene.config_path) as agent:
            with _WatchedChildren(agent.pid) as children:
                first = seconds_of(lambda: agent.do("patients"))
            yield compared(f"{name}, first ever", first, None, agent.peak_mb)
            print(f"  {name}: gpg took {children.peak_mb:.1f} MB beside the agent")
        scene.analyze()
        with RunningAgent(scene.config_path) as agent:
            peers = _peers(scene, database)
            agent.do("patients")
            for peer in peers:
                peer()
            if peers:
                _require_same_patients(scene)
            ours, *theirs = medians_by_turns(rounds, _ours(scene, agent), *peers)
            if not theirs:
                yield compared(name, ours, None, agent.peak_mb)
            for label, seconds in zip(("", ", tuned script"), theirs, strict=False):
                yield compared(name + label, ours, seconds, agent.peak_mb)


def _ours(scene: Scene, agent: RunningAgent) -> Contestant:
    def export() -> float:
        scene.clear()
        return seconds_of(lambda: agent.do("patients"))

    return export


def _peers(scene: Scene, database: str) -> list[Contestant]:
    absent = missing("bash", "sftp", CLIENTS[database])
    if absent:
        print(f"  no script to compare with: {', '.join(absent)} is not installed")
        return []
    script = f"patients_{database}.sh"
    return [
        lambda: scene.script.seconds(script, DATABASE=scene.database),
        lambda: scene.script.seconds(script, DATABASE=scene.database, **TUNED),
    ]


def _require_same_patients(scene: Scene) -> None:
    """Both files tell the same of the same people, whatever their order and whoever's number they carry."""
    ours, theirs = (_told(scene.delivered(pattern)) for pattern in ("patients-*.pgp", "patients.pgp"))
    if ours != theirs:
        raise RuntimeError(
            f"the files differ: {len(ours - theirs)} people only in ours, {len(theirs - ours)} missing"
        )


def _told(content: bytes) -> set[str]:
    people = set()
    for line in content.splitlines():
        record = json.loads(line)
        if record["record"] == "patient":
            record.pop("patient_id")
            record["contact_points"].sort(key=lambda point: sorted(point.items()))
            people.add(json.dumps(record, sort_keys=True))
    return people


class _WatchedChildren:
    """Notes the peak memory of every process that another one starts, while the block lasts."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._tasks = Path(f"/proc/{pid}/task")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_WatchedChildren":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLING_SECONDS):
            for task in self._tasks.iterdir():
                for child in self._children(task):
                    self.peak_mb = max(self.peak_mb, self._peak(child))

    def _children(self, task: Path) -> list[str]:
        try:
            return (task / "children").read_text().split()
        except OSError:
            return []

    def _peak(self, pid: str) -> float:
        try:
            # Until it has started its own program it shares the memory of its parent.
            started = Path(f"/proc/{pid}/comm").read_text().startswith("gpg")
            return peak_megabytes(pid) if started else 0.0
        except (OSError, StopIteration):  # it has ended in this moment
            return 0.0
