"""`otv-agent partner test`: the whole way to one partner, tried step by step."""

from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption, LanguageOption, built, language, loaded
from agent.cli.screen import out
from agent.language import sentence
from agent.partner_check import check_partner, with_partner_enabled
from agent.tried_steps import Step


def try_partner(
    partner: Annotated[str, typer.Argument(help="The partner's id; it need not be enabled yet.")],
    config: ConfigOption = DEFAULT_CONFIG,
    lang: LanguageOption = None,
) -> None:
    """Try server, folders, keys and licence one by one; no message leaves, nothing is fetched.

    Ends with the exit code of the first step that failed.
    """
    speaker = language(lang)

    def tell(step: Step) -> None:
        after = f" ({speaker.number(round(step.seconds, 2))} s)"
        what = speaker.say(step.what)
        if step.error is None:
            found = f": {speaker.say(step.found)}" if step.found else ""
            out.print(f"{speaker.gettext('fine'):<8}{what}{found}{after}")
            return
        out.print(f"{speaker.gettext('FAILED'):<8}{what}: {step.error}{after}")
        if step.todo is not None:
            out.print(f"{'':<8}{speaker.say(step.todo)}")

    settings = loaded(config)
    if not settings.partner(partner).settings.enabled:
        out.print(
            speaker.say(sentence("{partner} is not enabled: nothing is exchanged yet.", partner=partner))
        )
    with built(with_partner_enabled(settings, partner)) as agent:
        error = check_partner(agent, partner, tell)
    if error is not None:
        raise typer.Exit(error.exit_code)
    out.print(speaker.say(sentence("{partner}: everything works", partner=partner)))
