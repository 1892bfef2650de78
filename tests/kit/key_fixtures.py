"""The key world of `tests.kit.openpgp` as fixtures; keys are made once per session, three months ago."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.kit.openpgp import KeyWorld, key_world

KEY_AGE = timedelta(days=90)


def at_time(moment: datetime) -> tuple[str, str]:
    """The option that makes gpg believe it is another time.

    A time that stands still: on a busy machine the second command would
    otherwise begin before the first one's key was made.
    """
    return "--faked-system-time", moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S!")


@pytest.fixture(scope="session")
def openpgp_world() -> Iterator[KeyWorld]:
    """A practice, two partners and an impostor, with real keys; tests must not change its homes."""
    with key_world(*at_time(datetime.now(UTC) - KEY_AGE)) as world:
        yield world


@pytest.fixture(scope="session")
def dentport_ring(openpgp_world: KeyWorld) -> Path:
    """The key ring file of the first partner."""
    return openpgp_world.key_ring("dentport", openpgp_world.dentport.public_key)
