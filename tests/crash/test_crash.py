"""A fast share of the crash proof; `make crash N=1000` is the long one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from agent.adapters import tables
from tests.crash.kills import Kills
from tests.crash.places import Places, both_sides
from tests.crash.reckoning import Reckoning
from tests.crash.village import FAMILY_NAME, Village
from tests.flows.stage import DENTPORT

RECEIVE = ("receive", "--partner", DENTPORT)


def test_every_effect_of_a_whole_cycle_passes_a_failpoint(village: Village) -> None:
    effects = Places(village).recorded()
    kinds = {name.split(":")[0] for name in effects}
    assert {"commit", "os.replace", "os.fsync", "start gpg", "end gpg", "connect", "sftp write"} <= kinds


def test_process_killed_around_an_import_loses_and_doubles_nothing(village: Village) -> None:
    places = Places(village, RECEIVE)
    effects = places.recorded()
    inner = both_sides(effects, only="sweep > receive > answer")
    commit = both_sides(effects, only="commit: _swept > sweep > receive > write")
    named = [*both_sides(effects, only="_put_receipt > publish > store > move_durably > move")]
    filed = [*both_sides(effects, only="sweep > receive > archive > move_durably > move")]
    assert [len(points) for points in (commit, named, filed)] == [2, 2, 2]
    places.visit([*village.moods.sample(inner, 2), *commit, *named, filed[1]])
    assert village.figures["places not reached"] == 0


def test_process_killed_at_random_moments_loses_and_doubles_nothing(village: Village) -> None:
    before = village.figures["kills"]
    assert Kills(village).run(before + 2)["kills"] == before + 2


# --- the reckoning itself ------------------------------------------------------------------------


@contextmanager
def archived_file_lost(village: Village) -> Iterator[None]:
    file = next((village.house.data_folder / "inbound" / DENTPORT / "archive").iterdir())
    away = file.rename(village.house.folder / "away")
    yield
    away.rename(file)


@contextmanager
def patient_doubled(village: Village) -> Iterator[None]:
    patient, connector = tables.patient, village.house.connector
    with connector.writing() as connection:
        one = (
            connection.execute(select(patient).where(patient.c.family_name == FAMILY_NAME)).mappings().first()
        )
        assert one is not None
        doubled = {name: value for name, value in one.items() if name != "patient_id"}
        (key,) = connection.execute(insert(patient).values(doubled)).inserted_primary_key or (0,)
    yield
    with connector.writing() as connection:
        connection.execute(delete(patient).where(patient.c.patient_id == key))


@contextmanager
def receipt_line_lost(village: Village) -> Iterator[None]:
    line, connector = tables.receipt_line, village.house.connector
    with connector.writing() as connection:
        one = connection.execute(select(line).where(line.c.position == 0)).mappings().first()
        assert one is not None
        this = (line.c.message_id == one["message_id"], line.c.position == 0)
        connection.execute(delete(line).where(*this))
    yield
    with connector.writing() as connection:
        connection.execute(insert(line).values(dict(one)))


@contextmanager
def export_changed_after_it_was_recorded(village: Village) -> Iterator[None]:
    sent = village.house.data_folder / "outbox" / DENTPORT / "sent"
    file = next(sent.glob("availability-*"))
    other = file.with_name(file.name.replace("availability", "reference_data"))
    other.write_bytes(b"never recorded")
    yield
    other.unlink()


@contextmanager
def stranger_in_the_inbound_folder(village: Village) -> Iterator[None]:
    stranger: Path = village.house.data_folder / "inbound" / DENTPORT / "archive" / "stranger.pgp"
    stranger.write_bytes(b"nobody sent this")
    yield
    stranger.unlink()


FAULTS = [
    (archived_file_lost, "told and not filed"),
    (archived_file_lost, "have disappeared"),
    (patient_doubled, "patients"),
    (receipt_line_lost, "without its first line"),
    (export_changed_after_it_was_recorded, "without its record"),
    (stranger_in_the_inbound_folder, "nobody sent"),
]


@pytest.mark.parametrize(("damage", "fault"), FAULTS)
def test_reckoning_finds_what_a_crash_could_have_broken(
    village: Village, damage: Callable[[Village], AbstractContextManager[None]], fault: str
) -> None:
    with damage(village):
        assert any(fault in found for found in Reckoning(village).at_rest())
    assert Reckoning(village).at_rest() == []
