"""`otv-agent doctor`: everything the agent needs, looked at, and the one thing to do where it is missing.

    finding        what a check has found, and the ids of all checks
    examination    all of them in a row
    configuration, folders, machine, service     need the settings alone
    database, clocks, keys, exchange             need the agent wired

Each check reads and judges; it changes nothing. What is found is a sentence
in two languages (`agent.language`); an error's own words stay English. The
command line prints the findings, the status page shows some of them.
"""

from agent.doctor.examination import examine
from agent.doctor.finding import Check, Finding, State

__all__ = ["Check", "Finding", "State", "examine"]
