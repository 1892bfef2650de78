"""How the agent's lines look: for people, or one JSON object each for machines.

Lines carry ids, counts and reason codes. Nothing that came from a partner and
nothing of a patient is ever logged; libraries that would are kept quiet, and
of an exception that nobody caught only the type is told.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime

from agent.troubles import told

# paramiko logs server banners and file names, SQLAlchemy statements, APScheduler its job stores.
_TALKATIVE = (
    "paramiko",
    "sqlalchemy",
    "apscheduler",
    "watchdog",
    "gnupg",
    "alembic",
    "asyncio",
    "concurrent",
)

log = logging.getLogger(__name__)


class HumanFormatter(logging.Formatter):
    """Time, level, message; of an exception only its type, because its text and traceback may quote data."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.message = _message(record)
        record.asctime = self.formatTime(record)
        return self.formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One line, one object: `at`, `level`, `logger`, `message`; of an exception only its type."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error, from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else HumanFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    threading.excepthook = _thread_died


def _message(record: logging.LogRecord) -> str:
    kind = record.exc_info[0] if record.exc_info else None
    return f"{record.getMessage()} ({kind.__name__})" if kind else record.getMessage()


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """In the place of a traceback on standard error."""
    log.critical("a thread ended: %s", told(died.exc_value or died.exc_type())[0])
