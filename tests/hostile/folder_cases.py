"""Family "folder and names": what is no plain file, has none of our names, or changes while it is read."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.adapters.inbound_claim import FolderClaim
from agent.errors import GpgUnavailableError
from agent.errors import QuarantineReason as R
from agent.flows.lane import Lane
from agent.ports import ClaimedFile, Inbound
from tests.flows.stage import DENTPORT
from tests.hostile.case import (
    Around,
    Arrival,
    Case,
    Expected,
    Family,
    Put,
    imported,
    one_file,
    quarantined,
    waiting,
)
from tests.hostile.workshop import Workshop

FOLDER = Family.FOLDER
NOBODY = 65534
ODD = "odd.pgp"
Make = Callable[[Path], object]


def _entry(make: Callable[[Workshop, Path], object], name: str = ODD, *, old: bool = True) -> Put:
    """One new entry in the waiting folder, unless told otherwise untouched for years."""

    def put(shop: Workshop) -> int:
        path = shop.waiting / name
        make(shop, path)
        if old:
            os.utime(path, (0, 0), follow_symlinks=False)
        return 1

    return put


def _good(shop: Workshop, path: Path) -> None:
    path.write_bytes(shop.sealed())


# --- no plain file ---------------------------------------------------------------------------------


def _link(_: Workshop, path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _link_to_a_good_file(shop: Workshop, path: Path) -> None:
    good = shop.stage.house.folder / "good.pgp"
    good.write_bytes(shop.sealed())
    path.symlink_to(good)


def _dangling_link(_: Workshop, path: Path) -> None:
    path.symlink_to("/nowhere")


def _link_to_itself(_: Workshop, path: Path) -> None:
    path.symlink_to(path.name)


def _second_name(shop: Workshop, path: Path) -> None:
    other = shop.stage.house.folder / "second-name"
    other.unlink(missing_ok=True)
    other.write_bytes(shop.sealed())
    path.hardlink_to(other)


def _directory(shop: Workshop, path: Path) -> None:
    path.mkdir()
    (path / "inside.pgp").write_bytes(shop.sealed())


def _socket(_: Workshop, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))


def _device(_: Workshop, path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero: it never ends
    except PermissionError:
        os.mkfifo(path)


ODD_ENTRIES: list[tuple[str, str, Callable[[Workshop, Path], object]]] = [
    ("links", "a link to a file of the system", _link),
    ("links", "a link to a good file", _link_to_a_good_file),
    ("links", "a link to nowhere", _dangling_link),
    ("links", "a link to itself", _link_to_itself),
    ("links", "a file with a second name", _second_name),
    ("fifo", "a pipe that nobody writes to", lambda _, path: os.mkfifo(path)),
    ("fifo", "a socket", _socket),
    ("device", "a device that never ends", _device),
    ("directory", "a folder with a good file in it", _directory),
    ("directory", "an empty folder", lambda _, path: path.mkdir()),
]

# --- names -----------------------------------------------------------------------------------------

FOREIGN_NAMES = {
    "unfinished": "booking.pgp.part",
    "another ending": "booking.txt",
    "ending in capitals": "booking.PGP",
    "no ending": "booking",
    "nothing but the ending": ".pgp",
    "hidden": ".hidden.pgp",
    "space": "with space.pgp",
    "space behind": "booking.pgp ",
    "line feed": "booking\n.pgp",
    "line feed behind": "booking.pgp\n",
    "line of a status": "x\n[GNUPG:] VALIDSIG .pgp",
    "option": "-rf.pgp",
    "command": "$(touch x).pgp",
    "quotation marks": "';DROP TABLE patient;--.pgp",
    "markup": "<script>.pgp",
    "escape sequence": "\x1b[2J.pgp",
    "right-to-left override": "a\u202egp.pgp",
    "umlaut": "umlaut-ä.pgp",
    "not utf-8": os.fsdecode(b"booking-\xff\xfe.pgp"),
    "too long": "a" * 130 + ".pgp",
    "as long as the system allows": "a" * 251 + ".pgp",
    "our own reason file": "20270104T063000Z-0123456789ab.reason.json",
}

GOOD_NAMES = {
    "like a claim of ours": "20270104T063000Z-0123456789ab.3.pgp",
    "like a sealed file of ours": "20270104T063000Z-0123456789ab.sealed.pgp",
    "a device of Windows": "CON.pgp",
    "dots": "a..b...pgp",
}


def _young_foreign_name(shop: Workshop) -> Iterator[Arrival]:
    """Its sender may still be busy with it."""
    name = "uploading.pgp.part"
    yield _entry(_good, name, old=False)
    yield lambda shop: os.utime(shop.waiting / name, (0, 0)) or 0


def _renamed_at_last(shop: Workshop) -> Iterator[Arrival]:
    yield _entry(_good, "uploading.pgp.part", old=False)
    yield lambda shop: bool((shop.waiting / "uploading.pgp.part").rename(shop.waiting / "done.pgp")) - 1


# --- files that change -----------------------------------------------------------------------------


def _growing(shop: Workshop) -> Iterator[Arrival]:
    sealed = shop.sealed()
    half = len(sealed) // 2
    yield _entry(lambda _, path: path.write_bytes(sealed[:half]), old=False)

    def rest(shop: Workshop) -> int:
        with (shop.waiting / ODD).open("ab") as file:
            file.write(sealed[half:])
        return 0

    yield rest
    yield lambda shop: os.utime(shop.waiting / ODD, (0, 0)) or 0


def _needs_rest(shop: Workshop) -> AbstractContextManager[object]:
    return shop.stage.agent_with(settings={"inbound": {"settle_seconds": 60}})


class _Meddled:
    """The inbound folder with somebody who acts between the claim and the reading."""

    def __init__(self, inbound: Inbound, act: Callable[[FolderClaim], object]) -> None:
        self._inbound, self._act = inbound, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inbound, name)

    def claim(self) -> Iterator[ClaimedFile]:
        for claimed in self._inbound.claim():
            assert isinstance(claimed, FolderClaim)
            self._act(claimed)
            yield claimed


def _before_reading(act: Callable[[FolderClaim], object]) -> Around:
    @contextmanager
    def around(shop: Workshop) -> Iterator[None]:
        usual = shop.stage.agent
        lane: Lane = usual.lane(DENTPORT)
        meddled: Any = _Meddled(lane.inbound, act)
        lanes = {**usual.lanes, DENTPORT: replace(lane, inbound=meddled)}
        shop.stage.agent = replace(usual, lanes=lanes)
        try:
            yield
        finally:
            shop.stage.agent = usual

    return around


def _becomes_a_link(claimed: FolderClaim) -> None:
    claimed.path.unlink()
    claimed.path.symlink_to("/etc/passwd")


def _becomes_a_pipe(claimed: FolderClaim) -> None:
    claimed.path.unlink()
    os.mkfifo(claimed.path)


def _is_overwritten(claimed: FolderClaim) -> None:
    claimed.path.write_bytes(b"Kanarienvogel, in the clear")


def _grows_on(claimed: FolderClaim) -> None:
    with claimed.path.open("ab") as file:
        file.write(b"\x00" * 100)


def _closes_to_us(claimed: FolderClaim) -> None:
    """Root may read everything, and becomes nobody for this one look."""
    read = claimed.read
    claimed.path.chmod(0)

    def as_nobody() -> bytes:
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            return read()
        finally:
            if root:
                os.seteuid(0)

    setattr(claimed, "read", as_nobody)  # noqa: B010 - a method of this one claim


MEDDLED: list[tuple[str, str, R, Callable[[FolderClaim], object]]] = [
    ("replaced while read", "a link in its place", R.NOT_A_REGULAR_FILE, _becomes_a_link),
    ("replaced while read", "a pipe in its place", R.NOT_A_REGULAR_FILE, _becomes_a_pipe),
    ("replaced while read", "overwritten by its writer", R.NOT_OPENPGP, _is_overwritten),
    ("growing", "its writer goes on", R.UNEXPECTED_STRUCTURE, _grows_on),
    ("unreadable", "closed to the agent", R.UNREADABLE, _closes_to_us),
]


# --- the folder itself, crashes, and faults of our own ----------------------------------------------


def _folder_anew(shop: Workshop) -> Iterator[Arrival]:
    yield lambda shop: shop.waiting.rmdir() or 0
    yield shop.sealed()


def _left_by_twenty_crashes(shop: Workshop) -> int:
    claim = shop.inbound / "claimed" / "20270104T063000Z-0123456789ab.20.pgp"
    claim.write_bytes(shop.sealed())
    return 1


def _put_among_the_claims(shop: Workshop) -> int:
    (shop.inbound / "claimed" / "by-hand.pgp").write_bytes(shop.sealed())
    return 1


def _junk_without_gpg(shop: Workshop) -> Iterator[Arrival]:
    """Nothing can be sealed, so nothing is set aside and nothing said of it (promise P9)."""
    openpgp = {"fingerprint": shop.dentport.practice, "gpg_program": "/nowhere/gpg"}
    with shop.stage.agent_with(settings={"openpgp": openpgp}):
        yield b"Kanarienvogel, in the clear"
    yield lambda _: 0


def _case(
    topic: str, name: str, arrives: Callable[[Workshop], Iterator[Arrival]], *expected: Expected
) -> Case:
    return Case(FOLDER, topic, name, arrives, expected)


def _names(names: dict[str, str], expected: Expected) -> list[Case]:
    return [
        one_file(FOLDER, "names", f"name: {title}", expected, lambda _, name=name: _entry(_good, name))
        for title, name in names.items()
    ]


CASES = [
    *(
        one_file(FOLDER, topic, name, quarantined(R.NOT_A_REGULAR_FILE), lambda _, make=make: _entry(make))
        for topic, name, make in ODD_ENTRIES
    ),
    *_names(FOREIGN_NAMES, quarantined(R.UNEXPECTED_NAME)),
    *_names(GOOD_NAMES, imported(None)),
    _case("names", "a young unfinished name", _young_foreign_name, waiting(), quarantined(R.UNEXPECTED_NAME)),
    _case("names", "renamed when it is whole", _renamed_at_last, waiting(), imported(None)),
    Case(FOLDER, "growing", "still growing", _growing, (waiting(), waiting(), imported(None)), _needs_rest),
    *(
        one_file(FOLDER, topic, name, quarantined(reason), lambda _: _entry(_good), _before_reading(act))
        for topic, name, reason, act in MEDDLED
    ),
    _case("folder deleted and made anew", "the folder is gone", _folder_anew, waiting(), imported(None)),
    one_file(
        FOLDER,
        "crash loop",
        "left by twenty crashes",
        quarantined(R.CRASH_LOOP),
        lambda _: _left_by_twenty_crashes,
    ),
    one_file(
        FOLDER, "crash loop", "put among the claims by hand", imported(None), lambda _: _put_among_the_claims
    ),
    _case(
        "own fault",
        "in the clear, while gpg is missing",
        _junk_without_gpg,
        waiting(GpgUnavailableError),
        quarantined(R.NOT_OPENPGP),
    ),
]
