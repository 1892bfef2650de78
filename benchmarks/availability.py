"""The availability file of ten columns and ninety days, twenty appointments a day and column, on SQLite."""

import json
from collections.abc import Iterator

from benchmarks.measure import Result, compared, medians_by_turns, seconds_of
from benchmarks.running_agent import RunningAgent
from benchmarks.scene import Scene, set_scene
from benchmarks.script import missing

PATIENTS = 3000


def availability(rounds: int) -> Iterator[Result]:
    """In a running agent, against a script that finds the same slots."""
    book = {"columns": 10, "days": 90, "appointments_per_column_and_day": 20, "patients": PATIENTS}
    with set_scene("sqlite", **book) as scene, RunningAgent(scene.config_path) as agent:
        agent.do("availability")
        absent = missing("bash", "sftp")
        if absent:
            print(f"  no script to compare with: {', '.join(absent)} is not installed")

        def ours() -> float:
            scene.clear()
            return seconds_of(lambda: agent.do("availability"))

        def script() -> float:
            return scene.script.seconds("availability.sh", DATABASE=scene.database)

        if not absent:
            script()
            _require_same_slots(scene)
        ours_s, *script_s = medians_by_turns(rounds, ours, *([] if absent else [script]))
        yield compared("availability", ours_s, script_s[0] if script_s else None, agent.peak_mb)


def _require_same_slots(scene: Scene) -> None:
    """The clock goes on between the two: the first slots may have slipped below the lead time meanwhile."""
    ours, theirs = (
        _slots(scene.delivered(pattern)) for pattern in ("availability-*.pgp", "availability.pgp")
    )
    since = max(min(start for _, _, start, _ in slots) for slots in (ours, theirs))
    differing = [slot for slot in ours ^ theirs if slot[2] >= since]
    if differing or not ours:
        raise RuntimeError(f"agent and script do not find the same slots: {len(differing)} differ")


def _slots(content: bytes) -> set[tuple[str, str, str, str]]:
    records = [json.loads(line) for line in content.splitlines()]
    return {
        (record["column_id"], record["assignment_id"], record["starts_at"], record["ends_at"])
        for record in records
        if record["record"] == "slot"
    }
