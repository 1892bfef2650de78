"""A real file that ends every process that opens it: set aside after three, and the next one goes on."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.crash.life import KILLED
from tests.crash.village import Village, open_village
from tests.flows.evidence import quarantine_reasons
from tests.flows.stage import DENTPORT

RECEIVE = ("receive", "--partner", DENTPORT)
PARTLY_FAILED = 3
POISON = "Giftig"
# A gpg like any other, but that what it decrypts may end the process that asked for it.
DEADLY_GPG = """#!/bin/sh
case " $* " in
*" --unwrap "*)
    gpg "$@" > "$0.out"
    code=$?
    grep -q {poison} "$0.out" && deadly=yes
    cat "$0.out"; rm "$0.out"
    if [ "$deadly" ]; then kill -9 $PPID; fi
    exit $code;;
*) exec gpg "$@";;
esac
"""


@pytest.fixture(scope="module")
def village() -> Iterator[Village]:
    """One in which a file with a certain name in it is deadly."""
    with open_village(seed=11) as village:
        program = village.house.folder / "deadly-gpg"
        program.write_text(DEADLY_GPG.format(poison=POISON))
        program.chmod(stat.S_IRWXU)
        _use(village.house.config_path, program)
        village.pushes_only = True
        yield village


def _use(config: Path, program: Path) -> None:
    content = yaml.safe_load(config.read_text())
    content["openpgp"]["gpg_program"] = str(program)
    config.write_text(yaml.safe_dump(content, sort_keys=False))


def test_file_that_ends_every_process_is_set_aside_and_the_next_one_imported(
    village: Village,
) -> None:
    poison = village.stage.booking(village.stage.somebody(family_name=POISON), village.slots.pop())
    village.stage.drop(village.openers[DENTPORT].seal(village.stage.partner().bookings_file([poison])))
    for _ in range(3):
        assert village.cradle.begin(*RECEIVE).wait() == KILLED
    good = village.stage.booking(slot=village.slots.pop())
    village.stage.drop(village.openers[DENTPORT].seal(village.stage.partner().bookings_file([good])))
    assert village.cradle.begin(*RECEIVE).wait() == PARTLY_FAILED
    (reason,) = quarantine_reasons(village.stage, DENTPORT).values()
    assert (reason["reason"], reason["authenticated"]) == ("crash_loop", False)
    (receipt,) = (village.house.data_folder / "outbox" / DENTPORT / "waiting").glob("receipts-*")
    told = village.openers[DENTPORT].open(receipt.read_bytes()).decode()
    assert good.booking_id in told
    assert poison.booking_id not in told
