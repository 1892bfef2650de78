"""Kinds, colours, keys and numbers in words, for the templates; plain functions over plain values."""

from datetime import date, datetime, timedelta

from agent.domain.freshness import Freshness
from agent.domain.heat_map import HeatCell
from agent.domain.refusal_advice import ADVICE, Advice
from agent.domain.sudden_change import IN_WORDS, Change
from agent.language import Language, Sentence, sentence
from exchange_formats.envelope import Kind

STEPS = 10
"""Shades and widths there are in the style sheet for a share; it may not be written into the page itself."""

_KINDS = {
    Kind.AVAILABILITY: sentence("free times"),
    Kind.REFERENCE_DATA: sentence("practitioners, rooms and appointment types"),
    Kind.PATIENTS: sentence("patients who agreed"),
    Kind.BOOKINGS: sentence("bookings"),
    Kind.RECEIPTS: sentence("receipts"),
    Kind.APPOINTMENT_UPDATES: sentence("changes by the practice"),
    Kind.KEY_HANDOVER: sentence("announcement of our next key"),
}
_COLOURS = {
    Freshness.GREEN: sentence("up to date"),
    Freshness.AMBER: sentence("look soon"),
    Freshness.RED: sentence("out of date"),
}
_ICONS = {Freshness.GREEN: "good", Freshness.AMBER: "look", Freshness.RED: "broken"}
_KEYS = {
    "key": sentence("OpenPGP key"),
    "subkey": sentence("part of an OpenPGP key"),
    "pin of": sentence("time set for a partner's key"),
    "handover of": sentence("handover of our key"),
    "licence": sentence("licence"),
    "issuer's key": sentence("key of the licence issuer"),
    "host key": sentence("host key of its server"),
    "revoked host key": sentence("revoked host key of its server"),
    "our SSH key": sentence("our SSH key for its server"),
}
_OWNERS = {"practice": sentence("practice"), "licence": sentence("licence")}


def kind(name: str | None) -> Sentence | str:
    """What a file holds; the word itself for one that is not known here."""
    return _KINDS[Kind(name)] if name in {one.value for one in _KINDS} else (name or "?")


def colour(freshness: Freshness) -> Sentence:
    return _COLOURS[freshness]


def icon(freshness: Freshness) -> str:
    """Each colour has a shape of its own: nobody has to tell red from green."""
    return _ICONS[freshness]


def key(what: str) -> Sentence | str:
    return _KEYS.get(what, what)


def owner(name: str) -> Sentence | str:
    """A partner's id stays as it is."""
    return _OWNERS.get(name, name)


def mark(text: str) -> str:
    """A fingerprint in groups of four, as people compare it."""
    if len(text) != 40 or not text.isalnum():
        return text
    return " ".join(text[at : at + 4] for at in range(0, 40, 4))


def last_day(ends_at: datetime) -> date:
    """On which it still counts: what ends at midnight ended the day before."""
    return (ends_at - timedelta(seconds=1)).date()


def change(one: Change, language: Language) -> Sentence:
    """What would change, with the language's own separators."""
    numbers = {"amount": language.number(one.amount), "base": language.number(one.base)}
    return Sentence(IN_WORDS[one.sign], numbers)


def advice(reason: str) -> Advice | None:
    return ADVICE.get(reason)


def seconds(value: float | None, language: Language) -> str:
    """Short times to the tenth, long ones in their unit."""
    if value is None:
        return "–"
    if value < 60:
        return f"{language.number(round(value, 1))} s"
    return language.duration(timedelta(seconds=value))


def busy_step(cell: HeatCell) -> int:
    """0 to STEPS: how much of the open time is taken."""
    return _share(cell.busy_minutes, cell.open_minutes)


def offered_step(cell: HeatCell) -> int:
    """0 to STEPS: how much of the open time is offered; a little is never nothing."""
    return max(_share(cell.offered_minutes, cell.open_minutes), cell.offered_minutes > 0)


def _share(part: int, whole: int) -> int:
    return min(STEPS, round(STEPS * part / whole)) if whole else 0


def hours(minutes: int, language: Language) -> str:
    """`6.5`: hours to the tenth."""
    return language.number(round(minutes / 60, 1))


def heat_cell(cell: HeatCell, language: Language) -> Sentence:
    """The whole cell for whoever hears it."""
    if not cell.open_minutes:
        return sentence("closed")
    return sentence(
        "open {open} h, busy {busy} h, offered {offered} h",
        open=hours(cell.open_minutes, language),
        busy=hours(cell.busy_minutes, language),
        offered=hours(cell.offered_minutes, language),
    )
