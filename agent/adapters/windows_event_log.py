"""Windows' Event Log: the agent's name in it, and warnings and errors as entries of the Application log.

The name is registered once, by an administrator who installs the service; the
service's own account may not, and its entries are written all the same.
"""

import logging
import sys
from logging.handlers import NTEventLogHandler

if sys.platform != "win32":
    raise ImportError("only Windows has an Event Log")

import pywintypes
import win32evtlogutil

from agent.errors import ServiceManagerError


class EventLogHandler(NTEventLogHandler):
    """Entries of a registered name. No error leaves it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """In the place of a traceback: a full or cleared log must not end the work."""


def event_log_handler(name: str) -> logging.Handler | None:
    """None where the Event Log cannot be used."""
    try:
        return EventLogHandler(name)
    except pywintypes.error:
        return None


def register(name: str) -> None:
    """Let the Event Viewer show entries under this name. Raises ServiceManagerError."""
    try:
        win32evtlogutil.AddSourceToRegistry(name)
    except pywintypes.error as error:
        raise ServiceManagerError(
            f"{name} cannot be registered in the Event Log: {error.strerror}"
        ) from error


def unregister(name: str) -> None:
    """Forget the name; entries that were written stay. Raises ServiceManagerError."""
    try:
        win32evtlogutil.RemoveSourceFromRegistry(name)
    except pywintypes.error as error:
        raise ServiceManagerError(f"{name} stays registered in the Event Log: {error.strerror}") from error
