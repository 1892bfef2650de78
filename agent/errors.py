"""Everything that can go wrong, as one tree; a class is an exit code and a remedy.

    AgentError                            1   a bug, if nothing more special fits
    ├── UnfitDocumentError                1   a finished line is not what may leave: a defect, nothing is sent
    ├── UsageError                        2   the command line asks for something that cannot be
    │   └── LaneBusyError                     another process works for this partner
    ├── PartlyFailedError                 3   the run finished, a partner or file did not
    │   ├── ConsentChangingError              temporary: answers changed as fast as the file could be made
    │   ├── UnfitServerError                  a partner's server hinders; nothing is lost by it
    │   ├── GivenUpError                      files lie in `failed` until an operator sends them again
    │   └── SuddenChangeError                 too much at once: held until somebody has looked
    ├── ConfigError                      10   the YAML files, all problems at once
    ├── DatabaseError                    20
    │   ├── DatabaseUnavailableError          temporary: hold and try again
    │   ├── DatabaseOutdatedError             temporary: an older copy stands there, hold
    │   ├── SchemaMismatchError               a table, column or right is missing
    │   │   ├── TablesBehindError                 the agent's own tables are older than the program
    │   │   └── TablesAheadError                  and here newer
    │   ├── OtvUserError                      the recorded author is missing or may do things (rule R2)
    │   └── SlotTakenError                    the database refused a double booking (promise P13)
    ├── TrustError                       30   keys and licence
    │   ├── GpgUnavailableError               temporary: gpg missing, hanging or unable to start
    │   ├── KeyUnusableError                  missing, weak, expired, revoked or malformed key
    │   │   └── OwnKeyUnusableError               the practice's own, also when it does not unlock
    │   ├── SealingFailedError                nothing may leave
    │   └── LicenceInvalidError               nothing leaves and nothing is imported (rule R1)
    ├── TransferError                    40   temporary: the file stays in the outbox
    │   ├── HostKeyRefusedError               never retried with another key
    │   ├── DeadlineExceededError
    │   ├── RefusedByServerError              one file or folder; the connection is good
    │   └── WatcherUnreachableError           a monitor or mail server; the exchange goes on
    ├── SpoolError                       50   folders, disk, locks
    │   ├── AlreadyRunningError
    │   ├── ServiceManagerError               systemd or Windows refused to install, start or stop
    │   ├── AuditBrokenError                  the chain does not verify
    │   ├── ClockBehindError                  temporary: earlier than the newest audit entry
    │   ├── ClockDoubtfulError                temporary: the clock has jumped, or the database's differs
    │   ├── DiskNearlyFullError               temporary: no new work is taken
    │   └── WriteLostError                    a failed fsync: the process ends
    └── InboundRefusal                    3   what a partner sent; never our own fault
        ├── UnauthenticatedFileError          quarantine without a receipt (QuarantineReason)
        └── RefusedMessageError               quarantine with a receipt (exchange_formats MessageReason)

Messages say what, where and what to do. They never carry patient data, key
material, passphrases or text that came from outside.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class AgentError(Exception):
    """Root of the tree: `exit_code` for the command line, `remedy` for the person reading."""

    exit_code: ClassVar[int] = 1
    remedy: ClassVar[str] = "This is a defect of the agent: please report it with the log of this run."
    temporary: ClassVar[bool] = False
    """True: our own passing fault. Inbound files wait, nothing is quarantined (promise P9)."""
    ends_process: ClassVar[bool] = False
    """True: what was done in this process can no longer be relied on; only a new start mends it."""


class UnfitDocumentError(AgentError):
    """A finished document says what it must not, whoever made it so; nothing of it leaves."""


class UsageError(AgentError):
    exit_code = 2
    remedy = "See `otv-agent --help`."


class LaneBusyError(UsageError):
    temporary = True
    remedy = "Another otv-agent process works for this partner: wait for it, or stop the service first."


class PartlyFailedError(AgentError):
    exit_code = 3
    remedy = "See the lines above for the partner or file; everything else was done."


class ConsentChangingError(PartlyFailedError):
    """A patient withdrew while the patients file was being made: it must not leave."""

    temporary = True
    remedy = "Nothing was sent and nothing is to be done: the next run makes the file anew."


class UnfitServerError(PartlyFailedError):
    """What the partner should mend at its server; everything that could be exchanged was."""

    remedy = "Tell the partner; docs/exchange-formats.md says what its server has to allow."


class GivenUpError(PartlyFailedError):
    """Files for a partner that could not be delivered for days."""

    remedy = "Once the partner's server works, send them again with `otv-agent deliver --failed`."


class SuddenChangeError(PartlyFailedError):
    """An export, or a partner's bookings, would change too much at once: held, and nothing of it happened."""

    remedy = (
        "Find out why. If it is meant, `otv-agent release` lets it go; put right, the hold ends by itself."
    )


class ConfigError(AgentError):
    """All problems of a configuration at once; each is `file:line: path: what to do`."""

    exit_code = 10
    remedy = "Correct the lines named above and run `otv-agent doctor`."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class DatabaseError(AgentError):
    exit_code = 20
    remedy = "Run `otv-agent practice check`."


class DatabaseUnavailableError(DatabaseError):
    temporary = True
    remedy = "Check that the database server runs and that `database.url` is right; work resumes by itself."


class DatabaseOutdatedError(DatabaseError):
    """The database went back to an older copy: what it forgot would be done or told twice."""

    temporary = True
    remedy = "Put the newest copy back, or accept what is lost: see `otv-agent audit accept-restore --help`."


class SchemaMismatchError(DatabaseError):
    remedy = "Run `otv-agent practice check` and see docs/practice-database.md."


class TablesBehindError(SchemaMismatchError):
    """The agent's own tables are older than this program: nothing is brought forward unasked."""

    remedy = "Stop the service, back up the database, and run `otv-agent practice migrate` as its owner."


class TablesAheadError(SchemaMismatchError):
    """The agent's own tables are newer than this program: there is no way back."""

    remedy = "Install the otv-agent that brought the tables there, or a newer one; the way back is a backup."


class OtvUserError(DatabaseError):
    remedy = "Create one active practice user for online booking, in a role without any permission."


class SlotTakenError(DatabaseError):
    remedy = "Nothing to do: the partner is told that the slot is taken."


class TrustError(AgentError):
    exit_code = 30
    remedy = "Run `otv-agent doctor`."


class GpgUnavailableError(TrustError):
    temporary = True
    remedy = "Install GnuPG 2.2 or later and set `openpgp.gpg_program`; work resumes by itself."


class KeyUnusableError(TrustError):
    remedy = "Exchange a current key with the partner and pin it with `otv-agent keys pin`."


class OwnKeyUnusableError(KeyUnusableError):
    remedy = "Check `openpgp.fingerprint`, `home` and `passphrase`; `otv-agent keys create` makes a new key."


class SealingFailedError(TrustError):
    remedy = "Run `otv-agent doctor`; nothing was sent."


class LicenceInvalidError(TrustError):
    remedy = "Install a current licence with `otv-agent licence install FILE`."


class TransferError(AgentError):
    exit_code = 40
    temporary = True
    remedy = "Check the partner's server and network; the files stay in the outbox and are tried again."


class HostKeyRefusedError(TransferError):
    remedy = "Ask the partner for its host key over another channel; `otv-agent keys pin-host` records it."


class DeadlineExceededError(TransferError):
    pass


class RefusedByServerError(TransferError):
    """This one thing could not be done and the next may: no reason to stay away from the server."""


class WatcherUnreachableError(TransferError):
    """Whoever is to be told how the agent is doing cannot be told; the exchange goes on."""

    remedy = "Check `watch` in agent.yaml, and the mail server or the monitor; the exchange goes on."


class SpoolError(AgentError):
    exit_code = 50
    temporary = True
    remedy = "Check free disk space and the permissions of the data folder."


class AlreadyRunningError(SpoolError):
    temporary = False
    remedy = "The agent already runs on this data folder: stop the service first."


class ServiceManagerError(SpoolError):
    """systemd, or the service manager of Windows, refused what was asked of it."""

    temporary = False
    remedy = "The words are the system's own: put right what they name, and give the command again."


class AuditBrokenError(SpoolError):
    temporary = False
    remedy = "Keep the database as it is and call whoever is responsible for data protection."


class ClockBehindError(SpoolError):
    """The clock shows a time well before the newest audit entry: hold, never quarantine."""

    temporary = True
    remedy = (
        "Correct the server's clock; if it is right and was ahead before, `otv-agent audit accept-clock`."
    )


class ClockDoubtfulError(SpoolError):
    """Nobody can say what time it is: nothing may be judged by this clock (promise P9)."""

    temporary = True
    remedy = "Correct the clock; if it is right now, `otv-agent audit accept-clock` or a restart says so."


class DiskNearlyFullError(SpoolError):
    """Little room is left: better not to begin than to fail in the middle."""

    temporary = True
    remedy = "Make room on the disk, or change `min_free_mebibytes`; work resumes by itself."


class WriteLostError(SpoolError):
    """fsync failed: the kernel may have dropped what was written, and a second call would report success."""

    temporary = False
    ends_process = True
    remedy = "Look at the disk and its log; the service begins anew and takes up what was under way."


class QuarantineReason(StrEnum):
    """Why a file that nobody's key vouches for was set aside. Closed; listed in docs/exchange-formats.md."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_A_REGULAR_FILE = "not_a_regular_file"
    UNREADABLE = "unreadable"
    UNEXPECTED_NAME = "unexpected_name"
    CRASH_LOOP = "crash_loop"
    NOT_OPENPGP = "not_openpgp"
    NOT_ENCRYPTED = "not_encrypted"
    NO_INTEGRITY = "no_integrity_protection"
    WRONG_RECIPIENT = "wrong_recipient"
    DAMAGED = "damaged"
    BOMB = "expands_too_far"
    NOT_SIGNED = "not_signed"
    UNEXPECTED_STRUCTURE = "unexpected_structure"
    WRONG_SIGNER = "wrong_signer"
    BAD_SIGNATURE = "bad_signature"
    KEY_EXPIRED = "key_expired"
    KEY_REVOKED = "key_revoked"
    WEAK_SIGNATURE = "weak_signature"
    SIGNATURE_TIME = "signature_time_out_of_bounds"


class InboundRefusal(AgentError):
    """A file from a partner that is not imported; `receipt_word` is the reason beside it."""

    exit_code = 3
    remedy = "`otv-agent quarantine list` shows it, `otv-agent quarantine show` says what to do about it."

    def __init__(self, receipt_word: str) -> None:
        super().__init__(f"inbound file refused: {receipt_word}")
        self.receipt_word = receipt_word


class UnauthenticatedFileError(InboundRefusal):
    """Nobody's signature vouches for the file: quarantine, and no answer (promise P4)."""

    def __init__(self, reason: QuarantineReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class RefusedMessageError(InboundRefusal):
    """The partner signed it, but it cannot be processed: quarantine, and a receipt that says why."""
