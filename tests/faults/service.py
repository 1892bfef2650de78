"""A house of its own on one kind of database, its service at work, and the clock that it believes."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

from agent.adapters.practice_schema import grants
from agent.app import build
from agent.config import load_config
from tests.faults.database import AGENT_ROLE
from tests.faults.target import Target, linked_programs, openpgp_of
from tests.flows.stage import Stage
from tests.kit.databases import PostgresqlServer
from tests.kit.house import House, default_plan, open_house
from tests.kit.openpgp import short_folder
from tests.kit.postgresql import server_in
from tests.kit.service import Service

WRITTEN_WHOLE = ".offset"


@dataclass(frozen=True, slots=True)
class Clock:
    """What the service believes the time to be."""

    file: Path

    def set(self, seconds: float) -> None:
        new = self.file.with_suffix(WRITTEN_WHOLE)
        new.write_text(str(seconds))
        new.replace(self.file)


@dataclass(frozen=True, slots=True)
class Running:
    """A service that works, the house it works for, and what a partner can do there."""

    stage: Stage
    service: Service
    target: Target
    clock: Clock


@contextmanager
def running(kind: str) -> Iterator[Running]:
    """With the settings that a practice has; only the gpg programs can be taken away."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        url = _own_database(stack, folder) if kind == "postgresql" else None
        plan = default_plan(patients=60, columns=4, days=10, appointments_per_column_and_day=2)
        inbound = {"settle_seconds": 2}
        house = stack.enter_context(open_house(folder, plan, url, inbound=inbound))
        programs = linked_programs(folder / "programs")
        _settle(house, programs, kind)
        clock = Clock(folder / "clock")
        clock.set(0)
        agent = build(load_config(house.config_path))
        stack.callback(agent.close)
        command = [sys.executable, "-m", "tests.faults.clocked", str(clock.file)]
        service = stack.enter_context(Service(house.config_path, command))
        yield Running(Stage(house, agent), service, Target(house, service.process_id, programs), clock)


def _own_database(stack: ExitStack, folder: Path) -> str:
    embedded = server_in(folder / "pg")
    stack.callback(embedded.cleanup)
    server = PostgresqlServer(embedded.get_uri())
    return server.url(server.create_database()).replace(":@", "@")


def _settle(house: House, programs: Path, kind: str) -> None:
    content = yaml.safe_load(house.config_path.read_text())
    content["openpgp"] |= openpgp_of(programs)
    if kind == "postgresql":
        url = content["database"]["url"]
        content["database"]["url"] = url.replace("//postgres@", f"//{AGENT_ROLE}@")
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in (f"CREATE ROLE {AGENT_ROLE} LOGIN", *grants(AGENT_ROLE)):
                connection.execute(statement.encode())
    house.config_path.write_text(yaml.safe_dump(content, sort_keys=False))
