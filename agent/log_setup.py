"""How the agent's lines look, and where they go: standard error, and of the service a file and the Event Log.

Lines carry ids, counts and reason codes. Nothing that came from a partner and
nothing of a patient is ever logged; libraries that would are kept quiet, and
of an exception that nobody caught only the type is told.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from agent.journal import JournalFormatter, is_journal
from agent.log_file import LogFile
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


class BareFormatter(logging.Formatter):
    """The message alone: where time and level are kept beside it, in the journal and the Event Log."""

    def format(self, record: logging.LogRecord) -> str:
        return _message(record)


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error, from now on."""
    root = logging.getLogger()
    for old in root.handlers:
        if isinstance(old, LogFile):
            old.close()
    root.handlers[:] = [] if sys.stderr is None else [_standard_error(form)]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    threading.excepthook = _thread_died


def log_into_file(file: Path, max_bytes: int, keep: int, form: str) -> None:
    """Beside what `set_up_logging` has set up; of the service alone, because one process may write there."""
    handler = LogFile(file, max_bytes, keep)
    handler.setFormatter(_formatter(form))
    logging.getLogger().addHandler(handler)


def log_into_event_log(name: str) -> None:
    """Warnings and errors; without effect on systems other than Windows."""
    if sys.platform != "win32":
        return
    from agent.adapters.windows_event_log import event_log_handler  # noqa: PLC0415

    handler = event_log_handler(name)
    if handler is None:
        log.warning("the Event Log of Windows cannot be used")
        return
    handler.setLevel(logging.WARNING)
    handler.setFormatter(BareFormatter())
    logging.getLogger().addHandler(handler)


def write_into_file(error: Exception) -> None:
    """Why the service ends, for whoever looks into its file; elsewhere the command line tells it."""
    words = ". ".join(told(error))
    record = log.makeRecord(log.name, logging.CRITICAL, __file__, 0, "%s", (words,), None)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            handler.handle(record)


def _standard_error(form: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    if is_journal(sys.stderr):
        plain = JsonFormatter() if form == "json" else BareFormatter()
        handler.setFormatter(JournalFormatter(plain))
    else:
        handler.setFormatter(_formatter(form))
    return handler


def _formatter(form: str) -> logging.Formatter:
    return JsonFormatter() if form == "json" else HumanFormatter()


def _message(record: logging.LogRecord) -> str:
    kind = record.exc_info[0] if record.exc_info else None
    return f"{record.getMessage()} ({kind.__name__})" if kind else record.getMessage()


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """In the place of a traceback on standard error."""
    log.critical("a thread ended: %s", told(died.exc_value or died.exc_type())[0])
