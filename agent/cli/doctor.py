"""`otv-agent doctor`: is all in order, and what is the one thing to do where it is not."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, require_file
from agent.cli.screen import out
from agent.doctor import Finding, State, examine
from agent.errors import PartlyFailedError
from agent.language import Language, LanguageCode, Sentence, preferred_language, sentence

WORDS = {
    State.FINE: sentence("fine"),
    State.WARNING: sentence("warning"),
    State.FAILED: sentence("FAILED"),
}
COLOURS = {State.FINE: "green", State.WARNING: "yellow", State.FAILED: "bold red"}


def doctor(
    config: ConfigOption = DEFAULT_CONFIG,
    connect: Annotated[bool, typer.Option(help="Also ask the partners' servers and the time server.")] = True,
    lang: Annotated[
        LanguageCode | None, typer.Option(help="Language; without it that of the account.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines, with ids that stay.")] = False,
    service_account: Annotated[
        str | None,
        typer.Option(help="Judge for this account; without it for the owner of the data folder."),
    ] = None,
) -> None:
    """Look at everything the agent needs, as the service's account, and say what to do. Changes nothing."""
    language = Language(lang or preferred_language())
    found = []
    for finding in examine(require_file(config), connect=connect, service_account=service_account):
        found.append(finding)
        if not as_json:
            _show(finding, language)
    if as_json:
        print(_json(found, language))  # noqa: T201 - for machines: nothing is folded or coloured
    else:
        out.print(language.say(_summary(found)))
    code = exit_code(found)
    if code:
        raise typer.Exit(code)


def exit_code(found: Sequence[Finding]) -> int:
    """0 if nothing failed, else the failures' own code, or 3 where they have different ones."""
    codes = {finding.exit_code for finding in found if finding.state is State.FAILED}
    return codes.pop() if len(codes) == 1 else PartlyFailedError.exit_code if codes else 0


def _show(finding: Finding, language: Language) -> None:
    width = max(len(language.say(word)) for word in WORDS.values())
    out.print(f"{language.say(WORDS[finding.state]):<{width}}  ", style=COLOURS[finding.state], end="")
    owner = f"{finding.partner_id}: " if finding.partner_id else ""
    out.print(f"{finding.check:<19}  {owner}{language.say(finding.said)}")
    if finding.remedy is not None:
        out.print(f"{'':<{width}}  {'':<19}  {language.say(finding.remedy)}")


def _summary(found: Sequence[Finding]) -> Sentence:
    count = {state: sum(finding.state is state for finding in found) for state in State}
    if not count[State.WARNING] and not count[State.FAILED]:
        return sentence("All is in order.")
    return sentence(
        "Looked at: {all}; failed: {failed}; warnings: {warnings}",
        all=len(found),
        failed=count[State.FAILED],
        warnings=count[State.WARNING],
    )


def _json(found: Sequence[Finding], language: Language) -> str:
    findings = [
        {
            "check": finding.check,
            "partner": finding.partner_id,
            "state": finding.state,
            "said": language.say(finding.said),
            "remedy": None if finding.remedy is None else language.say(finding.remedy),
            "exit_code": finding.exit_code,
        }
        for finding in found
    ]
    return json.dumps({"exit_code": exit_code(found), "findings": findings}, indent=2, ensure_ascii=False)
