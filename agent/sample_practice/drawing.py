"""Random choices at a fraction of the cost of the library's own.

`random.choice` is exact for any length, which nobody needs here; a practice
of 200,000 patients draws five million times.
"""

import random
from bisect import bisect
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def drawn(rng: random.Random, items: Sequence[Item]) -> Item:
    """One of the items, each as likely as the others."""
    return items[int(rng.random() * len(items))]


def drawn_by_weight(rng: random.Random, items: Sequence[Item], cumulative_weights: Sequence[float]) -> Item:
    """One of the items by running totals of their weights, as `itertools.accumulate` makes them."""
    return items[bisect(cumulative_weights, rng.random() * cumulative_weights[-1], 0, len(items) - 1)]


def drawn_below(rng: random.Random, limit: int) -> int:
    """A whole number from 0 up to, not including, `limit`."""
    return int(rng.random() * limit)
