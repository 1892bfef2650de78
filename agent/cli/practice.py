"""`otv-agent practice`: the practice database, checked, created, or filled with invented people."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from agent import administration, database_administration
from agent.cli.context import DEFAULT_CONFIG, ConfigOption, loaded, reading
from agent.cli.screen import out, progress
from agent.errors import SchemaMismatchError

app = typer.Typer(no_args_is_help=True, help="The practice database.")


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Say exactly what the agent needs and does not find there."""
    with reading(config) as agent:
        problems = administration.practice_problems(agent)
    for problem in problems:
        out.print(f"- {problem}")
    if problems:
        raise SchemaMismatchError(f"the practice database lacks {len(problems)} thing(s)")
    out.print("the practice database has everything that the agent needs")


@app.command("create-tables")
def create_tables(
    config: ConfigOption = DEFAULT_CONFIG,
    reference_practice: Annotated[
        bool, typer.Option("--reference-practice", help="Also the reference practice database itself.")
    ] = False,
) -> None:
    """Make the agent's own tables; needs a login that owns the database."""
    with reading(config) as agent:
        database_administration.create_tables(agent, reference_practice=reference_practice)
    out.print("the tables are there")


@app.command()
def migrate(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
) -> None:
    """Bring the agent's own tables to this program's version; needs a login that owns them."""
    with reading(config) as agent:
        steps = database_administration.migration_steps(agent)
    if not steps:
        out.print("the agent's tables have the version of this program: nothing to do")
        return
    out.print(f"the agent's tables go from version {steps[0].version - 1} to version {steps[-1].version}:")
    for step in steps:
        out.print(f"  {step.version}  {step.what}")
    if dry_run:
        out.print("nothing has been changed")
        return
    database_administration.migrate_tables(loaded(config))
    out.print("done; where rights are granted, run what `otv-agent practice grants` prints")


@app.command()
def grants(
    role: Annotated[str, typer.Argument(help="The database role of the agent.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the GRANT statements of the least-privilege role for PostgreSQL."""
    for statement in database_administration.grant_statements(loaded(config), role):
        out.print(f"{statement};")


@app.command()
def generate(
    config: ConfigOption = DEFAULT_CONFIG,
    patients: Annotated[int, typer.Option(help="How many patients.")] = 3000,
    columns: Annotated[int, typer.Option(help="How many columns in the appointment book.")] = 6,
    seed: Annotated[int, typer.Option(help="The same seed makes the same practice.")] = 1,
) -> None:
    """Fill an empty database with a believable practice of invented people, to try everything out."""
    first_day = datetime.now(UTC).date()
    with reading(config) as agent, progress("patients") as advance:
        generated = database_administration.generate(agent, first_day, patients, columns, seed, advance)
    out.print(", ".join(f"{count:,} {table}" for table, count in generated.counts.items()))
