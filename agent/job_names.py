"""The names of the service's jobs and of the places where it can meet trouble, said once.

One job asks for another's next turn by its name; places are what `agent.troubles`
and whoever reads it know a trouble by.
"""

from exchange_formats.envelope import Kind

SWEEP = "sweep"
CONFIGURATION = "configuration (the old one stays in force)"
AUDIT_LOG = "audit log"


def exporting(kind: Kind, partner_id: str) -> str:
    return f"export {kind} {partner_id}"


def telling_updates(partner_id: str) -> str:
    return f"updates {partner_id}"


def handing_over(partner_id: str) -> str:
    return f"handover {partner_id}"


def exchanging(partner_id: str) -> str:
    return f"exchange {partner_id}"


# --- places that are not a job's name --------------------------------------------------------------


def receiving(partner_id: str) -> str:
    return f"{partner_id}: receiving"


def held_back(kind: Kind, partner_id: str) -> str:
    return f"{partner_id}: sudden change of {kind}"


def server_of(partner_id: str) -> str:
    return f"{partner_id}: its server"


def given_up(partner_id: str) -> str:
    return f"{partner_id}: given up"
