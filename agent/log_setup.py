"""How the agent's lines look: for people, or one JSON object each for machines.

Lines carry ids, counts and reason codes. Nothing that came from a partner and
nothing of a patient is ever logged; libraries that would are kept quiet.
"""

import json
import logging
import sys
from datetime import UTC, datetime

# paramiko logs server banners and file names, SQLAlchemy statements, APScheduler its job stores.
_TALKATIVE = ("paramiko", "sqlalchemy", "apscheduler", "watchdog", "gnupg", "asyncio")


class JsonFormatter(logging.Formatter):
    """One line, one object: `at`, `level`, `logger`, `message`; tracebacks only by type."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging(level: str, form: str) -> None:
    """Log to standard error, from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter() if form == "json" else logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
