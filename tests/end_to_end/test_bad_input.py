"""Whatever is wrong, in the house or in what comes in: a plain sentence, an exit code, and nothing is lost.

Each fault of our own is met by a whole cycle while a partner's booking waits;
when it has been mended the booking is imported, once. No message may quote a
patient, a key or a passphrase.
"""

import base64
import errno
import json
import os
import re
import resource
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from agent.adapters import tables
from agent.adapters.own_key_setup import create_own_key, export_public_key
from exchange_formats.envelope import Kind
from tests.kit.command_line import Finished, edited, otv, otv_process, patients_named_in
from tests.kit.house import PRACTICE_ID, House, default_plan, open_house
from tests.kit.kernel import answering
from tests.kit.licensor import Licensor
from tests.kit.openpgp import GpgHome, short_folder

NOWHERE = "/nowhere"
PASSPHRASE = "Sesam-oeffne-dich-4711"
Fault = Callable[[House], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=60, columns=4, days=14), {"booking_horizon_days": 5}
    with short_folder() as folder, open_house(folder, plan, offer=offer) as house:
        assert otv("receive", config=house.config_path).code == 0
        yield house


# --- faults, each for the length of a block ----------------------------------------------------


def agent_yaml(change: Callable[[dict[str, Any]], object]) -> Fault:
    return lambda house: edited(house.config_path, change)


def dentport_yaml(change: Callable[[dict[str, Any]], object]) -> Fault:
    return lambda house: edited(house.config_path.parent / "partners/dentport.yaml", change)


def section(name: str, **values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content.setdefault(name, {}).update(values)


def sql(wrong: str, right: str) -> Fault:
    @contextmanager
    def fault(house: House) -> Iterator[None]:
        _execute(house, wrong)
        try:
            yield
        finally:
            _execute(house, right)

    return fault


def _execute(house: House, statements: str) -> None:
    with house.connector.writing() as connection:
        for statement in statements.split(";"):
            connection.execute(text(statement))


def content(file: str, make: Callable[[House], bytes | None]) -> Fault:
    """Another content, or no file at all, below the data folder."""

    @contextmanager
    def fault(house: House) -> Iterator[None]:
        path = house.data_folder / file
        before, now = path.read_bytes(), make(house)
        if now is None:
            path.unlink()
        else:
            path.write_bytes(now)
        try:
            yield
        finally:
            path.write_bytes(before)

    return fault


def licence(
    practice_id: str = PRACTICE_ID, partners: tuple[str, ...] = ("dentport",), days: int = 9
) -> Fault:
    def make(house: House) -> bytes:
        home = GpgHome(house.folder / "gpg-licensor")
        today = datetime.now(UTC).date()
        licensor = Licensor(home, home.fingerprints()[0])
        return licensor.licence(
            practice_id, partners, today - timedelta(days=99), today + timedelta(days=days)
        )

    return content("licence.pgp", make)


@contextmanager
def without_path(house: House) -> Iterator[None]:
    before = os.environ["PATH"]
    os.environ["PATH"] = NOWHERE
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def another_accounts_folder(house: House) -> Iterator[None]:
    """As root, give ours away; anybody else borrows root's."""
    if os.geteuid() == 0:
        os.chown(house.data_folder, 65534, -1)
        try:
            yield
        finally:
            os.chown(house.data_folder, 0, -1)
    else:
        with edited(house.config_path, lambda content: content.update(data_folder="/usr")):
            yield


def another_host_key() -> str:
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + secrets.token_bytes(32)
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


OTV_ROLE = "(SELECT role_id FROM staff_member WHERE login_name = 'otv')"
NO_GPG, NO_GNUPG = {"gpg_program": "/nowhere/gpg"}, {"gpg_program": "/bin/true"}
NO_GPGV, NO_GNUPG_V = {"gpgv_program": "/nowhere/gpgv"}, {"gpgv_program": "/bin/true"}
NO_SQLITE = {"url": "sqlite:////nowhere/practice.db"}
NO_SERVER = {"url": f"postgresql+psycopg://otv@127.0.0.1:{closed_port()}/practice"}
PARTNER_RING = "keys/partners/dentport.pgp"

FAULTS: dict[str, tuple[Fault, int, str]] = {
    "gpg is missing": (agent_yaml(section("openpgp", **NO_GPG)), 30, r"/nowhere/gpg cannot be started"),
    "gpg is another program": (agent_yaml(section("openpgp", **NO_GNUPG)), 30, r"/bin/true is not GnuPG"),
    "gpgv is missing": (agent_yaml(section("openpgp", **NO_GPGV)), 30, r"/nowhere/gpgv cannot be started"),
    "gpgv is another program": (agent_yaml(section("openpgp", **NO_GNUPG_V)), 30, r"/bin/true is not GnuPG"),
    "nothing is on the path": (without_path, 30, r"gpgv? cannot be started"),
    "own key is unknown": (agent_yaml(section("openpgp", fingerprint="A" * 40)), 30, r"our own"),
    "gpg home is missing": (agent_yaml(section("openpgp", home="/nowhere")), 30, r"our own"),
    "partner's key ring is missing": (content(PARTNER_RING, lambda _: None), 30, r"key ring .* missing"),
    "partner's key ring is damaged": (content(PARTNER_RING, lambda _: b"no"), 30, r"key ring .* damaged"),
    "licence has expired": (licence(days=-1), 30, r"the licence expired after"),
    "licence is another practice's": (licence("praxis-anderswo"), 30, r"for practice praxis-anderswo"),
    "licence leaves this partner out": (licence(partners=("zahnzeit",)), 30, r"not name .* dentport"),
    "licence is missing": (content("licence.pgp", lambda _: None), 30, r"no licence file at .*licence.pgp"),
    "licence is not signed": (content("licence.pgp", lambda _: b"{}"), 30, r"licence.pgp is refused"),
    "database file is not there": (agent_yaml(section("database", **NO_SQLITE)), 20, r"no such file"),
    "database server is not there": (agent_yaml(section("database", **NO_SERVER)), 20, r"127.0.0.1/practice"),
    "a table is missing": (
        sql("ALTER TABLE contact_point RENAME TO away", "ALTER TABLE away RENAME TO contact_point"),
        20, r"no such table: .*contact_point",
    ),
    "practice user may do things": (
        sql(
            f"INSERT INTO role_permission (role_id, permission) VALUES ({OTV_ROLE}, 'patients')",
            f"DELETE FROM role_permission WHERE role_id = {OTV_ROLE}",
        ),
        20, r"otv_user.*permission",
    ),
    "practice user is inactive": (
        sql(
            "UPDATE staff_member SET active = 0 WHERE login_name = 'otv'",
            "UPDATE staff_member SET active = 1 WHERE login_name = 'otv'",
        ),
        20, r"otv_user.*not active",
    ),
    "practice user is unknown": (agent_yaml(section("database", otv_user="nobody")), 20, r"no staff member"),
    "practice is another one": (agent_yaml(lambda c: c.update(practice_id="praxis-x")), 10, r"practice_id"),
    "a setting is unknown": (agent_yaml(section("schedule", sweep=3)), 10, r"agent.yaml:\d+: schedule.sweep"),
    "audit key is missing": (agent_yaml(section("audit", key={"file": "/nowhere/key"})), 10, r"/nowhere/key"),
    "host key is another one": (
        dentport_yaml(section("sftp", host_keys=[another_host_key()])), 40, r"host key SHA256:.*not pinned"
    ),
    "partner's server is down": (dentport_yaml(section("sftp", port=closed_port())), 40, r"refused"),
    "ssh key is missing": (dentport_yaml(section("sftp", private_key="/nowhere/key")), 40, r"/nowhere/key"),
    "data folder is another account's": (another_accounts_folder, 50, r"another account|may not write"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_our_own_is_told_and_the_waiting_booking_is_imported_afterwards(
    house: House, name: str
) -> None:
    fault, code, sentence = FAULTS[name]
    with booking_that_survives(house), fault(house):
        told = otv("sync", "--partner", "dentport", config=house.config_path)
    assert told.code == code
    assert re.search(sentence, told.err)
    assert_plain(told, house)


@contextmanager
def booking_that_survives(house: House) -> Iterator[None]:
    """A booking waits during the block; afterwards it has been imported once and nothing was set aside."""
    dentport, before = house.partners["dentport"], imported(house)
    folder = house.data_folder / "inbound/dentport"
    name = f"{secrets.token_hex(8)}.pgp"
    (folder / "waiting" / name).write_bytes(dentport.gpg.seal(dentport.bookings_file([])))
    yield
    mended = otv("receive", "--partner", "dentport", config=house.config_path)
    assert (mended.code, mended.err) == (0, "")
    assert imported(house) == before + 1
    left = [path for state in ("waiting", "claimed", "released") for path in (folder / state).iterdir()]
    assert left == []
    assert not any((folder / "quarantine").iterdir())
    assert not any((house.data_folder / "outbox/dentport/claimed").iterdir())


def imported(house: House) -> int:
    with house.connector.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.inbound_message)) or 0


def assert_plain(told: Finished, house: House) -> None:
    """A sentence and a remedy for a person: no traceback, no library's words, nobody's data."""
    assert told.err.startswith("error: ")
    assert len(told.err.splitlines()) >= 2
    assert not re.search(r"Traceback|Exception|defect|\.py\b|sqlalche|None", told.text)
    assert patients_named_in(told.text, house.connector) == []


# --- more than one word ------------------------------------------------------------------------


def test_several_problems_of_the_configuration_are_told_at_once_with_file_and_line(house: House) -> None:
    def spoil(content: dict[str, Any]) -> None:
        content["database"]["passwort"] = PASSPHRASE
        content["inbound"]["settle_seconds"] = "soon"

    partner = house.config_path.parent / "partners/zahnzeit.yaml"
    with edited(house.config_path, spoil), edited(partner, lambda content: content["sftp"].pop("host")):
        told = otv("status", config=house.config_path)
    assert told.code == 10
    problems = [line for line in told.err.splitlines() if line.startswith("error: ")]
    assert len(problems) == 3
    assert re.search(
        r"agent\.yaml:\d+: database\.passwort: is not a known key: did you mean `password`", told.err
    )
    assert re.search(r"agent\.yaml:\d+: inbound\.settle_seconds: ", told.err)
    assert re.search(r"zahnzeit\.yaml:\d+: sftp\.host: ", told.err)
    assert PASSPHRASE not in told.text
    assert_plain(told, house)


def test_own_key_that_does_not_unlock_is_told_and_the_booking_waits_for_the_passphrase(house: House) -> None:
    home = house.folder / "locked"
    home.mkdir(mode=0o700)
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # a guess is to cost a second, not a test
    fingerprint = create_own_key(home, "gpg", "Zahnarztpraxis Musterstadt", passphrase=PASSPHRASE).fingerprint
    secret = house.folder / "passphrase"
    secret.touch(mode=0o600)
    dentport = house.partners["dentport"]
    dentport.gpg.home.import_key(export_public_key(home, "gpg", fingerprint).encode())
    usual, dentport.gpg.practice = dentport.gpg.practice, fingerprint

    def lock(content: dict[str, Any]) -> None:
        content["openpgp"] = {
            "fingerprint": fingerprint,
            "home": str(home),
            "passphrase": {"file": str(secret)},
        }

    with edited(house.config_path, lock), booking_that_survives(house):
        secret.write_text("wrong")
        told = [otv(word, config=house.config_path) for word in ("sync", "doctor")]
        secret.write_text(PASSPHRASE)
    dentport.gpg.practice = usual
    assert told[0].code == 30
    assert "passphrase" in told[0].err
    assert_plain(told[0], house)
    assert re.search(r"keys.own +.* cannot be used: .*passphrase", told[1].out)
    assert not any(PASSPHRASE in done.text for done in told)


GARBAGE = {
    "empty.pgp": b"",
    "noise.pgp": secrets.token_bytes(4000),
    "text.pgp": "Anna Müller möchte am Montag kommen".encode(),
    "half.pgp": b"-----BEGIN PGP MESSAGE-----\n\n",
    "large.pgp": b"x" * (5 * 1024 * 1024 + 1),
}


def test_garbage_in_the_inbound_folder_is_set_aside_with_reasons_and_the_rest_goes_on(
    house: House,
) -> None:
    zahnzeit, folder = house.partners["zahnzeit"], house.data_folder / "inbound/zahnzeit"
    for name, noise in GARBAGE.items():
        (folder / "waiting" / name).write_bytes(noise)
    (folder / "waiting/folder.pgp").mkdir()
    (folder / "waiting/pipe.pgp").unlink(missing_ok=True)
    os.mkfifo(folder / "waiting/pipe.pgp")
    (folder / "waiting/link.pgp").symlink_to("/etc/passwd")
    (folder / "waiting/good.pgp").write_bytes(zahnzeit.gpg.seal(zahnzeit.bookings_file([])))
    receipts, before = len(zahnzeit.inbox(Kind.RECEIPTS)), imported(house)
    done = otv("sync", "--partner", "zahnzeit", config=house.config_path)
    assert done.code == 3
    assert "zahnzeit: 9 files received: 1 imported, 8 quarantined" in done.out
    assert "8 of 9 files set aside" in done.err
    assert_plain(done, house)
    assert imported(house) == before + 1
    assert len(zahnzeit.inbox(Kind.RECEIPTS)) == receipts + 1
    assert not any((folder / "waiting").iterdir())
    reasons = [json.loads(file.read_text())["reason"] for file in (folder / "quarantine").glob("*.json")]
    assert len(reasons) == 8
    assert set(reasons) >= {"empty", "too_large", "not_openpgp", "not_a_regular_file"}


def test_disk_that_is_full_stops_an_export_and_leaves_nothing_half_done(house: House) -> None:
    """The kernel lets no file grow: as on a full disk, every write beyond fails."""
    outbox = house.data_folder / "outbox/zahnzeit"
    words = ("export", "--partner", "zahnzeit", "--config", house.config_path)
    house.connector.dispose()  # so that SQLite begins its log anew, in a small file
    with bulky(house):
        database = (house.folder / "practice.db").stat().st_size
        told = otv_process(*words, preexec_fn=no_file_larger_than(database + 100 * 1024))
        left = [path for state in ("drafts", "waiting", "claimed") for path in (outbox / state).iterdir()]
        mended = otv(*words)
    assert told.code == 50
    assert re.search(r"error: zahnzeit: cannot write in .*outbox/zahnzeit/drafts: ", told.err)
    assert "free disk space" in told.err
    assert_plain(told, house)
    assert left == []
    assert mended.code == 0


def test_disk_that_is_full_for_the_database_keeps_the_booking_waiting(house: House) -> None:
    words = ("receive", "--partner", "dentport", "--config", house.config_path)
    with booking_that_survives(house):
        told = otv_process(*words, preexec_fn=no_file_larger_than(8 * 1024))
    assert told.code == 20
    assert re.search(r"disk|File too large", told.err)
    assert_plain(told, house)


def test_disk_that_confirms_nothing_ends_a_command_at_once_and_the_booking_waits(house: House) -> None:
    words = ("sync", "--config", house.config_path)
    with booking_that_survives(house):
        told = otv_process(*words, preexec_fn=answering("fsync", errno.EIO))
        assert (told.code, told.err.count("the disk did not confirm")) == (50, 1)
    assert_plain(told, house)


def test_disk_that_confirms_nothing_ends_the_service_so_that_it_begins_anew(house: House) -> None:
    words = ("run", "--config", house.config_path)
    with booking_that_survives(house):
        told = otv_process(*words, preexec_fn=answering("fsync", errno.EIO))
        assert told.code == 50
        assert "the disk did not confirm what was written in" in told.err
        assert "stopped" in told.err
        assert list(house.data_folder.glob("outbox/*/drafts/*")) == []
    assert patients_named_in(told.text, house.connector) == []


@contextmanager
def bulky(house: House) -> Iterator[None]:
    """Exports that are larger than the whole database."""
    zahnzeit = house.config_path.parent / "partners/zahnzeit.yaml"
    large, far = section("openpgp", compression="none"), section("offer", booking_horizon_days=90)
    with edited(zahnzeit, large), edited(zahnzeit, far):
        yield


def no_file_larger_than(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
