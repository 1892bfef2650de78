"""The memory of good cycles: outlasts the process, is never half written, and means nothing when damaged."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.adapters.good_cycles import (
    FILE_NAME,
    WRITE_EVERY_SECONDS,
    AuditCheck,
    CycleMemory,
    GoodCycles,
    Step,
    read_good_cycles,
)

NOON = datetime(2027, 6, 1, 10, 0, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Stopwatch:
    """Steady seconds that a test sets."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def test_what_was_noted_is_read_by_others_and_after_a_restart(file: Path) -> None:
    memory = CycleMemory(file)
    memory.started(NOON)
    memory.good("dentport", Step.EXPORTED, NOON)
    memory.good("dentport", Step.DELIVERED, NOON + MINUTE)
    memory.good("zahnzeit", Step.SWEPT, NOON)
    memory.audited(AuditCheck(NOON, 17, None))
    memory.flush()
    expected = GoodCycles(
        {
            ("dentport", Step.EXPORTED): NOON,
            ("dentport", Step.DELIVERED): NOON + MINUTE,
            ("zahnzeit", Step.SWEPT): NOON,
        },
        AuditCheck(NOON, 17, None),
        NOON,
    )
    assert read_good_cycles(file) == memory.known() == CycleMemory(file).known() == expected
    again = CycleMemory(file)
    again.good("zahnzeit", Step.SWEPT, NOON + MINUTE)
    assert again.known().steps["dentport", Step.EXPORTED] == NOON
    assert [path.name for path in file.parent.iterdir()] == [FILE_NAME]


def test_file_is_written_at_once_and_then_once_a_minute_at_most(file: Path) -> None:
    watch = Stopwatch()
    memory = CycleMemory(file, watch)
    written = []
    for seconds in range(0, 130, 10):
        watch.seconds = 1000.0 + seconds
        memory.good("dentport", Step.SWEPT, NOON + timedelta(seconds=seconds))
        written.append(read_good_cycles(file).steps["dentport", Step.SWEPT])
    assert len(set(written)) == 1 + 120 // WRITE_EVERY_SECONDS
    memory.flush()
    assert read_good_cycles(file) == memory.known()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\x00", b"null", b"[]", b"{", b'{"partners": {}}', b"[" * 100_000,
        b'{"partners": {"a": {"exported": "yesterday"}}, "audit": null, "running_since": null}',
        b'{"partners": {"a": {"exported": "2027-06-01T10:00:00"}}, "audit": null, "running_since": null}',
        b'{"partners": {"a": {"eaten": "2027-06-01T10:00:00Z"}}, "audit": null, "running_since": null}',
        b'{"partners": {"a": []}, "audit": null, "running_since": null}',
        b'{"partners": {}, "audit": {"at": 5}, "running_since": null}',
        b'{"partners": {}, "audit": null, "running_since": 7}',
    ],
)  # fmt: skip
def test_damaged_file_means_not_known_yet_and_is_written_anew(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    memory = CycleMemory(file)
    assert memory.known() == GoodCycles()
    memory.good("dentport", Step.SWEPT, NOON)
    assert json.loads(file.read_bytes())["partners"] == {"dentport": {"swept": NOON.isoformat()}}


def test_folder_that_cannot_be_written_keeps_nobody_from_working(tmp_path: Path) -> None:
    memory = CycleMemory(tmp_path / "missing" / FILE_NAME)
    memory.good("dentport", Step.SWEPT, NOON)
    memory.flush()
    assert memory.known().steps["dentport", Step.SWEPT] == NOON
    (tmp_path / "missing").mkdir()
    memory.flush()
    assert read_good_cycles(tmp_path / "missing" / FILE_NAME) == memory.known()


def test_moments_of_a_clock_that_was_ahead_are_forgotten_for_good(file: Path) -> None:
    ahead = CycleMemory(file)
    ahead.good("dentport", Step.EXPORTED, NOON + timedelta(days=365))
    ahead.audited(AuditCheck(NOON + timedelta(days=365), 3, None))
    ahead.flush()
    memory = CycleMemory(file)
    memory.good("dentport", Step.SWEPT, NOON)
    memory.flush()
    assert read_good_cycles(file) == GoodCycles({("dentport", Step.SWEPT): NOON})
