"""Says who is at work, for the audit entry of what a person did.

A name of an account, never of a patient. Where somebody acts by another door
than the command line, that door gives its own word.
"""

import getpass


def account_name() -> str:
    """The account at the machine; a service account without a name has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
