"""The clock of everything but the tests."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Whole seconds, as every file and table keeps them."""
    return datetime.now(UTC).replace(microsecond=0)
