"""When something that failed is tried again, and when it has failed for good.

Retries must outlast a night, a weekend and a server that is moved, without a
hundred practices knocking at one partner's door at the same moment.
"""

from datetime import timedelta

SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=15)
"""Between two tries, however long an outage lasts: after its end nothing waits longer than this."""
SHORTEST_REFUSAL_PAUSE = timedelta(minutes=1)


def pause_before_next_visit(failing_for: timedelta, usual: timedelta, draw: float) -> timedelta:
    """How long to stay away from a server that has not been reached for so long.

    Exponential with full jitter: any length up to as long as it has failed already, at least the
    `usual` distance and at most LONGEST_PAUSE. So after an outage nothing waits longer for the next
    visit than the outage lasted. `draw` is a random number from 0 to below 1.
    """
    return max(min(max(failing_for, usual), LONGEST_PAUSE) * draw, SHORTEST_PAUSE)


def pause_after_refusal(age: timedelta) -> timedelta:
    """How long to leave a file alone that the server refused: as long as it has waited, within bounds.

    So the tries of one file come at doubling distances without being counted.
    """
    return min(max(age, SHORTEST_REFUSAL_PAUSE), LONGEST_PAUSE)


def is_overdue(age: timedelta, give_up_after: timedelta) -> bool:
    """Whether a file that has just failed again is to be given up, and an operator told."""
    return age >= give_up_after
