"""One case through the whole receive story, and every promise that holds of whatever arrives.

The outcome and its reason (P1), one receipt or none (P4), the same one for a
repeat, every file accounted for (P3), nothing changed in the practice but what
was accepted, nothing left in the clear (P11), and no crash.
"""

import json
from dataclasses import dataclass, field

from agent.errors import AgentError
from agent.flows.file_result import FileResult
from exchange_formats.envelope import Kind
from exchange_formats.receipts import BookingOutcome, MessageOutcome
from tests.flows.stage import DENTPORT
from tests.hostile.case import ANSWERED, Arrival, Case, Expected, Outcome
from tests.hostile.measuring import Cost, Meter, measured
from tests.hostile.workshop import Rows, Workshop

WRITTEN_BY_A_BOOKING = {"appointment", "patient", "contact_point", "consent_page"}


@dataclass(slots=True)
class Verdict:
    """What went wrong with a case, if anything; and what its dearest file cost."""

    case: Case
    complaints: list[str] = field(default_factory=list)
    wrong_accepts: int = 0
    crashes: int = 0
    cost: Cost = field(default_factory=Cost)


def tried(case: Case, shop: Workshop, meter: Meter = measured) -> Verdict:
    """Every arrival of the case, one after the other; the agent's work is measured by `meter`."""
    verdict = Verdict(case)
    shop.answered, shop.sealed_receipts = [], []
    with case.around(shop):
        pairs = zip(case.arrives(shop), case.expected, strict=True)
        answers: dict[Arrival, bytes] = {}
        for number, (arrival, expected) in enumerate(pairs, start=1):
            shop.stage.take_receipts()
            _Arrival(shop, expected, verdict, f"arrival {number}", answers, meter).judge(arrival)
    return verdict


class _Arrival:
    """One arrival under judgement."""

    def __init__(
        self,
        shop: Workshop,
        expected: Expected,
        verdict: Verdict,
        place: str,
        answers: dict[Arrival, bytes],
        meter: Meter,
    ) -> None:
        self._shop, self._stage = shop, shop.stage
        self._expected, self._verdict, self._place = expected, verdict, place
        self._answers, self._meter = answers, meter
        self._arrived: Arrival = b""

    def judge(self, arrival: Arrival) -> None:
        self._arrived = arrival
        before = self._shop.practice_rows()
        if isinstance(arrival, bytes):
            self._stage.drop(arrival)
        else:
            self._stage.arrived[DENTPORT] += arrival(self._shop)
        results = self._received()
        if results is None:
            return
        after = self._shop.practice_rows()
        self._demand_result(results)
        self._demand_changes(before, after)
        self._demand_receipt(results)
        self._demand_conservation()

    def _complain(self, what: str) -> None:
        self._verdict.complaints.append(f"{self._place}: {what}")

    def _received(self) -> list[FileResult] | None:
        try:
            with self._meter() as cost:
                results = list(self._stage.agent.receive(DENTPORT))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and told
            expected = self._expected.fault
            if expected is not None and isinstance(error, expected):
                return []
            self._verdict.crashes += not isinstance(error, AgentError)
            self._complain(f"raised {error!r}")
            return None
        self._verdict.cost.raise_to(cost)
        return results

    # --- the demands -----------------------------------------------------------------------------

    def _demand_result(self, results: list[FileResult]) -> None:
        expected = self._expected
        told = [(str(result.state), result.reason) for result in results]
        wanted = [(str(expected.outcome), str(expected.reason) if expected.reason else None)]
        if expected.outcome is Outcome.WAITING:
            wanted = []
        if told != wanted:
            self._complain(f"{told} instead of {wanted}")
        for result in results:
            if result.accepted > expected.accepted and expected.outcome is not Outcome.DUPLICATE:
                self._verdict.wrong_accepts += 1
            if expected.outcome in {Outcome.REFUSED, Outcome.QUARANTINED}:
                self._demand_reason(result)

    def _demand_reason(self, result: FileResult) -> None:
        beside = self._shop.inbound / "quarantine" / f"{result.file_id}.reason.json"
        if not beside.exists():
            self._complain("there is no reason beside the file")
            return
        reason = json.loads(beside.read_text())
        if (reason["reason"], reason["authenticated"]) != (result.reason, self._expected.outcome in ANSWERED):
            self._complain(f"the reason beside the file is {reason}")
        sealed = beside.with_name(f"{result.file_id}.sealed.pgp")
        if sealed.exists() != ("kept_bytes" in reason):
            self._complain("the file is not kept as its reason says")

    def _demand_changes(self, before: Rows, after: Rows) -> None:
        changed = {table for table in after if after[table] != before[table]}
        accepted = self._expected.accepted
        if changed and not accepted:
            self._complain(f"changed {sorted(changed)}")
            self._verdict.wrong_accepts += 1
        if not changed <= WRITTEN_BY_A_BOOKING:
            self._complain(f"changed {sorted(changed - WRITTEN_BY_A_BOOKING)}")
        made = len(after["appointment"]) - len(before["appointment"])
        if made != accepted - self._expected.making_none:
            self._complain(f"{made} new appointments")
        for name in self._expected.names:
            if sum(name in row for row in after["patient"]) != 1:
                self._complain("a name was not written to the letter")

    def _demand_receipt(self, results: list[FileResult]) -> None:
        receipts = self._stage.outbox(kind=Kind.RECEIPTS)
        wanted = len(results) if self._expected.outcome in ANSWERED else 0
        if len(receipts) != wanted:
            self._complain(f"{len(receipts)} receipts instead of {wanted}")
        self._shop.sealed_receipts += [path.read_bytes() for path in receipts]
        for document, plain in self._stage.take_receipts():
            if self._answers.setdefault(self._arrived, plain) != plain:
                self._complain("a repeat got another receipt")
            self._shop.answered.append(plain)
            self._demand_answer(document.records)

    def _demand_answer(self, records: tuple[MessageOutcome | BookingOutcome, ...]) -> None:
        verdict, *bookings = records
        refused = self._expected.outcome is Outcome.REFUSED
        told = (verdict.outcome, verdict.reason)
        if told != (("refused", self._expected.reason) if refused else ("processed", None)):
            self._complain(f"the receipt says {told}")
        reasons = tuple(one.reason for one in bookings)
        if reasons != self._expected.bookings:
            self._complain(f"the bookings were answered {reasons}")

    def _demand_conservation(self) -> None:
        counts = self._stage.agent.lane(DENTPORT).inbound.counts()
        if sum(counts.values()) != self._stage.arrived[DENTPORT]:
            self._complain(f"{self._stage.arrived[DENTPORT]} files arrived, and there are {counts}")
        if self._expected.outcome is not Outcome.WAITING and counts["waiting"] + counts["claimed"]:
            self._complain(f"something was left: {counts}")
