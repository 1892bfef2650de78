"""How long one partner waits for its answer while another one makes trouble (promise P8).

The service runs as a process of its own. The quiet partner puts a message on
its server and waits for the receipt there; meanwhile the other one's server
hangs, its key is gone, or it floods a folder with junk.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from exchange_formats.bookings import CancelRecord
from exchange_formats.file_names import parse_sealed_name
from tests.kit.house import House, PartnerSide, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.service import Service
from tests.kit.sftp_servers import Misbehaviour

TROUBLEMAKER, QUIET = "dentport", "zahnzeit"
MOST_SECONDS = 30.0
"""What promise P8 allows."""
_PATIENCE_SECONDS = 300.0
_LOOK_EVERY_SECONDS = 0.05
_SCHEDULE = {"exchange_every_seconds": 2, "reload_every_seconds": 1}


@dataclass(slots=True)
class LaneResult:
    """The quiet partner's waiting times, in seconds, without trouble and in each of them."""

    baseline: list[float] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=dict)

    @property
    def added(self) -> float:
        """The worst wait in any trouble, beyond the best without one."""
        return max(max(waits) for waits in self.waits.values()) - min(self.baseline)

    def line(self) -> str:
        told = ", ".join(f"{name} {max(waits):.1f} s" for name, waits in self.waits.items())
        return f"answer without trouble {max(self.baseline):.1f} s; {told}; worst delay {self.added:.1f} s"


def run_lanes(junk: int, answers: int) -> LaneResult:
    """`answers` messages without trouble and in each; `junk` files in each flood."""
    result = LaneResult()
    with running_house() as (house, _):
        result.baseline = [answered_within(house) for _ in range(answers)]
        for name, trouble in _troubles(junk).items():
            with trouble(house):
                result.waits[name] = [answered_within(house) for _ in range(answers)]
    return result


@contextmanager
def running_house() -> Iterator[tuple[House, Service]]:
    """A small house whose service has begun to exchange with the quiet partner."""
    plan = default_plan(patients=60, columns=4, days=10)
    with (
        short_folder() as folder,
        open_house(folder, plan, schedule=_SCHEDULE) as house,
        Service(house.config_path) as service,
    ):
        _wait(lambda: any(_inbox(house.partners[QUIET]).glob("availability-*.pgp")))
        yield house, service


def answered_within(house: House) -> float:
    """Seconds from the message on the quiet partner's server to its receipt there."""
    partner = house.partners[QUIET]
    before = _receipts(partner)
    booking_id = f"nobody-{secrets.token_hex(4)}"
    sealed = partner.gpg.seal(
        partner.bookings_file(
            [CancelRecord(record="booking", booking_id=booking_id, revision=1, action="cancel")]
        )
    )
    began = time.monotonic()
    partner.send(sealed)
    _wait(lambda: _receipts(partner) > before)
    return time.monotonic() - began


def junk_left(house: House) -> int:
    """How much of the flood nobody has looked at yet."""
    return sum(1 for _ in _waiting(house).iterdir())


@contextmanager
def flooded_folder(house: House, junk: int) -> Iterator[None]:
    """Junk where the troublemaker pushes its files, each with the name of a bookings file."""
    for number in range(junk):
        part = _waiting(house) / f"junk-{number:05}.part"
        part.write_bytes(secrets.token_bytes(300))
        part.rename(part.with_suffix(".pgp"))
    yield


def _troubles(junk: int) -> dict[str, Callable[[House], AbstractContextManager[None]]]:
    return {
        "hanging server": _hanging_server,
        "dead key": _dead_key,
        f"{junk:,} junk files on the server": lambda house: _flooded_server(house, junk),
        f"{junk:,} junk files in the folder": lambda house: flooded_folder(house, junk),
    }


@contextmanager
def _hanging_server(house: House) -> Iterator[None]:
    server = house.partners[TROUBLEMAKER].server
    server.misbehaviour = Misbehaviour(hang_at="open")
    (server.root / "outgoing" / "never-read.pgp").write_bytes(b"junk")
    logins = server.logins
    _wait(lambda: server.logins > logins)
    yield
    server.misbehaviour = Misbehaviour()


@contextmanager
def _dead_key(house: House) -> Iterator[None]:
    ring = house.data_folder / "keys" / "partners" / f"{TROUBLEMAKER}.pgp"
    content = ring.read_bytes()
    ring.unlink()
    with flooded_folder(house, 20):
        yield
    ring.write_bytes(content)


@contextmanager
def _flooded_server(house: House, junk: int) -> Iterator[None]:
    outgoing = house.partners[TROUBLEMAKER].server.root / "outgoing"
    for number in range(junk):
        (outgoing / f"junk-{number:05}.pgp").write_bytes(secrets.token_bytes(300))
    yield


def _waiting(house: House) -> Path:
    return house.data_folder / "inbound" / TROUBLEMAKER / "waiting"


def _inbox(partner: PartnerSide) -> Path:
    return partner.server.root / "inbox"


def _receipts(partner: PartnerSide) -> int:
    names = [parse_sealed_name(path.name) for path in _inbox(partner).iterdir()]
    return sum(name is not None and name.kind.value == "receipts" for name in names)


def _wait(true: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        if time.monotonic() > ends_at:
            raise TimeoutError("the agent does not come to that")
        time.sleep(_LOOK_EVERY_SECONDS)
