"""`otv-agent licence`: what the practice is allowed, and until when."""

from pathlib import Path
from typing import Annotated

import typer

from agent import administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded, reading
from agent.cli.screen import out
from agent.domain.licence import Licence

app = typer.Typer(no_args_is_help=True, help="The licence: without it nothing leaves or is imported.")


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The installed licence; fails with the reason if it is not valid today."""
    with reading(config) as agent:
        _show(agent.licence.licence())
        agent.licence.require()


@app.command()
def install(
    file: Annotated[Path, typer.Argument(help="The licence file as it was sent.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Verify a licence and put it in place; a running service takes it up by itself."""
    _show(administration.put_licence(loaded(config), file))


def _show(licence: Licence) -> None:
    out.print(f"licence   {licence.licence_id}")
    out.print(f"practice  {licence.practice_id}")
    out.print(f"partners  {', '.join(sorted(licence.partner_ids))}")
    out.print(f"valid     {licence.valid_from} to {licence.expires_on}")
