"""`otv-agent match`: explains on site which record a booking would be matched to, and why.

It shows record numbers and reasons, never what a record holds. Asked without
a name it asks for one, so that none stays in the shell's history.
"""

from datetime import date, datetime
from typing import Annotated

import typer

from agent import reception
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, PartnerOption, chosen, reading
from agent.cli.screen import out
from agent.domain.match_explanation import MatchExplanation
from agent.domain.matching import Match
from agent.domain.names import readings
from agent.domain.practice import ContactPoint
from agent.errors import UsageError

BIRTH_DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y")

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME] BIRTH_DATE", help='"Given Family" or "Family, Given", and 1980-01-31.'),
]


def match(
    words: Words = None,
    config: ConfigOption = DEFAULT_CONFIG,
    given: Annotated[str | None, typer.Option(help="The given names, instead of NAME.")] = None,
    family: Annotated[str | None, typer.Option(help="The family name, instead of NAME.")] = None,
    phone: Annotated[list[str] | None, typer.Option(help="A telephone number; may be repeated.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="An e-mail address; may be repeated.")] = None,
    partner: PartnerOption = None,
) -> None:
    """Explain which records a booking by this person would be matched to, and why; nothing is changed."""
    names, born = _asked_for(words or [], given, family)
    contacts = [ContactPoint("phone", "home", number) for number in phone or []]
    contacts += [ContactPoint("email", "home", address) for address in email or []]
    with reading(config) as agent:
        explanations = reception.explain_matches(agent, names, born, contacts, chosen(agent, partner))
    # A text that can be read in several ways is read in those that find something.
    for explanation in [one for one in explanations if one.records] or explanations[:1]:
        _show(explanation, ambiguous=len(explanations) > 1)


def _asked_for(words: list[str], given: str | None, family: str | None) -> tuple[list[tuple[str, str]], date]:
    """The names, in each way they can be read, and the birth date; asked for where they are missing."""
    if not words and not (given or family):
        given, family = typer.prompt("given names"), typer.prompt("family name")
    born = _birth_date(words[-1] if words else typer.prompt("birth date"))
    name = " ".join(words[:-1])
    if given and family and not name:
        return [(given, family)], born
    if given or family:
        raise UsageError("give both --given and --family, and then no other name")
    names = list(readings(name))
    if not names:
        raise UsageError('give a given name and a family name, in front of the birth date: "Given Family"')
    return names, born


def _birth_date(text: str) -> date:
    for written in BIRTH_DATE_FORMATS:
        try:
            return datetime.strptime(text.strip(), written).date()  # noqa: DTZ007 a date has no zone
        except ValueError:
            continue
    raise UsageError("the last word has to be the birth date, like 1980-01-31 or 31.01.1980")


def _show(explanation: MatchExplanation, *, ambiguous: bool) -> None:
    person = explanation.person
    if ambiguous and explanation.records:
        out.print(
            f"read as {_words(person.given_name)} of given names "
            f"and {_words(person.family_name)} of family name:"
        )
    for record in explanation.records:
        denied = [f"objected to {partner_id}, so never found for it" for partner_id in record.denied_to]
        out.print(f"record {record.patient_id}: {'; '.join((*record.remarks, *denied))}")
    if not explanation.records:
        out.print("no record with this birth date, or without one, has these names or similar ones")
    for partner_id, found in explanation.matches.items():
        out.print(f"{partner_id}: {_verdict(found)}")


def _verdict(found: Match) -> str:
    if found.patient_id is not None:
        return f"would go to record {found.patient_id}"
    verdict = "would make a new record"
    if not found.possible_duplicates:
        return verdict
    duplicates = (f"{one.patient_id} ({one.kind.replace('_', ' ')})" for one in found.possible_duplicates)
    return f"{verdict}; possible duplicate: {', '.join(duplicates)}"


def _words(name: str) -> str:
    count = len(name.split())
    return f"{count} word" + ("s" if count > 1 else "")
