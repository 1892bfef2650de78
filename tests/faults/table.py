"""Which fault meets a service on which database, and for how many seconds it lasts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults import database, machine
from tests.faults.service import Running
from tests.faults.target import Fault

Meeting = Callable[[Running], AbstractContextManager[object]]
ANOTHER_PROGRAM = "#!/bin/sh\nexit 0\n"
SHORT, LONG = 10.0, 45.0
"""Seconds; the long ones outlast the 30 that gpg is given."""
HOUR, YEAR = 3600.0, 365 * 86_400.0


def _struck(fault: Fault) -> Meeting:
    return lambda run: fault(run.target)


def clock(*seconds: float) -> Meeting:
    """The clock is wrong by so much, and right again at the end."""

    @contextmanager
    def fault(run: Running) -> Iterator[None]:
        for wrong in seconds:
            run.clock.set(wrong)
        yield
        run.clock.set(0)

    return fault


EVERYWHERE: dict[str, tuple[Meeting, float]] = {
    "database away": (_struck(database.away), SHORT),
}
SQLITE: dict[str, tuple[Meeting, float]] = EVERYWHERE | {
    "database file is none": (_struck(database.another_file), SHORT),
    "database locked": (_struck(database.sqlite_locked), SHORT),
    "disk full for the database": (_struck(machine.no_file_grows_beyond(8 * 1024)), SHORT),
    "no more handles": (_struck(machine.no_more_handles), SHORT),
    "gpg gone": (_struck(machine.program("gpg", None)), SHORT),
    "gpg is another program": (_struck(machine.program("gpg", ANOTHER_PROGRAM)), SHORT),
    "gpg hangs": (_struck(machine.program("gpg", machine.HANGS)), LONG),
    "gpgv gone": (_struck(machine.program("gpgv", None)), SHORT),
    "gpgv is another program": (_struck(machine.program("gpgv", ANOTHER_PROGRAM)), SHORT),
    "gpg-agent killed": (_struck(machine.agent_killed), SHORT),
    "gpg-agent frozen": (_struck(machine.agent_frozen), LONG),
    "secret keys away": (_struck(machine.secret_keys_away), SHORT),
    "drafts cannot be written": (_struck(machine.drafts_are_a_file), SHORT),
    "outbox and inbound folder removed": (_struck(machine.spool_removed), SHORT),
}
POSTGRESQL: dict[str, tuple[Meeting, float]] = EVERYWHERE | {
    "database frozen": (_struck(database.frozen), SHORT),
    "database closed to everybody": (_struck(database.closed), SHORT),
    "role locked out": (_struck(database.locked_out), SHORT),
    "role without connections": (_struck(database.no_connections), SHORT),
    "audit log locked": (_struck(database.table_locked), SHORT),
    "disk full": (_struck(machine.no_file_grows_beyond(0)), SHORT),
    "disk full in the middle of a file": (_struck(machine.no_file_grows_beyond(500)), SHORT),
}
CLOCK: dict[str, tuple[Meeting, float]] = {
    "clock ahead by an hour": (clock(HOUR), LONG),
    "clock ahead by a year": (clock(YEAR), LONG),
    "clock back by an hour": (clock(-HOUR), LONG),
    "clock ahead by a year, then back by one": (clock(YEAR, -YEAR), LONG),
}
HOUSES: list[tuple[str, dict[str, tuple[Meeting, float]]]] = [
    ("sqlite", dict(list(SQLITE.items())[::2])),
    ("sqlite", dict(list(SQLITE.items())[1::2])),
    ("postgresql", POSTGRESQL),
    ("sqlite", CLOCK),
]
"""Each house meets its faults one after the other, in one and the same service."""
