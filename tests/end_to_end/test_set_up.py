"""From nothing to the first receipt, by the commands of the administrator's guide as they stand there."""

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.backup import members
from agent.config import load_config
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingOutcome
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.kit.command_line import Finished, otv
from tests.kit.documentation import pages, sections, shown_commands
from tests.kit.house import PRACTICE_ID, PartnerSide
from tests.kit.licensor import Licensor, create_licensor
from tests.kit.openpgp import GpgHome, PartnerGpg, short_folder
from tests.kit.sftp_servers import OpenSshServer, make_ssh_key

GUIDE = sections(pages()["docs/admin-guide.md"], 2)
ANSWERS = "{practice_id}\nPraxis Muster\nsqlite:///{workplace}/practice.db\n{workplace}/issuer.pgp\n"


def typed(chapter: str, **own: str | Path) -> list[list[str]]:
    """The commands in the blocks of a chapter; `own` words stand for what is another practice's in them."""
    whole = [one.words for one in shown_commands(GUIDE[chapter]) if one.whole]
    assert whole, chapter
    return [
        [part for word in words for part in (str(own[word]).split() if word in own else [word])]
        for words in whole
    ]


@pytest.fixture(scope="module")
def workplace() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def licensor(workplace: Path) -> Iterator[Licensor]:
    home = GpgHome(workplace / "gpg-licensor")
    licensor = create_licensor(home)
    (workplace / "issuer.pgp").write_bytes(licensor.key_ring)
    yield licensor
    home.stop()


def init(folder: Path, workplace: Path, **changes: str) -> Finished:
    values = {
        "--practice-id": PRACTICE_ID,
        "--name": "Zahnarztpraxis Muster",
        "--database-url": f"sqlite:///{workplace / 'practice.db'}",
        "--licence-issuer-key": str(workplace / "issuer.pgp"),
    } | changes
    return otv("init", folder, *(word for pair in values.items() for word in pair))


def stop_agent_of(folder: Path) -> None:
    GpgHome(folder / "data" / "gpg").stop()


@pytest.fixture(scope="module")
def installation(workplace: Path, licensor: Licensor) -> Iterator[Path]:
    folder = workplace / "otv"
    own = {"/etc/otv-agent": folder, "/var/lib/otv-agent": folder / "data"}
    first, *others = typed("3. Make the folder", **own)
    answers = ANSWERS.format(practice_id=PRACTICE_ID, workplace=workplace)
    done = otv(*first, answer=answers)
    assert done.code == 0, done.err
    for words in others:
        assert otv(*words, config=folder / "agent.yaml").code == 0
    yield folder
    stop_agent_of(folder)


def test_guide_leads_by_its_commands_to_the_first_receipt(
    workplace: Path, licensor: Licensor, installation: Path
) -> None:
    config, sshd = installation / "agent.yaml", workplace / "sshd"

    def type_chapter(chapter: str, **own: str | Path) -> str:
        """With a yes to every question; our SSH key goes to the partner as soon as it is printed."""
        said = ""
        for words in typed(chapter, **own):
            done = otv(*words, config=config, answer="y\n")
            assert done.code == 0, (words, done.text)
            said += done.out
            for public_line in re.findall(r"^ssh-ed25519 .*$", done.out, re.MULTILINE):
                (sshd / "authorized_keys").write_text(f"{public_line}\n")
        return said

    type_chapter("4. Connect the practice database", **{"/etc/otv-agent/owner.yaml": config})
    today = datetime.now(UTC).date()
    licence = licensor.licence(PRACTICE_ID, ["dentport"], today, today + timedelta(days=365))
    (workplace / "licence.pgp").write_bytes(licence)
    type_chapter("5. Install the licence", **{"licence.pgp": workplace / "licence.pgp"})

    home = GpgHome(workplace / "gpg-dentport")
    gpg = PartnerGpg(
        home, "Dentport <keys@dentport.example>", (installation / "practice-key.asc").read_bytes()
    )
    (workplace / "dentport.asc").write_bytes(gpg.public_key)
    server = OpenSshServer(workplace / "server", make_ssh_key(workplace / "nobodys").public_line, sshd)
    server.start()
    try:
        own = {
            "dentport.asc": workplace / "dentport.asc",
            "sftp.dentport.example": f"127.0.0.1 --port {server.port}",
            "praxis-musterstadt": server.user_name,
        }
        added = type_chapter("6. Add a partner", **own)
        assert gpg.fingerprint in added
        assert gpg.fingerprint in otv("audit", "show", config=config).out
        assert "everything works" in added
        looked = type_chapter("7. Look before anything leaves", **{"/tmp/rehearsal": workplace / "rehearsal"})
        assert "the first file of its kind" in looked
        assert otv("sync", config=config).code == 0

        partner: Any = PartnerSide("dentport", gpg, server)  # type: ignore[arg-type]
        slot = Offers(partner).next(open_to_new_patients(partner))
        partner.book(booking_of(partner, slot, newcomer()).model_copy(update={"booking_id": "test-1"}))
        _without_settling(config)
        assert otv("sync", config=config).code == 0
        (receipt,) = partner.inbox(Kind.RECEIPTS)
        assert "appointment" in type_chapter("9. The first booking")
    finally:
        server.stop()
        home.stop()
    outcomes = [record for record in receipt.records if isinstance(record, BookingOutcome)]
    assert [outcome.outcome for outcome in outcomes] == ["accepted"]


def _without_settling(config: Path) -> None:
    text = config.read_text(encoding="utf-8").replace("settle_seconds: 2", "settle_seconds: 0")
    config.write_text(text, encoding="utf-8")


def test_set_up_tells_what_the_partner_needs_and_what_comes_next(workplace: Path, licensor: Licensor) -> None:
    folder = workplace / "told"
    done = init(folder, workplace)
    stop_agent_of(folder)
    fingerprint = load_config(folder / "agent.yaml").settings.openpgp.fingerprint
    sheet = (folder / "partner-sheet.txt").read_text(encoding="utf-8")
    assert fingerprint in sheet
    assert sheet in done.out
    assert "licence install" in done.out
    assert f"{folder / 'data'}/gpg/openpgp-revocs.d" in done.out


def test_set_up_puts_keys_and_spool_where_it_is_told(workplace: Path, licensor: Licensor) -> None:
    folder, data = workplace / "settings", workplace / "spool"
    assert init(folder, workplace, **{"--data-folder": str(data)}).code == 0
    GpgHome(data / "gpg").stop()
    assert load_config(folder / "agent.yaml").settings.data_folder == data
    assert not (folder / "data").exists()


def test_set_up_leaves_nothing_that_others_may_read(installation: Path) -> None:
    for path in (installation, installation / "secrets", installation / "data"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ("agent.yaml", "secrets/audit_key", "secrets/status_page_token"):
        assert stat.S_IMODE((installation / name).stat().st_mode) == 0o600


def test_backup_holds_every_file_that_set_up_made(workplace: Path, licensor: Licensor) -> None:
    folder = workplace / "saved"
    assert init(folder, workplace).code == 0
    stop_agent_of(folder)
    made = {file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".lock", ".pgp~")}
    saved = {member.path for member in members(load_config(folder / "agent.yaml"))}
    assert {file.name for file in made - saved} == set()


def test_set_up_makes_a_token_for_the_status_page_and_says_where_the_page_is(
    workplace: Path, licensor: Licensor
) -> None:
    folder = workplace / "paged"
    done = init(folder, workplace)
    stop_agent_of(folder)
    page = load_config(folder / "agent.yaml").settings.status_page
    assert page.token is not None
    assert len(page.token.read()) == 32
    assert page.address in done.out
    assert page.token.read() not in done.text


def test_set_up_leaves_an_installation_that_is_there_as_it_is(workplace: Path, installation: Path) -> None:
    before = (installation / "agent.yaml").read_bytes(), (installation / "secrets" / "audit_key").read_bytes()
    done = init(installation, workplace)
    assert (done.code, "left as it is" in done.err) == (2, True)
    assert before == (
        (installation / "agent.yaml").read_bytes(),
        (installation / "secrets" / "audit_key").read_bytes(),
    )


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--practice-id", "Praxis: Muster", 10),
        ("--database-url", "mysql://localhost/practice", 10),
        ("--licence-issuer-key", "/nowhere.pgp", 2),
    ],
)
def test_set_up_with_a_wrong_answer_leaves_no_settings_behind(
    workplace: Path, licensor: Licensor, option: str, value: str, code: int
) -> None:
    folder = workplace / f"wrong{os.urandom(2).hex()}"
    assert init(folder, workplace, **{option: value}).code == code
    stop_agent_of(folder)
    assert not (folder / "agent.yaml").exists()


def test_partner_with_local_folders_is_added_listed_and_set_aside(
    workplace: Path, licensor: Licensor, installation: Path
) -> None:
    config = installation / "agent.yaml"
    home = GpgHome(workplace / "gpg-zahnzeit")
    gpg = PartnerGpg(
        home, "Zahnzeit <keys@zahnzeit.example>", (installation / "practice-key.asc").read_bytes()
    )
    home.stop()
    (workplace / "zahnzeit.pgp").write_bytes(gpg.public_key)
    name, key = 'Zahnzeit: "München"', workplace / "zahnzeit.pgp"
    words = ("partner", "add", "zahnzeit", "--name", name, "--key", key)
    assert otv(*words, config=config).code == 2, "nobody confirmed the fingerprint"
    assert otv(*words, "--may-cancel", "--yes", config=config).code == 0
    settings = load_config(config).partners["zahnzeit"].settings
    assert (settings.name, settings.may_cancel, settings.sftp) == (name, True, None)
    assert otv(*words, "--yes", config=config).code == 2
    assert "local folders" in otv("partner", "list", config=config).out
    assert otv("partner", "remove", "zahnzeit", config=config).code == 2
    assert otv("partner", "remove", "zahnzeit", "--yes", config=config).code == 0
    assert "zahnzeit" not in load_config(config).partners
    assert (config.parent / "partners" / "zahnzeit.yaml.removed").exists()
