"""The agent, wired, and all that can be asked of it: each operation is one story on one lane.

What `agent.app` builds and every entrance works with. Nothing is decided
here; a story is told in `agent.flows`.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime

from agent.adapters.audit_log import clock_accepted_at
from agent.adapters.audit_memory import AuditMemory
from agent.adapters.database import Connector
from agent.adapters.good_cycles import CycleMemory, Step
from agent.adapters.own_key_setup import stop_agent
from agent.adapters.schema_version import require_version
from agent.config import Config
from agent.domain.attribution import attribution_problem
from agent.errors import ConfigError, GpgUnavailableError, OtvUserError, UsageError
from agent.flows import receive
from agent.flows.exchange import ExchangeResult, exchange
from agent.flows.export import export, kinds_for
from agent.flows.export_result import ExportResult
from agent.flows.file_result import FileResult
from agent.flows.give_up import SentAgain, send_again
from agent.flows.hand_over import hand_over
from agent.flows.lane import Lane, PracticeSide
from agent.flows.rehearse import Keep, Rehearsal, preview, rehearse, rehearse_updates
from agent.flows.snapshot_document import Progress
from agent.flows.tell_updates import preview_updates, tell_updates
from agent.flows.try_file import try_file
from agent.licence_gate import LicenceGate
from exchange_formats.envelope import Kind


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, wired: the practice's side, and one lane per enabled partner."""

    config: Config
    connector: Connector
    practice: PracticeSide
    licence: LicenceGate
    lanes: Mapping[str, Lane]
    audit_key: bytes
    audit_memory: AuditMemory
    cycles: CycleMemory

    def lane(self, partner_id: str) -> Lane:
        """Raises UsageError for a partner that is not configured or not enabled."""
        try:
            return self.lanes[partner_id]
        except KeyError:
            known = ", ".join(sorted(self.lanes)) or "none"
            raise UsageError(f"no enabled partner of that name; enabled are: {known}") from None

    def prepare(self) -> None:
        """Make the folders that are missing; before that nothing was written anywhere. Raises SpoolError."""
        for lane in self.lanes.values():
            lane.outbox.prepare()
            lane.inbound.prepare()

    def recover(self) -> None:
        """Put back what a dead process left in its hands; only while holding the data folder."""
        self.prepare()
        for lane in self.lanes.values():
            lane.outbox.recover()
            lane.inbound.recover()

    def require_tables(self) -> None:
        """Our own tables are of the version this program works with. Raises SchemaMismatchError."""
        with self.connector.reading() as connection:
            require_version(connection, self.connector.agent_schema)

    def require_author(self) -> None:
        """Rule R2. Raises OtvUserError, DatabaseError."""
        with self.practice.database.read() as snapshot:
            problem = attribution_problem(snapshot.staff_member(self.practice.otv_login))
            found = snapshot.identity().practice_id
        if problem is not None:
            raise OtvUserError(f"database.otv_user: {problem}")
        if found != self.practice.practice_id:
            raise ConfigError(
                [f"{self.config.path}: practice_id: the database belongs to another practice, `{found}`"]
            )

    def database_time(self) -> datetime | None:
        """What the database server's clock shows; None on SQLite, which has none. Raises DatabaseError."""
        return self.connector.server_time()

    def clock_accepted_at(self) -> datetime | None:
        """When an operator last said that this machine's clock is right. Raises DatabaseError."""
        with self.connector.reading() as connection:
            return clock_accepted_at(connection)

    def kinds(self, partner_id: str) -> tuple[Kind, ...]:
        """What the partner gets now. Raises UsageError, DatabaseError."""
        lane = self.lane(partner_id)
        with self.practice.database.read() as snapshot:
            return kinds_for(snapshot, lane)

    def export(self, partner_id: str, kind: Kind, progress: Progress | None = None) -> ExportResult:
        """One file into the outbox; see `agent.flows.export`."""
        began_at = self.practice.clock()
        result = export(self.practice, self.lane(partner_id), kind, progress)
        if kind is Kind.AVAILABILITY:
            self.cycles.good(partner_id, Step.EXPORTED, began_at)
        return result

    def preview(self, partner_id: str, kind: Kind) -> ExportResult:
        """What the export would hold, in numbers, without writing anything."""
        return preview(self.practice, self.lane(partner_id), kind)

    def rehearse(self, partner_id: str, kind: Kind, keep: Keep) -> Rehearsal:
        """What would leave of this kind, line by line, and how it differs; see `agent.flows.rehearse`."""
        lane = self.lane(partner_id)
        if kind is Kind.APPOINTMENT_UPDATES:
            return rehearse_updates(self.practice, lane, keep)
        return rehearse(self.practice, lane, kind, keep)

    def tell_updates(self, partner_id: str) -> int:
        """What staff changed, into the outbox; see `agent.flows.tell_updates`."""
        return tell_updates(self.practice, self.lane(partner_id))

    def hand_over(self, partner_id: str) -> bool:
        """The announcement of our next key, into the outbox; see `agent.flows.hand_over`."""
        return hand_over(self.practice, self.lane(partner_id))

    def preview_updates(self, partner_id: str) -> int:
        """How many appointments an update would tell of, without writing anything."""
        return preview_updates(self.practice, self.lane(partner_id))

    def exchange(
        self, partner_id: str, *, deliver_files: bool = True, fetch_files: bool = True
    ) -> ExchangeResult:
        """Deliver and fetch over one connection; see `agent.flows.exchange`."""
        lane, began_at = self.lane(partner_id), self.practice.clock()
        exported_at = self.cycles.known().steps.get((partner_id, Step.EXPORTED))
        result = exchange(self.practice, lane, deliver_files=deliver_files, fetch_files=fetch_files)
        if lane.transport is not None:
            if deliver_files and not result.left and exported_at is not None:
                self.cycles.good(partner_id, Step.DELIVERED, exported_at)
            if fetch_files:
                self.cycles.good(partner_id, Step.FETCHED, began_at)
        return result

    def send_again(self, partner_id: str) -> SentAgain:
        """What was given up waits again; see `agent.flows.give_up`."""
        return send_again(self.practice, self.lane(partner_id))

    def receive(self, partner_id: str) -> Iterator[FileResult]:
        """Work off the inbound folder; see `agent.flows.receive`."""
        return self._swept(self.lane(partner_id))

    def _swept(self, lane: Lane) -> Generator[FileResult, None, None]:
        """Noted after each file too: a flood is worked off for hours."""
        with closing(receive.sweep(self.practice, lane)) as files:
            while True:
                began_at = self.practice.clock()
                result = next(files, None)
                self.cycles.good(lane.partner_id, Step.SWEPT, began_at)
                if result is None:
                    return
                yield result

    def try_file(self, partner_id: str, content: bytes) -> None:
        """What receiving these bytes would do, taken back; see `agent.flows.try_file`."""
        try_file(self.practice, self.lane(partner_id), content)

    def close(self) -> None:
        """Let go of the database, and write down what went well."""
        self.cycles.flush()
        self.connector.dispose()

    def stop_gpg(self) -> None:
        """End the gpg-agent of our home; only while holding the data folder."""
        # Where gpg is missing there is nothing to end, and the reason why work failed must not be hidden.
        with suppress(GpgUnavailableError):
            stop_agent(self.config.settings.gpg_home, self.config.settings.openpgp.gpg_program)
