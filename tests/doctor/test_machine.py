"""What the doctor says of the machine, the service and the settings."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.adapters.disk_space import MEBIBYTE, free_bytes
from agent.adapters.good_cycles import FILE_NAME, CycleMemory, Step
from agent.adapters.process_lock import sole_process
from agent.config import load_config
from agent.doctor import Check, Finding, State, examine
from agent.doctor.configuration import configuration
from agent.doctor.machine import disk_room, gnupg, scanned
from agent.doctor.service import service
from tests.kit.command_line import edited
from tests.kit.house import House

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def state_and_words(found: Finding) -> tuple[Check, State, str]:
    return found.check, found.state, found.said.text


def test_every_mistake_in_the_settings_is_a_failure_of_its_own(house: House) -> None:
    def spoil(content: dict[str, object]) -> None:
        content |= {"min_free_mebibytes": "much", "colour": "blue"}

    with edited(house.config_path, spoil):
        found = list(examine(house.config_path, connect=False))
    assert [one.check for one in found] == [Check.CONFIGURATION] * 2
    assert {one.exit_code for one in found} == {10}
    assert "colour" in str(found[1].said.values["problem"]) + str(found[0].said.values["problem"])


def test_settings_that_nobody_would_want_for_good_are_warned_of(house: House) -> None:
    def careless(content: dict[str, object]) -> None:
        content["logging"] = {"level": "debug"}

    with edited(house.config_path, careless):
        for name in ("dentport", "zahnzeit"):
            file = house.config_path.parent / f"partners/{name}.yaml"
            file.write_text(file.read_text() + "enabled: false\n")
        found = list(configuration(load_config(house.config_path)))
        for name in ("dentport", "zahnzeit"):
            file = house.config_path.parent / f"partners/{name}.yaml"
            file.write_text(file.read_text().removesuffix("enabled: false\n"))
    assert [one.state for one in found] == [State.WARNING] * 3
    assert "nothing is exchanged" in found[0].said.text
    assert "Nobody outside" in found[1].said.text
    assert "talkative" in found[2].said.text


def test_settings_with_somebody_who_watches_are_fine(house: House) -> None:
    def watched(content: dict[str, object]) -> None:
        content["watch"] = {"metrics_file": str(house.folder / "otv.prom")}

    with edited(house.config_path, watched):
        (found,) = configuration(load_config(house.config_path))
    assert (found.state, found.said.values["count"]) == (State.FINE, 2)


def test_disk_is_failed_below_the_floor_and_warned_of_before(tmp_path: Path) -> None:
    free = free_bytes(tmp_path) // MEBIBYTE
    floors = {free * 2: State.FAILED, free // 2: State.WARNING, free // 100: State.FINE}
    for floor, state in floors.items():
        (found,) = disk_room([tmp_path, tmp_path.parent], floor)
        assert (found.check, found.state) == (Check.DISK, state)


def test_disk_of_a_folder_that_is_gone_is_failed(tmp_path: Path) -> None:
    (found,) = disk_room([tmp_path / "away"], 1)
    assert (found.check, found.state, found.exit_code) == (Check.DISK, State.FAILED, 50)


def test_program_that_is_no_gnupg_is_failed(house: House) -> None:
    with edited(house.config_path, lambda content: content["openpgp"].update(gpgv_program="/bin/true")):
        found = gnupg(load_config(house.config_path))
    assert (found.check, found.state, found.exit_code) == (Check.GPG, State.FAILED, 30)
    assert gnupg(load_config(house.config_path)).state is State.FINE


def test_virus_scanner_that_is_not_told_to_leave_folders_out_is_warned_of_with_the_command() -> None:
    found = scanned([Path("otv agent"), Path("gpg")])
    assert (found.check, found.state) == (Check.ANTIVIRUS, State.WARNING)
    assert found.remedy is not None
    assert found.remedy.values["command"] == "Add-MpPreference -ExclusionPath 'otv agent', 'gpg'"
    assert scanned([]).state is State.FINE


def test_service_that_does_not_run_is_a_warning(house: House) -> None:
    (found,) = service(load_config(house.config_path), NOW)
    assert (found.check, found.state) == (Check.SERVICE, State.WARNING)
    assert "does not run" in found.said.text


def test_service_that_runs_and_does_nothing_well_is_a_warning_with_its_time(house: House) -> None:
    config, file = load_config(house.config_path), house.data_folder / FILE_NAME
    memory = CycleMemory(file)
    memory.good("dentport", Step.SWEPT, NOW - timedelta(minutes=40))
    memory.flush()
    with sole_process(house.data_folder):
        still = next(iter(service(config, NOW)))
        lively = next(iter(service(config, NOW - timedelta(minutes=30))))
    file.unlink()
    assert (still.state, still.said.values["minutes"]) == (State.WARNING, 40)
    assert "nothing went well" not in lively.said.text
