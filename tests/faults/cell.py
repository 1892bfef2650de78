"""One fault met by a running service: how long until all that waited is imported, and what was said of it."""

import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import func, select

from agent.adapters import tables
from agent.adapters.audit_log import ledger_anchors
from agent.adapters.audit_verification import verify
from exchange_formats.envelope import Kind
from tests.faults.service import Running
from tests.flows.stage import DENTPORT

PROMISED_SECONDS = 120.0
"""Promise P9: all imported within two minutes of the fault's end."""
PATIENCE_SECONDS = 180.0
BOOKINGS = 3
_PLACE = r"(?P<place>\w+: receiving|.+?)"
_BEGIN = re.compile(rf"^ERROR +{_PLACE}: ")
_END = re.compile(rf"^INFO +{_PLACE}: works again$")


@dataclass(slots=True)
class Result:
    """What a fault did; complaints are broken promises."""

    name: str
    seconds: float = 0.0
    set_aside: int = 0
    begun: int = 0
    complaints: list[str] = field(default_factory=list)

    def line(self) -> str:
        told = f"imported {self.seconds:5.1f} s after its end, {self.set_aside} wrongly set aside"
        return f"{self.name:<48} {told}, {self.begun:2} sentences said" + "".join(
            f"\n    BROKEN: {complaint}" for complaint in self.complaints
        )


def meet(
    run: Running, name: str, fault: Callable[[Running], AbstractContextManager[object]], hold_seconds: float
) -> Result:
    """Two bookings arrive in the folder as it begins, one lies on the partner's server."""
    result, partner = Result(name), run.stage.partner()
    sealed = [run.stage.sealed(run.stage.booking()) for _ in range(BOOKINGS)]
    appointments, aside, said = _appointments(run), _set_aside(run), len(run.service.log)
    receipts = len(partner.inbox(Kind.RECEIPTS))
    waiting = run.stage.house.data_folder / "inbound" / DENTPORT / "waiting"
    for content in sealed[:-1]:
        (waiting / f"b-{uuid.uuid4().hex}.pgp").write_bytes(content)
    with fault(run):
        partner.send(sealed[-1])
        time.sleep(hold_seconds)
    ended = time.monotonic()
    done = _wait(lambda: _appointments(run) == appointments + BOOKINGS, ended)
    result.seconds = time.monotonic() - ended
    result.set_aside = _set_aside(run) - aside
    if not done or result.seconds > PROMISED_SECONDS:
        result.complaints.append("not all imported within two minutes")
    if result.set_aside:
        result.complaints.append("files were set aside")
    if not _wait(lambda: len(partner.inbox(Kind.RECEIPTS)) == receipts + BOOKINGS, ended):
        result.complaints.append("not every booking was answered once")
    if not _wait(lambda: not _open_places(run.service.log[said:]), ended):
        result.complaints.append(f"never said to be over: {_open_places(run.service.log[said:])}")
    _judge_words(result, run.service.log[said:])
    with run.stage.house.connector.reading() as connection:
        verify(connection, run.stage.agent.audit_key, ledger_anchors(connection))
    return result


def _judge_words(result: Result, log: list[str]) -> None:
    begun = Counter(line for line in log if _BEGIN.match(line))
    result.begun = len(begun)
    result.complaints += [line for line in begun if "a defect" in line]
    result.complaints += [f"said {times} times: {line}" for line, times in begun.items() if times > 1]


def _open_places(log: list[str]) -> list[str]:
    places: set[str] = set()
    for line in log:
        if match := _END.match(line):
            places.discard(match["place"])
        elif match := _BEGIN.match(line):
            places.add(match["place"])
    return sorted(places)


def _wait(true: Callable[[], bool], since: float) -> bool:
    while not true():
        if time.monotonic() - since > PATIENCE_SECONDS:
            return False
        time.sleep(0.2)
    return True


def _appointments(run: Running) -> int:
    with run.stage.house.connector.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.partner_appointment)) or 0


def _set_aside(run: Running) -> int:
    return run.stage.agent.lane(DENTPORT).inbound.counts()["quarantine"]
