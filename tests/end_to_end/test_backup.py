"""Backup and restore as an administrator does them: the machine is lost, and the next day goes on.

A house with real gpg and real SSH servers. What is saved is older than the
database in the end, as it is with a nightly backup.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.adapters import tables
from agent.adapters.process_lock import sole_process
from exchange_formats.envelope import Kind
from tests.demo.scenes import Offers, booking_of, newcomer, open_to_new_patients
from tests.flows.evidence import values
from tests.kit.command_line import Finished, otv
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.leak_watch import require_none_in
from tests.kit.openpgp import GpgHome, short_folder


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    plan, offer = default_plan(patients=60, columns=4, days=14), {"booking_horizon_days": 5}
    with short_folder() as folder, open_house(folder, plan, offer=offer) as house:
        yield house


@pytest.fixture(scope="module")
def admin(house: House) -> Iterator[GpgHome]:
    """Whoever keeps the backups, with a key of their own."""
    home = GpgHome(house.folder / "gpg-admin")
    (house.folder / "admin.asc").write_bytes(home.public_key(home.create_key("Admin <admin@praxis.example>")))
    yield home
    home.stop()


def ordered(house: House, *words: str | Path) -> Finished:
    done = otv(*words, config=house.config_path)
    assert done.code == 0, done.text
    return done


def answers(partner: PartnerSide) -> dict[str, object]:
    """Every receipt that lies with the partner, by the file that it answers."""
    return {receipt.records[0].sealed_sha256: receipt.records for receipt in partner.inbox(Kind.RECEIPTS)}


def appointments(house: House) -> list[int]:
    return sorted(values(house.connector, tables.appointment.c.appointment_id))


def test_backup_is_refused_beside_the_running_service(house: House, admin: GpgHome) -> None:
    target = house.folder / "meanwhile.pgp"
    with sole_process(house.data_folder):  # as the service holds it
        done = otv("backup", target, "--to", house.folder / "admin.asc", config=house.config_path)
    assert (done.code, target.exists()) == (50, False)


@pytest.mark.parametrize("place", ["data/backup.pgp", "config/backup.pgp", "audit-key"])
def test_backup_neither_lies_in_what_it_saves_nor_replaces_a_file(
    house: House, admin: GpgHome, place: str
) -> None:
    done = otv("backup", house.folder / place, "--to", house.folder / "admin.asc", config=house.config_path)
    assert done.code == 2


def test_backup_by_a_weak_passphrase_is_refused(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("zu kurz")
    target = tmp_path / "backup.pgp"
    done = otv("backup", target, "--passphrase-file", secret, config=house.config_path)
    assert (done.code, target.exists()) == (2, False)
    assert "zu kurz" not in done.text


def test_lost_machine_goes_on_from_a_backup_older_than_the_database(house: House, admin: GpgHome) -> None:
    partner, file = house.partners["dentport"], house.folder / "backup.pgp"
    ordered(house, "sync", "--partner", "dentport")
    offers = Offers(partner)
    before = booking_of(partner, offers.next(open_to_new_patients(partner)), newcomer())
    first = partner.book(before)
    ordered(house, "sync", "--partner", "dentport")
    ordered(house, "export", "--partner", "dentport")
    waited = [path.name for path in (house.data_folder / "outbox/dentport/waiting").glob("patients-*")]
    assert waited, "a file of patients that is outdated by the time it is restored"
    made = ordered(house, "backup", file, "--to", house.folder / "admin.asc")
    require_none_in(file.read_bytes(), "the backup")
    after = booking_of(partner, offers.next(open_to_new_patients(partner)), newcomer())
    second = partner.book(after)
    ordered(house, "sync", "--partner", "dentport")
    (house.folder / "dentport.pgp").write_bytes(partner.gpg.public_key)
    ordered(house, "keys", "pin", "dentport", house.folder / "dentport.pgp", "--yes")
    booked = appointments(house)

    GpgHome(house.data_folder / "gpg").stop()
    for folder in (house.config_path.parent, house.data_folder):
        shutil.rmtree(folder)
    words = ("--into", house.config_path.parent, "--data-folder", house.data_folder)
    done = otv("restore", file, *words, "--gpg-home", admin.folder)
    assert done.code == 0, done.text
    assert "missing" not in done.out
    assert re.search(rf"^again .* dentport: key pinned {partner.gpg.fingerprint}", done.out, re.MULTILINE)

    told = answers(partner)
    for path in (partner.server.root / "inbox").glob("receipts-*"):
        path.unlink()
    partner.opened.clear()
    for sealed in (first, second):
        partner.send(sealed)
    ordered(house, "sync", "--partner", "dentport")
    assert answers(partner) == told
    assert not [name for name in waited if (partner.server.root / "inbox" / name).exists()]
    assert appointments(house) == booked
    ordered(house, "audit", "verify")
    sha256 = made.out.partition("sha256 ")[2].split()[0]
    assert sha256 in ordered(house, "audit", "show", "--newest", "200").out


def test_restore_elsewhere_names_every_path_that_does_not_fit(house: House, admin: GpgHome) -> None:
    file, into, away = house.folder / "other.pgp", house.folder / "other", house.folder / "audit-key.away"
    ordered(house, "backup", file, "--to", house.folder / "admin.asc")
    (house.folder / "audit-key").rename(away)
    try:
        done = otv("restore", file, "--into", into, "--gpg-home", admin.folder)
    finally:
        away.rename(house.folder / "audit-key")
    assert done.code == 0
    settings = into / "agent.yaml"
    assert f"{settings}: data_folder: {house.data_folder} is not where it is now" in done.out
    assert f"{settings}: audit.key: {house.folder / 'audit-key'} is not there" in done.out
    saved = into / "elsewhere" / (house.folder / "audit-key").relative_to("/")
    assert saved.read_bytes() == (house.folder / "audit-key").read_bytes()
