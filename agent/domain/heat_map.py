"""How full the next weeks are: open, busy and offered time per day and column.

For the status page; made by the rules that make the availability files, so
that nobody sees a time as offered that no partner was told of.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One local day of one column, in minutes: open; busy and offered within it.

    Busy is what is taken in the column or shared with it; offered is what at least one slot for some
    partner covers.
    """

    open_minutes: int
    busy_minutes: int
    offered_minutes: int


@dataclass(frozen=True, slots=True)
class HeatColumn:
    """One column of the appointment book, its cells in the order of the map's days."""

    column_id: int
    name: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Local days from today on, and the columns in the order of the appointment book."""

    days: tuple[date, ...]
    columns: tuple[HeatColumn, ...]
