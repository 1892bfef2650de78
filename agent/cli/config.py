"""`otv-agent config`: write a sample, find every mistake, show what is in force, help an editor."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.context import DEFAULT_CONFIG, ConfigOption
from agent.cli.screen import out
from agent.config import load_config
from agent.config.effective import effective_agent, effective_partner
from agent.config.json_schema import AGENT_SCHEMA, PARTNER_SCHEMA, SCHEMAS, schema_line, schema_text
from agent.config.places import missing_places
from agent.config.sample import sample_yaml
from agent.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="The YAML files: sample, check, what is in force, schema.")

PartnerFlag = Annotated[bool, typer.Option("--partner", help="A partner's file instead of agent.yaml.")]


@app.command()
def generate(
    partner: PartnerFlag = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; without it the sample is printed.")
    ] = None,
) -> None:
    """Print a sample with every setting, its meaning and its default.

    With --output the schema is put beside it, so that an editor completes and checks what is written.
    """
    name = PARTNER_SCHEMA if partner else AGENT_SCHEMA
    text = schema_line(name) + sample_yaml(SCHEMAS[name])
    if output is None:
        print(text, end="")  # noqa: T201 - a file, not a message
        return
    _write_new(output, text)
    # The schema follows the program's version and nobody edits it.
    (output.parent / name).write_text(schema_text(name), encoding="utf-8", newline="\n")
    out.print(f"{output} is written: fill it in, then run `otv-agent config check`")


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Find every mistake of every file, and name what they name and is not there (no mistake elsewhere)."""
    found = load_config(config)
    out.print(f"fine    {found.path}")
    for partner_id, partner in sorted(found.partners.items()):
        off = "" if partner.settings.enabled else " (not enabled)"
        out.print(f"fine    {found.path.parent / 'partners' / f'{partner_id}.yaml'}{off}")
    for missing in missing_places(found):
        out.print(f"missing {missing}")


@app.command()
def show(
    config: ConfigOption = DEFAULT_CONFIG,
    partner: Annotated[
        str | None, typer.Option("--partner", "-p", help="This partner's file, with what follows filled in.")
    ] = None,
) -> None:
    """Print every setting with its value in force; of secrets only where they are kept."""
    found = load_config(config)
    text = effective_agent(found) if partner is None else effective_partner(found.partner(partner))
    print(text, end="")  # noqa: T201 - a file, not a message


@app.command()
def schema(partner: PartnerFlag = False) -> None:
    """Print the JSON Schema of agent.yaml, for editors."""
    print(schema_text(PARTNER_SCHEMA if partner else AGENT_SCHEMA), end="")  # noqa: T201 - a file, not a message


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already and was left as it is") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
