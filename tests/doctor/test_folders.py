"""What the doctor says of folders and files that the service's account may not use, or others may."""

import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.adapters.posix_rights import Account, own_account
from agent.config import load_config
from agent.doctor import Check, Finding, State
from agent.doctor.folders import account_finding, folders, may_run_program
from agent.language import Language, LanguageCode
from tests.kit.command_line import edited, otv, otv_process
from tests.kit.house import House

STRANGER = Account("otv-agent", 54321, 54321, frozenset({54321}))


def looked_at(house: House, account: Account | None = None) -> list[Finding]:
    return list(folders(load_config(house.config_path), account or own_account()))


def wrong(found: list[Finding]) -> list[tuple[Check, State]]:
    return [(one.check, one.state) for one in found if one.state is not State.FINE]


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@contextmanager
def open_house_door(house: House) -> Iterator[None]:
    """A way for strangers to the data folder, and every right on it."""
    with mode(house.folder, 0o755), mode(house.data_folder, 0o777):
        yield


def test_folders_of_a_house_in_order_are_fine(house: House) -> None:
    found = looked_at(house)
    assert wrong(found) == []
    files = {Check.PROGRAM, Check.SETTINGS_FILES, Check.SECRET_FILES}
    assert {one.check for one in found} == files | {Check.DATA_FOLDER, Check.SPOOL, Check.GPG_HOME}


def test_secret_that_others_may_read_is_failed_with_the_command_to_close_it(house: House) -> None:
    with mode(house.folder / "audit-key", 0o644):
        (failure,) = [one for one in looked_at(house) if one.state is not State.FINE]
    assert (failure.check, failure.state, failure.exit_code) == (Check.SECRET_FILES, State.FAILED, 10)
    assert failure.remedy is not None
    assert str(failure.remedy.values["command"]).startswith("chmod -R go-rwx ")


def test_file_of_the_administrators_is_shown_to_the_account_and_not_given_away(house: House) -> None:
    with mode(house.folder, 0o755), mode(house.config_path.parent, 0o755), mode(house.config_path, 0o600):
        found = looked_at(house, STRANGER)
    remedies = [one.remedy for one in found if house.config_path == one.said.values.get("obstacle")]
    file = house.config_path
    assert [one and one.values["command"] for one in remedies] == [f"chgrp 54321 {file} && chmod g+r {file}"]


def test_program_that_the_account_may_not_read_is_failed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mode(house.folder, 0o700):
        monkeypatch.setattr(sys, "prefix", str(house.folder))
        assert not may_run_program(STRANGER)
        assert (Check.PROGRAM, State.FAILED) in wrong(looked_at(house, STRANGER))
        assert may_run_program(own_account())


def test_settings_that_anybody_may_change_are_a_warning(house: House) -> None:
    with mode(house.config_path, 0o666):
        assert wrong(looked_at(house)) == [(Check.SETTINGS_FILES, State.WARNING)]


def test_data_folder_that_others_may_look_into_is_a_warning(house: House) -> None:
    with mode(house.data_folder, 0o755):
        assert wrong(looked_at(house)) == [(Check.DATA_FOLDER, State.WARNING)]


def test_data_folder_that_is_missing_is_failed(house: House) -> None:
    away = str(house.folder / "away")
    with edited(house.config_path, lambda content: content.update(data_folder=away)):
        assert (Check.DATA_FOLDER, State.FAILED) in wrong(looked_at(house))


def test_another_account_that_owns_nothing_is_refused_everywhere(house: House) -> None:
    failures = [check for check, state in wrong(looked_at(house, STRANGER)) if state is State.FAILED]
    assert set(failures) >= {Check.SETTINGS_FILES, Check.SECRET_FILES, Check.DATA_FOLDER, Check.GPG_HOME}


def test_folder_below_that_the_account_may_not_use_is_named_with_the_command(house: House) -> None:
    keys = house.data_folder / "keys"
    with open_house_door(house), _all_open(house.data_folder, but=keys), mode(keys, 0o700):
        found = looked_at(house, STRANGER)
    (failure,) = [one for one in found if one.check is Check.SPOOL]
    assert failure.state is State.FAILED
    assert failure.said.values["path"] == keys
    assert failure.remedy is not None
    assert failure.remedy.values["command"] == f"chown -R otv-agent {house.data_folder}"


def test_file_that_the_account_may_not_read_is_told_by_its_folder_alone(house: House) -> None:
    left = house.data_folder / "keys" / "left-by-root"
    left.touch(mode=0o600)
    with open_house_door(house), _all_open(house.data_folder, but=left):
        found = looked_at(house, STRANGER)
    left.unlink()
    (failure,) = [one for one in found if one.check is Check.SPOOL]
    assert failure.said.values["path"] == left.parent
    assert left.name not in Language(LanguageCode.ENGLISH).say(failure.said)


@contextmanager
def _all_open(folder: Path, but: Path) -> Iterator[None]:
    below = [path for path in folder.rglob("*") if path != but and "gpg" not in path.parts]
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in below}
    for path in below:
        path.chmod(0o777)
    yield
    for path, bits in before.items():
        path.chmod(bits)


def test_gpg_home_with_a_file_that_the_account_may_not_read_is_failed(house: House) -> None:
    home = house.data_folder / "gpg"
    with open_house_door(house), mode(home, 0o777):
        found = [one for one in looked_at(house, STRANGER) if one.check is Check.GPG_HOME]
    assert [one.state for one in found] == [State.WARNING, State.FAILED]


def test_inbound_folder_elsewhere_that_the_account_may_not_use_is_failed(house: House) -> None:
    shared = house.folder / "from-zahnzeit"
    shared.mkdir()
    shared.chmod(0o755)
    file = house.config_path.parent / "partners/zahnzeit.yaml"
    with mode(house.folder, 0o755), edited(file, lambda content: content.update(inbound_folder=str(shared))):
        (refused,) = [one for one in looked_at(house, STRANGER) if one.check is Check.INBOUND_FOLDER]
        (fine,) = [one for one in looked_at(house) if one.check is Check.INBOUND_FOLDER]
    assert (refused.state, refused.partner_id, fine.state) == (State.FAILED, "zahnzeit", State.FINE)


def test_account_that_is_another_one_is_told_with_the_command_to_become_it() -> None:
    found = account_finding(STRANGER)
    assert (found.check, found.state) == (Check.ACCOUNT, State.WARNING)
    assert found.remedy is not None
    assert found.remedy.values["command"] == "sudo -u otv-agent otv-agent doctor"
    assert account_finding(own_account()).state is State.FINE


def test_doctor_for_another_account_sees_with_its_eyes(house: House) -> None:
    """Root becomes it, anybody else judges for it: to both it is a stranger in our folders."""
    words = ("--no-connect", "--lang", "en", "--config", house.config_path, "--service-account", "nobody")
    done = otv_process("doctor", *words)
    assert done.code == 3
    for check in ("folders.settings", "folders.secrets", "folders.data", "folders.gpg_home"):
        assert re.search(f"^FAILED   {check} +.*nobody may not use", done.out, re.MULTILINE)
    # The folder above them is nobody's of ours: it is not to be handed over.
    assert f"Let nobody pass through {house.folder}" in done.out
    assert f"chown -R nobody {house.folder}`" not in done.out


def test_account_that_there_is_none_of_is_a_mistake_of_the_command_line(house: House) -> None:
    done = otv("doctor", "--service-account", "no-such-account", config=house.config_path)
    assert (done.code, "no account no-such-account" in done.err) == (2, True)
