"""Rule R20: what only the staff may read has no way into a document for a partner."""

import json
from pathlib import Path

AGENT, FORMATS = Path("agent"), Path("exchange_formats")

# Who defines, writes, reads, purges and shows the notes. No story that exports, delivers or answers is
# among them.
KNOWS_NOTES = {
    "agent/adapters/appointment_book.py",
    "agent/adapters/migrations/versions/version_1.py",
    "agent/adapters/retention_ledger.py",
    "agent/adapters/staff_notes.py",
    "agent/adapters/tables.py",
    "agent/board_book.py",
    "agent/reception.py",
    "agent/status.py",
}


def test_notes_are_known_only_to_who_writes_them_and_who_shows_them() -> None:
    mentioning = {path.as_posix() for path in AGENT.rglob("*.py") if "staff_note" in path.read_text("utf-8")}
    # The audit entry of a booking counts its notes, which says nothing to anybody but the practice.
    assert mentioning - {"agent/flows/book.py"} == KNOWS_NOTES


def test_no_format_has_a_field_for_a_note() -> None:
    schemas = sorted((FORMATS / "schemas").glob("*.json"))
    assert schemas
    for path in schemas:
        assert [name for name in property_names(json.loads(path.read_text())) if "note" in name] == []
        assert "duplicate" not in path.read_text().lower()


def property_names(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in property_names(part)]
    if not isinstance(schema, dict):
        return []
    own = schema.get("properties", {})
    return [*(own if isinstance(own, dict) else ()), *property_names(list(schema.values()))]
