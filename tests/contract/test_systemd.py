"""systemctl and systemd-sysusers themselves, on the files of a system that is not running."""

import os
import pwd
import stat
from pathlib import Path

import pytest

from agent.adapters.ownership import hand_over_file, hand_over_folder
from agent.adapters.systemd import Systemd, unit_state
from agent.errors import ServiceManagerError, UsageError
from agent.service import SERVICE_NAME
from agent.service.linux import run_as, state_of, steps_to_remove, steps_to_start

UNIT = Path("service/systemd/otv-agent.service").read_text(encoding="utf-8")
WANTED = f"etc/systemd/system/multi-user.target.wants/{SERVICE_NAME}.service"


@pytest.fixture
def systemd(tmp_path: Path) -> Systemd:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    return Systemd(tmp_path)


def start(systemd: Systemd) -> None:
    for step in steps_to_start(UNIT, systemd):
        step.do()


def test_service_that_is_put_in_place_stands_there_and_starts_with_the_machine(
    systemd: Systemd, tmp_path: Path
) -> None:
    assert not state_of(systemd).installed
    for _ in range(2):
        start(systemd)
        state = state_of(systemd)
        assert (state.installed, state.starts_by_itself, state.running) == (True, True, False)
    assert (tmp_path / WANTED).is_symlink()
    file = systemd.unit_file(SERVICE_NAME)
    assert (file.read_text(encoding="utf-8"), stat.S_IMODE(file.stat().st_mode)) == (UNIT, 0o644)


def test_service_that_is_removed_leaves_nothing_with_systemd(systemd: Systemd, tmp_path: Path) -> None:
    start(systemd)
    rights, *steps = steps_to_remove(systemd)
    assert "root" in rights.told
    for step in steps:
        step.do()
    assert [path.name for path in (tmp_path / "etc/systemd/system").rglob("*") if not path.is_dir()] == []
    assert not list(steps_to_remove(systemd))
    assert not state_of(systemd).installed


def test_unit_that_systemd_refuses_is_told_in_its_words(systemd: Systemd) -> None:
    with pytest.raises(ServiceManagerError, match=r"`systemctl enable` failed: .*does not exist"):
        systemd.enable("otv-nothing")


def test_account_is_made_once_with_its_home_and_no_shell(systemd: Systemd, tmp_path: Path) -> None:
    for _ in range(2):
        systemd.make_account(SERVICE_NAME, "Bridge", Path("/srv/otv 5/data"))
    (line,) = (tmp_path / "etc/passwd").read_text().splitlines()
    name, _, user, group, told, home, shell = line.split(":")
    assert (name, told, home, shell) == (SERVICE_NAME, "Bridge", "/srv/otv 5/data", "/usr/sbin/nologin")
    assert int(user) < 1000
    assert f"{SERVICE_NAME}:x:{group}:" in (tmp_path / "etc/group").read_text()


def test_answers_of_a_running_system_are_read() -> None:
    shown = (
        "ActiveState=activating\nSubState=auto-restart\nResult=watchdog\nNRestarts=7\n"
        "WatchdogUSec=3min\nActiveEnterTimestamp=Mon 2027-03-01 07:00:15 CET\n"
    )
    state = unit_state(shown, enabled=True)
    assert (state.active, state.details) == ("activating", "auto-restart, watchdog")
    assert (state.since, state.watchdog, state.restarts) == ("Mon 2027-03-01 07:00:15 CET", "3min", "7")


# --- what is handed over -----------------------------------------------------------------------


@pytest.fixture
def account() -> pwd.struct_passwd:
    """Somebody else where this may be given away, and ourselves where not."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def test_folder_that_is_handed_over_belongs_to_the_account_alone(
    tmp_path: Path, account: pwd.struct_passwd
) -> None:
    inner = tmp_path / "data" / "keys"
    inner.mkdir(parents=True, mode=0o755)
    file = inner / "dentport.pgp"
    file.touch(mode=0o644)
    os.mkfifo(inner / "S.gpg-agent")
    for _ in range(2):
        hand_over_folder(tmp_path / "data", account.pw_uid, account.pw_gid)
    for path, mode in ((tmp_path / "data", 0o700), (inner, 0o700), (file, 0o600)):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (account.pw_uid, account.pw_gid)
        assert stat.S_IMODE(status.st_mode) == mode


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic link", "second name"])
def test_trap_in_a_folder_that_is_handed_over_gives_nothing_away(
    tmp_path: Path, account: pwd.struct_passwd, make: object
) -> None:
    prey = tmp_path / "shadow"
    prey.touch(mode=0o640)
    before = prey.stat()
    folder = tmp_path / "data"
    folder.mkdir()
    make(prey, folder / "harmless.pgp")  # type: ignore[operator]
    for give in (
        lambda: hand_over_folder(folder, account.pw_uid, account.pw_gid),
        lambda: hand_over_file(folder / "harmless.pgp", account.pw_uid, account.pw_gid),
    ):
        with pytest.raises(UsageError):
            give()
    after = prey.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_link_to_a_folder_is_refused_too(tmp_path: Path, account: pwd.struct_passwd) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link"):
        hand_over_folder(tmp_path / "data", account.pw_uid, account.pw_gid)
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("code", "told"),
    [("exit 0", None), ("echo agent.yaml:3: broken >&2; exit 10", "agent.yaml:3: broken")],
)
def test_program_is_tried_with_the_rights_of_the_account(
    account: pwd.struct_passwd, code: str, told: str | None
) -> None:
    if told is None:
        run_as(["/bin/sh", "-c", code], account.pw_name)
    else:
        with pytest.raises(ServiceManagerError, match=told):
            run_as(["/bin/sh", "-c", code], account.pw_name)


def test_program_that_the_account_may_not_start_is_told(tmp_path: Path, account: pwd.struct_passwd) -> None:
    (tmp_path / "program").touch(mode=0o600)
    with pytest.raises(ServiceManagerError, match="cannot run"):
        run_as([str(tmp_path / "program")], account.pw_name)
