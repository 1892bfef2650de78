"""A trouble is told once at its start and once at its end; a defect by its type and place alone."""

import logging
import re
from threading import Thread

import pytest

from agent.domain.names import normalised_name
from agent.errors import DatabaseUnavailableError, TransferError
from agent.troubles import Troubles, told

PLACE = "exchange dentport"
DOWN = TransferError("sftp.example:22: cannot connect: Connection refused")


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_trouble_met_again_and_again_is_told_once_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    for _ in range(3):
        troubles.met(PLACE, DOWN)
    assert lines(caplog) == [f"ERROR {PLACE}: {DOWN}. {DOWN.remedy}"]
    assert troubles.current() == {PLACE: (str(DOWN), DOWN.remedy)}


def test_trouble_that_is_over_is_told_once_and_may_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    troubles.over(PLACE)
    troubles.met(PLACE, DOWN)
    troubles.over(PLACE)
    troubles.over(PLACE)
    troubles.met(PLACE, DOWN)
    begun = f"ERROR {PLACE}: {DOWN}. {DOWN.remedy}"
    assert lines(caplog) == [begun, f"INFO {PLACE}: works again", begun]


def test_trouble_that_turns_into_another_is_told_as_that(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    troubles.met(PLACE, DOWN)
    troubles.met(PLACE, DatabaseUnavailableError("postgresql localhost/practice: no connection"))
    troubles.over(PLACE)
    assert [line.split(":")[0] for line in lines(caplog)] == [f"ERROR {PLACE}"] * 2 + [f"INFO {PLACE}"]


def test_troubles_of_two_places_are_told_for_each(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    troubles.met(PLACE, DOWN)
    troubles.met("exchange zahnzeit", DOWN)
    troubles.over(PLACE)
    assert len(lines(caplog)) == 3
    assert troubles.current() == {"exchange zahnzeit": (str(DOWN), DOWN.remedy)}


def test_trouble_met_by_many_threads_at_once_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    threads = [Thread(target=troubles.met, args=(PLACE, DOWN)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(caplog)) == 1


def test_defect_is_told_by_type_and_line_of_our_code_and_never_by_its_text() -> None:
    with pytest.raises((AttributeError, TypeError)) as caught:
        normalised_name("Erika", ("Mustermann",))
    sentence, remedy = told(caught.value)
    assert re.fullmatch(r"a defect, (Attribute|Type)Error at agent/domain/names.py:\d+", sentence)
    assert "report" in remedy
    assert told(ValueError("Erika Mustermann")) == ("a defect, ValueError", remedy)
