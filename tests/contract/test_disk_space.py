"""The floor under free disk space, on the real disk."""

import shutil
from pathlib import Path

import pytest

from agent.adapters.disk_space import MEBIBYTE, require_room
from agent.errors import DiskNearlyFullError, SpoolError


def test_room_above_the_floor_is_enough_and_below_it_is_told_with_the_folder(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    require_room([tmp_path], free // 2)
    with pytest.raises(DiskNearlyFullError, match=f"MiB are free on the disk of {tmp_path}"):
        require_room([tmp_path], free + 1024 * MEBIBYTE)


def test_folder_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="cannot look at the disk"):
        require_room([tmp_path, tmp_path / "away"], 0)
