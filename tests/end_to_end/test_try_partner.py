"""`otv-agent partner test` on a real house: what each step says, and that nothing is left of it anywhere."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.process_lock import sole_process
from tests.flows.evidence import practice_rows
from tests.kit.command_line import Finished, edited, otv, tree
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.sftp_servers import Misbehaviour, MuteServer, make_ssh_key

DENTPORT, ZAHNZEIT = "dentport", "zahnzeit"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan = default_plan(patients=20, columns=4, days=10)
    with short_folder() as folder, open_house(folder, plan) as house:
        house.agent()
        yield house


@pytest.fixture
def dentport(house: House) -> Iterator[PartnerSide]:
    side = house.partners[DENTPORT]
    yield side
    side.server.misbehaviour = Misbehaviour()
    assert not list((side.server.root / "inbox").iterdir()), "a probe was left behind"


def tried(house: House, partner_id: str = DENTPORT, *words: str) -> Finished:
    return otv("partner", "test", partner_id, *(words or ("--lang", "en")), config=house.config_path)


def settings(house: House, change: Callable[[Any], object], partner_id: str = DENTPORT) -> Any:
    return edited(house.config_path.parent / "partners" / f"{partner_id}.yaml", change)


def steps(done: Finished) -> list[str]:
    """What was fine and what failed, without times."""
    return [re.sub(r" \([\d.,]+ s\)$", "", line) for line in done.out.splitlines()]


def test_every_step_is_told_and_leaves_nothing_anywhere(house: House, dentport: PartnerSide) -> None:
    dentport.send(b"sealed", "waits.pgp")
    before = tree(house.data_folder), practice_rows(house.connector)
    done = tried(house)
    (dentport.server.root / "outgoing" / "waits.pgp").unlink()
    assert (tree(house.data_folder), practice_rows(house.connector)) == before
    assert done.code == 0, done.text
    said = steps(done)
    groups = " ".join(re.findall("....", dentport.gpg.fingerprint))
    assert [line.partition(":")[0] for line in said] == [
        "fine    our SSH key opens", f"fine    127.0.0.1, port {dentport.server.port} answers",
        "fine    the server shows a host key that is pinned", "fine    the server lets us in with our key",
        "fine    the server offers SFTP", "fine    the folder for us, `outgoing`",
        "fine    a probe written into `inbox`", "fine    the probe renamed", "fine    no probe left behind",
        "fine    a sample sealed for the partner", "fine    a sample sealed for ourselves opens",
        "fine    what it gets", "fine    the licence", "dentport",
    ]  # fmt: skip
    assert said[5].endswith(": files waiting: 1")
    assert said[9].endswith(f"for its key {groups}")
    assert said[11].endswith("patients, appointment_updates; patients who agreed are among it")


def test_it_works_beside_the_service_and_before_the_partner_is_enabled(house: House) -> None:
    with (
        settings(house, lambda content: content.update(enabled=False), ZAHNZEIT),
        sole_process(house.data_folder),
    ):
        done = tried(house, ZAHNZEIT, "--lang", "de")
    assert done.code == 0, done.text
    assert "zahnzeit ist nicht eingeschaltet" in done.out
    assert "keine Patienten" in done.out
    assert "zahnzeit: Alles funktioniert" in done.out


def test_host_key_that_is_not_pinned_is_shown_and_not_accepted(
    house: House, dentport: PartnerSide, tmp_path: Path
) -> None:
    other = make_ssh_key(tmp_path / "other").public_line
    with settings(house, lambda content: content["sftp"].update(host_keys=[other])):
        done = tried(house)
    (failed,) = [number for number, line in enumerate(steps(done)) if line.startswith("FAILED")]
    assert done.code == 40
    assert re.search(r"shows the host key SHA256:[\w+/]{43}, which is not pinned", steps(done)[failed])
    assert "otv-agent keys pin-host dentport" in steps(done)[failed + 1]
    assert any("a sample sealed for the partner" in line for line in steps(done)[failed + 2 :])
    assert not any("probe" in line for line in steps(done))


@pytest.mark.parametrize(
    ("change", "what", "todo"),
    [
        ({"private_key": "/nowhere"}, "our SSH key opens", "`sftp.private_key`"),
        ({"host": "no-such-host.invalid"}, "answers", "`sftp.host`"),
        ({"user_name": "x", "private_key": None}, "lets us in", "`ssh-keygen -y -f"),
        ({"outgoing": "nowhere"}, "the folder for us, `nowhere`", "list this folder"),
        ({"inbox": "nowhere"}, "a probe written into `nowhere`", "let our account write"),
    ],
)
def test_step_that_fails_says_what_to_do(
    house: House, dentport: PartnerSide, tmp_path: Path, change: dict[str, Any], what: str, todo: str
) -> None:
    change = {
        key: value or str(make_ssh_key(tmp_path / "stranger").private_key) for key, value in change.items()
    }
    with settings(house, lambda content: content["sftp"].update(change)):
        done = tried(house)
    (failed,) = [number for number, line in enumerate(steps(done)) if line.startswith("FAILED")]
    assert done.code == 40
    assert what in steps(done)[failed]
    assert todo in steps(done)[failed + 1]


def test_probe_whose_connection_breaks_is_removed_over_a_new_one(house: House, dentport: PartnerSide) -> None:
    dentport.server.misbehaviour = Misbehaviour(hang_at="rename")
    with settings(house, lambda content: content["sftp"].update(operation_seconds=1)):
        done = tried(house)
    assert done.code == 40
    said = steps(done)
    assert any(line.startswith("FAILED  the probe renamed") for line in said)
    assert "fine    no probe left behind, over a new connection" in said


def test_server_that_keeps_the_probe_is_told_and_the_next_test_removes_it(
    house: House, dentport: PartnerSide
) -> None:
    dentport.server.misbehaviour = Misbehaviour(refuse_remove=True)
    done = tried(house)
    assert done.code == 40
    assert any(line.startswith("FAILED  no probe left behind") for line in steps(done))
    dentport.server.misbehaviour = Misbehaviour()
    assert tried(house).code == 0


def test_server_that_talks_no_ssh_is_told(house: House, dentport: PartnerSide) -> None:
    server = MuteServer(b"220 ftp ready\r\n" * 10)
    change = {"port": server.port, "connect_seconds": 1}
    with settings(house, lambda content: content["sftp"].update(change)):
        done = tried(house)
    server.stop()
    assert done.code == 40
    assert "Ask the partner whether an SSH server listens at this port." in done.out


def test_partner_with_local_folders_and_an_invalid_licence(house: House) -> None:
    licence = house.data_folder / "licence.pgp"
    content = licence.read_bytes()
    licence.write_bytes(b"nothing")
    try:
        with settings(house, lambda content: content.pop("sftp")):
            done = tried(house)
    finally:
        licence.write_bytes(content)
    assert done.code == 30
    assert steps(done)[0].startswith("fine    no server: files lie in local folders")
    assert any(line.startswith("FAILED  the licence") for line in steps(done))


def test_partner_that_nobody_knows_is_a_wrong_command_line(house: House) -> None:
    assert tried(house, "nobody").code == 2
