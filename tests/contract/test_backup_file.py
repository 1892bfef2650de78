"""Backup files as bytes: sealed and opened by gpg, whole or refused, and nothing outside of their folder."""

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters.backup_archive import MANIFEST, Contents, Member, Packing, plain_part, unpack
from agent.adapters.backup_seal import Lock, is_symmetric, seal
from agent.errors import AgentError, KeyUnusableError, UsageError
from agent.restoring import Key, Restored, restore
from tests.kit.openpgp import GpgHome, short_folder

PLACES = ("config", "data", "elsewhere")
PASSPHRASE = "drei gelbe Kanarienvögel"
LOCK = Lock(passphrase=PASSPHRASE)
ABOUT = {"practice_id": "praxis", "config_file": "/etc/otv-agent/agent.yaml", "data_within": None}
CONTENTS = {
    "config/agent.yaml": b"practice_id: praxis\n",
    "config/secrets/audit_key": b"0" * 64,
    "data/outbox/dentport/sent/empty.pgp": b"",
    "data/gpg/private-keys-v1.d/" + "A" * 40 + ".key": os.urandom(600_000),
    "elsewhere/srv/keys/ssh_key": b"key",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def good() -> bytes:
    """A sealed backup of CONTENTS: a passphrase costs half a second on purpose."""
    with short_folder() as folder:
        return sealed(folder, packed(folder)).read_bytes()


def packed(folder: Path) -> bytes:
    """The plain tar of CONTENTS."""
    members = []
    for number, (name, content) in enumerate(CONTENTS.items()):
        path = folder / f"source{number}"
        path.write_bytes(content)
        members.append(Member(name, path))
    return b"".join(Packing().chunks(ABOUT, members))


def sealed(folder: Path, content: bytes, lock: Lock = LOCK) -> Path:
    file = folder / "backup.pgp"
    with file.open("wb") as stream:
        seal("gpg", lock, [content], stream.write)
    return file


def put_back(folder: Path, backup: bytes) -> Restored:
    file = folder / "backup.pgp"
    file.write_bytes(backup)
    return restore(file, Key("gpg", None, PASSPHRASE), folder / "into", folder / "data")


def unpacked(folder: Path, content: bytes) -> Contents:
    return unpack(io.BytesIO(content), {place: folder / "aside" / place for place in PLACES})


def put_down(*roots: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for root in roots
        for path in root.rglob("*")
        if path.is_file()
    }


def test_backup_comes_back_byte_for_byte_for_its_owner_alone(folder: Path, good: bytes) -> None:
    done = put_back(folder, good)
    assert (done.config, done.data) == (folder / "into" / "agent.yaml", folder / "data")
    assert put_down(folder / "into", folder / "data") == {
        name.removeprefix("config/").removeprefix("data/"): content for name, content in CONTENTS.items()
    }
    for path in (
        *(folder / "into").rglob("*"),
        *(folder / "data").rglob("*"),
        folder / "into",
        folder / "data",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_data_without_a_folder_of_its_own_lies_beside_the_settings(folder: Path) -> None:
    about = {**ABOUT, "data_within": "../../state"}
    content = b"".join(Packing().chunks(about, [Member("data/agent.pgp", folder / "backup.pgp")]))
    done = restore(sealed(folder, content), Key("gpg", None, PASSPHRASE), folder / "into")
    assert done.data.is_relative_to(folder / "into")


def test_backup_is_an_ordinary_tar_inside(folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(folder))) as tar:
        assert [name for name in tar.getnames() if name in CONTENTS] == list(CONTENTS)


def test_backup_for_a_key_opens_with_its_secret_half_and_no_other(folder: Path) -> None:
    admin, other = GpgHome(folder / "admin"), GpgHome(folder / "other")
    fingerprint = admin.create_key("Admin <admin@praxis.example>")
    other.create_key("Other <other@praxis.example>")
    (folder / "admin.asc").write_bytes(admin.public_key(fingerprint))
    file = sealed(folder, packed(folder), Lock(key_file=folder / "admin.asc"))
    try:
        assert not is_symmetric(file)
        with pytest.raises(KeyUnusableError):
            restore(file, Key("gpg", other.folder), folder / "into")
        assert not (folder / "into").exists()
        assert restore(file, Key("gpg", admin.folder), folder / "into").files == len(CONTENTS)
    finally:
        admin.stop()
        other.stop()


def test_wrong_passphrase_puts_nothing_down(folder: Path, good: bytes) -> None:
    file = folder / "backup.pgp"
    file.write_bytes(good)
    assert is_symmetric(file)
    with pytest.raises(KeyUnusableError):
        restore(file, Key("gpg", None, f"{PASSPHRASE} "), folder / "into", folder / "data")
    assert not (folder / "into").exists()
    assert not (folder / "data").exists()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("spoil", [flipped, lambda content: content[:-200_000]], ids=["changed", "cut off"])
def test_spoiled_file_puts_nothing_down(folder: Path, good: bytes, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(AgentError):
        put_back(folder, spoil(good))
    assert not (folder / "into").exists()


def tar_of(*entries: tuple[tarfile.TarInfo, bytes], of: bytes) -> bytes:
    """The first entry of a good backup, and then these."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(of)) as good, tarfile.open(fileobj=made, mode="w") as tar:
        first = good.next()
        assert first is not None
        tar.addfile(first, good.extractfile(first))
        for entry, content in entries:
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def plain(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


EVIL = {
    "upwards": plain("config/../../prey"),
    "absolute": plain("/etc/prey"),
    "another place": plain("root/prey"),
    "no place": plain("prey"),
    "a drive": plain("data/C:prey"),
    "backslashes": plain("data/..\\prey"),
    "another stream of a file": plain("data/agent.yaml:prey"),
    "two slashes": plain("data//prey"),
    "symbolic link": plain("data/link", tarfile.SYMTYPE, "/etc"),
    "hard link": plain("data/link", tarfile.LNKTYPE, "/etc/shadow"),
    "pipe": plain("data/pipe", tarfile.FIFOTYPE),
    "folder": plain("data/folder", tarfile.DIRTYPE),
    "control character": plain("data/a\nb"),
}


@pytest.mark.parametrize("entry", EVIL.values(), ids=EVIL.keys())
def test_entry_that_leads_elsewhere_ends_the_restore(folder: Path, entry: tarfile.TarInfo) -> None:
    content = tar_of((entry, b""), (plain(MANIFEST), b"{}"), of=packed(folder))
    with pytest.raises(UsageError):
        unpacked(folder, content)
    assert not list(folder.rglob("prey"))
    assert set(put_down(folder / "aside")) == set()


def test_restore_that_meets_a_bad_entry_puts_nothing_down(folder: Path) -> None:
    evil = tar_of((plain("config/agent.yaml"), b"x"), (EVIL["upwards"], b""), of=packed(folder))
    with pytest.raises(UsageError, match="leads out"):
        put_back(folder, sealed(folder, evil).read_bytes())
    assert not (folder / "into").exists()
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    "manifest",
    [b"{}", b'{"config/agent.yaml": [1, "00"]}', b"[]", b"not json"],
    ids=["leaves one out", "says otherwise", "is a list", "is none"],
)
def test_backup_that_contradicts_its_own_list_is_not_used(folder: Path, manifest: bytes) -> None:
    file = (plain("config/agent.yaml"), b"practice_id: praxis\n")
    with pytest.raises(UsageError):
        unpacked(folder, tar_of(file, (plain(MANIFEST), manifest), of=packed(folder)))


def test_list_that_is_missing_means_a_backup_that_is_cut_off(folder: Path) -> None:
    with pytest.raises(UsageError, match="cut off"):
        unpacked(folder, tar_of((plain("config/agent.yaml"), b"x"), of=packed(folder)))


@pytest.mark.parametrize("content", [b"", b"hello", bytes(10_240)])
def test_other_file_that_opens_is_no_backup(folder: Path, content: bytes) -> None:
    with pytest.raises(UsageError):
        unpacked(folder, content)


def test_nothing_is_restored_over_what_is_there(folder: Path) -> None:
    (folder / "into").mkdir()
    (folder / "into" / "agent.yaml").write_text("mine")
    (folder / "backup.pgp").write_bytes(b"")
    with pytest.raises(UsageError, match="empty"):
        restore(folder / "backup.pgp", Key("gpg", None, PASSPHRASE), folder / "into")
    assert put_down(folder / "into") == {"agent.yaml": b"mine"}


@pytest.mark.parametrize(
    "name", ["a:b.pgp", "line\nbreak", "x" * 250, "dot.", "blank ", "..", "\udcff.pgp", "a\\b", "ä\u200bb"]
)
def test_name_that_some_system_cannot_store_becomes_one_that_all_can(name: str) -> None:
    assert plain_part(name) == plain_part(plain_part(name))
    assert plain_part(name).startswith("odd-")


def test_file_that_a_partner_named_oddly_does_not_spoil_the_backup(folder: Path) -> None:
    odd = folder / os.fsdecode(b"evil:\n\xff.pgp")
    odd.write_bytes(b"sealed")
    member = Member(f"data/{plain_part(odd.name)}", odd)
    link = folder / "link.pgp"
    link.symlink_to("/etc/passwd")
    packing = Packing()
    content = b"".join(packing.chunks(ABOUT, [member, Member("data/link.pgp", link)]))
    assert (packing.files, packing.left_out) == (1, 1)
    assert unpacked(folder, content).files == 1
    assert list(put_down(folder / "aside" / "data").values()) == [b"sealed"]
