"""PostgreSQL killed in the middle of imports, gone for a while, started again: the service outlasts it."""

from pathlib import Path

from sqlalchemy import func, select, text

from agent.adapters import tables
from tests.crash.kills import Kills
from tests.crash.outage import DatabaseServer
from tests.crash.village import Village, open_village
from tests.flows.stage import DENTPORT
from tests.kit.databases import PostgresqlServer
from tests.kit.service import wait_until

BOOKINGS = 3
HEALED_WITHIN_SECONDS = 120.0
"""Promise P9."""


def imported(village: Village) -> int:
    with village.house.connector.reading() as connection:
        return connection.scalar(select(func.count()).select_from(tables.booking)) or 0


def test_database_killed_in_the_middle_of_imports_and_gone_for_a_while_blames_no_file_and_loses_none(
    postgresql_server: PostgresqlServer,
) -> None:
    url = postgresql_server.url(postgresql_server.create_database()).replace(":@", "@")
    with open_village(seed=5, database_url=url) as village:
        with village.house.connector.reading() as connection:
            server = DatabaseServer(Path(str(connection.scalar(text("SHOW data_directory")))))
        village.pushes_only = True
        for _ in range(BOOKINGS):
            village.book(DENTPORT)
        life = village.cradle.begin("run")
        wait_until(lambda: imported(village) > 0)
        server.kill()
        try:
            village.book(DENTPORT)
            wait_until(lambda: "receiving: " in village.cradle.log.read_text())
        finally:
            server.start()
        wait_until(lambda: imported(village) == BOOKINGS + 1, patience_seconds=HEALED_WITHIN_SECONDS)
        assert life.stop() == 0
        Kills(village).settle()
