"""Marks lines with their priority where standard error leads into systemd's journal (sd-daemon(3)).

So `journalctl -p err` finds what somebody has to look at. Whether it leads
there is what systemd says of itself (systemd.exec(5), JOURNAL_STREAM): a
variable alone is inherited by programs whose output goes elsewhere.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import TextIO

_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


def is_journal(stream: TextIO | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written into this stream comes into the journal."""
    named = environment.get("JOURNAL_STREAM")
    if stream is None or not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return named == f"{status.st_dev}:{status.st_ino}"


def marked(text: str, level: int) -> str:
    """Each line with its priority: the journal takes a line for an entry."""
    priority = next((number for least, number in _PRIORITIES if level >= least), _DEBUG)
    return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


def for_standard_error(text: str, level: int) -> str:
    """As it is to be printed there: marked if the journal reads it."""
    return marked(text, level) if is_journal(sys.stderr) else text


class JournalFormatter(logging.Formatter):
    """What another formatter makes of it, marked."""

    def __init__(self, plain: logging.Formatter) -> None:
        super().__init__()
        self._plain = plain

    def format(self, record: logging.LogRecord) -> str:
        return marked(self._plain.format(record), record.levelno)
