"""The licence's content and its days (rule R1)."""

import json
from datetime import date

import pytest

from agent.domain.licence import Licence, LicenceContentError, decode_licence, licence_problem

CONTENT = {
    "format": "otv-licence",
    "version": 1,
    "licence_id": "2026-0815",
    "practice_id": "praxis-am-markt",
    "partner_ids": ["dentista", "zahnplan"],
    "valid_from": "2026-01-01",
    "expires_on": "2026-12-31",
}
LICENCE = Licence(
    licence_id="2026-0815",
    practice_id="praxis-am-markt",
    partner_ids=frozenset({"dentista", "zahnplan"}),
    valid_from=date(2026, 1, 1),
    expires_on=date(2026, 12, 31),
)


def encoded(**changes: object) -> bytes:
    return json.dumps(CONTENT | changes).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in CONTENT.items() if name != field}).encode()


def test_decode_licence_complete_document_gives_the_licence() -> None:
    assert decode_licence(encoded()) == LICENCE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not UTF-8 JSON"),
        (b"\xff{}", "not UTF-8 JSON"),
        (b"[" * 60_000, "not UTF-8 JSON"),
        (encoded() + b"{}", "not UTF-8 JSON"),
        (encoded().replace(b'"version": 1', b'"version": 1, "version": 1'), "every field named once"),
        (b" " * (64 * 1024) + encoded(), "longer than 65536 bytes"),
        (b"[]", "no JSON object"),
        (encoded(format="otv"), "not allowed: format"),
        (encoded(version=2), "not allowed: version"),
        (encoded(version=True), "not allowed: version"),
        (encoded(practice_id="Praxis am Markt\n"), "not allowed: practice_id"),
        (encoded(partner_ids=[]), "not allowed: partner_ids"),
        (encoded(partner_ids="dentista"), "not allowed: partner_ids"),
        (encoded(partner_ids=["../dentista"]), "not allowed: partner_ids"),
        (encoded(partner_ids=["dentista", "dentista"]), "names a partner twice"),
        (encoded(valid_from="2027-01-01"), "ends before it begins"),
        (encoded(expires_on="2026-02-30"), "not allowed: expires_on"),
        (encoded(expires_on="2026-12-31T23:00:00Z"), "not allowed: expires_on"),
        (encoded(expires_on=1798675200), "not allowed: expires_on"),
        (encoded(expires_on=None), "not allowed: expires_on"),
        (encoded(unlimited=True), "a field that no licence has"),
        *[(without(field), f"missing or not allowed: {field}") for field in CONTENT],
    ],
)
def test_decode_licence_malformed_content_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(LicenceContentError, match=reason):
        decode_licence(content)


def test_decode_licence_unknown_field_is_never_quoted() -> None:
    with pytest.raises(LicenceContentError) as refused:
        decode_licence(encoded(**{"Erika Mustermann": "x", "licence_id": "Erika Mustermann"}))
    assert "Erika" not in str(refused.value)


@pytest.mark.parametrize(
    ("practice_id", "partner_id", "today", "problem"),
    [
        ("praxis-am-markt", None, date(2026, 1, 1), None),
        ("praxis-am-markt", "dentista", date(2026, 6, 1), None),
        ("praxis-am-markt", "zahnplan", date(2026, 12, 31), None),
        ("praxis-am-markt", None, date(2027, 1, 1), "the licence expired after 2026-12-31"),
        ("praxis-am-markt", "dentista", date(2025, 12, 31), "the licence is not valid before 2026-01-01"),
        ("praxis-am-markt", "other", date(2026, 6, 1), "the licence does not name the partner other"),
        ("praxis-am-markt", "Dentista", date(2026, 6, 1), "the licence does not name the partner Dentista"),
        (
            "praxis-am-berg",
            "dentista",
            date(2026, 6, 1),
            "the licence is for practice praxis-am-markt, this one is praxis-am-berg",
        ),
    ],
)
def test_licence_problem_each_situation_gets_its_sentence(
    practice_id: str, partner_id: str | None, today: date, problem: str | None
) -> None:
    assert licence_problem(LICENCE, practice_id, partner_id, today) == problem
