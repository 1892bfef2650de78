"""What each exit code and each error means, in a sentence for whoever met it.

What to do about an error is said by the error itself (`agent.errors`), and
about a reason by `agent.domain.refusal_advice`; neither is said again here.
"""

from collections.abc import Mapping

from agent import errors
from agent.errors import AgentError
from agent.language import Sentence, sentence

EXIT_CODES: Mapping[int, Sentence] = {
    0: sentence("Done."),
    1: sentence("A defect of the agent."),
    2: sentence("The command line asks for something that cannot be."),
    3: sentence("Finished, but some partner or file failed, or waits for a person."),
    10: sentence("The settings have mistakes."),
    20: sentence("The practice database, its tables or its rights."),
    30: sentence("Keys or the licence."),
    40: sentence("The way to a partner's server."),
    50: sentence("Folders, disk, clock, audit log, or another agent at work."),
    130: sentence("Interrupted by hand; what was under way is taken up again by the next run."),
}
"""Every code a command can end with."""

MEANINGS: Mapping[type[AgentError], Sentence] = {
    errors.AgentError: sentence("The agent came to a place where it should never be."),
    errors.UnfitDocumentError: sentence(
        "A finished file would have said what must not leave. Nothing of it was sent."
    ),
    errors.UsageError: sentence("A word, an option or a file of the command line does not fit."),
    errors.LaneBusyError: sentence("Another process works for this partner."),
    errors.PartlyFailedError: sentence("A partner, or one of several files, failed; the others went well."),
    errors.ConsentChangingError: sentence("A patient withdrew while the patients file was being made."),
    errors.UnfitServerError: sentence(
        "A partner's server lets through what can be exchanged, but hinders: it forbids deleting, or holds "
        "names that cannot be read."
    ),
    errors.GivenUpError: sentence("Files for a partner could not be delivered for days and were set aside."),
    errors.SuddenChangeError: sentence(
        "So much would change at once that it may be a mistake. It waits for a look; nothing of it happened."
    ),
    errors.ConfigError: sentence(
        "The settings have mistakes; all are listed, with file and line. A running service goes on with "
        "those it had."
    ),
    errors.DatabaseError: sentence("The database refused what the agent asked of it."),
    errors.DatabaseUnavailableError: sentence(
        "The database does not answer: off, in backup, full or locked."
    ),
    errors.DatabaseOutdatedError: sentence(
        "The database is an older copy than the one the agent worked with last."
    ),
    errors.SchemaMismatchError: sentence("A table, a column or a right is missing in the practice database."),
    errors.TablesBehindError: sentence("The agent's own tables are those of an older program."),
    errors.TablesAheadError: sentence("The agent's own tables are those of a newer program."),
    errors.OtvUserError: sentence(
        "The practice user in whose name bookings are entered is missing, inactive, or has a permission."
    ),
    errors.SlotTakenError: sentence("The database refused a second appointment at the same time."),
    errors.TrustError: sentence("Something about keys or the licence could not be established."),
    errors.GpgUnavailableError: sentence("GnuPG is missing, hangs, or does not start."),
    errors.KeyUnusableError: sentence("A key is missing, weak, expired, revoked or damaged."),
    errors.OwnKeyUnusableError: sentence(
        "The practice's own key is missing, expired, or does not open with its passphrase."
    ),
    errors.SealingFailedError: sentence("A file could not be signed and encrypted."),
    errors.LicenceInvalidError: sentence(
        "There is no valid licence for this practice or partner. Nothing leaves and nothing is imported."
    ),
    errors.TransferError: sentence("A partner's server cannot be reached, or refuses the login."),
    errors.HostKeyRefusedError: sentence(
        "The server shows a host key that is not pinned: it was set up anew, or it is another one."
    ),
    errors.DeadlineExceededError: sentence("The server took too long, and the visit was ended."),
    errors.RefusedByServerError: sentence("The server refused one file or folder; the others go on."),
    errors.WatcherUnreachableError: sentence(
        "The mail server or the monitor that is to be told cannot be reached."
    ),
    errors.SpoolError: sentence("A file or folder in the data folder cannot be read or written."),
    errors.AlreadyRunningError: sentence("The service, or another command, works on this data folder."),
    errors.ServiceManagerError: sentence("The system refused to install, start, stop or remove the service."),
    errors.ServiceManagerError: sentence(
        "systemd, or the service manager of Windows, refused to install, start or stop the service."
    ),
    errors.AuditBrokenError: sentence("The audit log was changed, cut, or is not whole."),
    errors.ClockBehindError: sentence("The clock shows a time before the newest audit entry."),
    errors.ClockDoubtfulError: sentence("The clock has jumped, or differs from the database server's."),
    errors.DiskNearlyFullError: sentence(
        "The disk has little room left: nothing new is begun, what is ready is delivered."
    ),
    errors.WriteLostError: sentence("The disk did not confirm a write; the service ends and begins anew."),
    errors.InboundRefusal: sentence("A file from a partner was not imported."),
    errors.UnauthenticatedFileError: sentence(
        "Nobody's valid signature vouches for a file: it lies in quarantine, and gets no answer."
    ),
    errors.RefusedMessageError: sentence(
        "A file is signed by the partner and cannot be processed: it is in quarantine, and the partner was "
        "told."
    ),
}
"""Every class of the tree in `agent.errors`, in its order."""
