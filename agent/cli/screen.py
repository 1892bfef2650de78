"""Where commands print: results on standard output, troubles and progress on standard error.

Texts are printed as they are: a path may hold what Rich would take for markup.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from agent.errors import UsageError

# Into a pipe or a file a table is never cut to the 80 columns of a terminal that is not there.
PIPE_COLUMNS = 200

out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
_pipe = Console(highlight=False, markup=False, width=PIPE_COLUMNS)


def table(*columns: str, title: str | None = None) -> Table:
    """An empty table; what does not fit a line goes on in the next one and is never shortened."""
    return Table(
        *(Column(header=name, overflow="fold") for name in columns),
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def show(filled: Table) -> None:
    """Print a table."""
    if out.is_terminal:
        out.print(filled, soft_wrap=False)
    else:
        _pipe.print(filled)


def require_yes(question: str) -> None:
    """Raises UsageError unless somebody says yes; nobody at the terminal is a no."""
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise UsageError("not confirmed, so nothing was changed; without a terminal use --yes")


class Advance(Protocol):
    """Told how much is done; of how much, where that is known."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


@contextmanager
def progress(title: str) -> Iterator[Advance | None]:
    """A bar while the block runs; None where nobody looks on, for bars are for people."""
    if not err.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} records"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def advance(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
