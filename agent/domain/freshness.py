"""How fresh a partner's lane is: time since its last good cycle, judged by schedule and opening hours.

The core number of the status: "started" is not "working", and a folder
without troubles may simply not be looked at.
"""

from enum import StrEnum


class Freshness(StrEnum):
    """Green: as planned. Amber: late, or somebody has to look. Red: what the partner holds is out of date."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
