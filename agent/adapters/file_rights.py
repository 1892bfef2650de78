"""What an account may do with a file, on the system this runs on; one set of names for both."""

import sys

if sys.platform == "win32":
    from agent.adapters.windows_rights import (
        ENTER,
        READ,
        USE,
        WRITE,
        Account,
        become,
        command_to_close,
        command_to_give,
        command_to_run_as,
        command_to_show,
        may_directly,
        named_account,
        obstacle,
        open_to_others,
        own_account,
        owner_of,
    )
else:
    from agent.adapters.posix_rights import (
        ENTER,
        READ,
        USE,
        WRITE,
        Account,
        become,
        command_to_close,
        command_to_give,
        command_to_run_as,
        command_to_show,
        may_directly,
        named_account,
        obstacle,
        open_to_others,
        own_account,
        owner_of,
    )

__all__ = [
    "ENTER",
    "READ",
    "USE",
    "WRITE",
    "Account",
    "become",
    "command_to_close",
    "command_to_give",
    "command_to_run_as",
    "command_to_show",
    "may_directly",
    "named_account",
    "obstacle",
    "open_to_others",
    "own_account",
    "owner_of",
]
