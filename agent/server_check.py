"""Tries the way to one partner's server, step by step, up to a file that is written, renamed and removed.

The first half of `otv-agent partner test`. Nothing is fetched. What it writes
is a probe under names that partners are told to ignore (docs/exchange-formats.md);
it is removed whatever fails after it, over a new connection if need be. A host
key that is not pinned is shown and never accepted.
"""

from dataclasses import dataclass

from agent.config.partner_model import SftpSettings
from agent.errors import AgentError, HostKeyRefusedError, RefusedByServerError, TransferError
from agent.language import Sentence, sentence
from agent.ports import ConnectStep, Delivery, Inbound, TransferSession, Transport
from agent.tried_steps import Steps


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """One partner's server; `inbound` tells which of its files were fetched before."""

    partner_id: str
    server: SftpSettings
    transport: Transport
    inbound: Inbound
    steps: Steps

    def run(self) -> None:
        """Tell every step; what depends on one that failed is left out."""
        ahead = list(ConnectStep)

        def reached(step: ConnectStep, found: str) -> None:
            if ahead[:1] == [step]:  # and not from a connection that was given up
                ahead.pop(0)
                self.steps.fine(self._name(step), Sentence("{found}", {"found": found}) if found else None)

        self.steps.begin()
        try:
            with self.transport.connect(reached) as session:
                probe_is_gone = self._try_folders(session)
        except AgentError as error:
            failed, ahead[:] = ahead[0], []
            self.steps.failed(self._name(failed), error, self._advice(failed, error))
            return
        if not probe_is_gone:
            self._clean_up()

    # --- connecting -----------------------------------------------------------------------------

    def _name(self, step: ConnectStep) -> Sentence:
        match step:
            case ConnectStep.OWN_KEY:
                return sentence("our SSH key opens")
            case ConnectStep.ANSWERS:
                return sentence("{host}, port {port} answers", host=self.server.host, port=self.server.port)
            case ConnectStep.HOST_KEY:
                return sentence("the server shows a host key that is pinned")
            case ConnectStep.LOGIN:
                return sentence("the server lets us in with our key")
            case ConnectStep.SFTP:
                return sentence("the server offers SFTP")

    def _advice(self, step: ConnectStep, error: AgentError) -> Sentence | None:
        match step:
            case ConnectStep.OWN_KEY:
                return sentence(
                    "Check `sftp.private_key` and `sftp.passphrase` in the partner's file, and that this"
                    " account may read the key."
                )
            case ConnectStep.ANSWERS:
                return sentence(
                    "Check `sftp.host` and `sftp.port` in the partner's file, and the firewall in between."
                )
            case ConnectStep.HOST_KEY if isinstance(error, HostKeyRefusedError):
                return sentence(
                    "Have the partner read out its fingerprint by telephone. If it is the one above:"
                    " `otv-agent keys pin-host {partner}`.",
                    partner=self.partner_id,
                )
            case ConnectStep.HOST_KEY:
                return sentence("Ask the partner whether an SSH server listens at this port.")
            case ConnectStep.LOGIN:
                return sentence(
                    "Send the partner our SSH key again, for the account {account}:"
                    " `ssh-keygen -y -f {file}` prints it.",
                    account=self.server.user_name,
                    file=self.server.private_key,
                )
            case ConnectStep.SFTP:
                return sentence("Ask the partner to allow SFTP for our account.")

    # --- its folders ----------------------------------------------------------------------------

    def _try_folders(self, session: TransferSession) -> bool:
        """Whether no probe is left there."""
        error = self.steps.take(
            sentence("the folder for us, `{folder}`", folder=self.server.outgoing or "-"),
            lambda: self._looked_into(session),
            sentence("Ask the partner to let our account list this folder and read and delete in it."),
        )
        if _is_lost(error):
            return True
        return self._try_inbox(session)

    def _looked_into(self, session: TransferSession) -> Sentence:
        if self.server.outgoing is None:
            return sentence("none is set: nothing is fetched")
        listing = session.list_inbound(self.inbound.fetched_before)
        if listing.unreadable or listing.overfull:
            return sentence(
                "files waiting: {count}; some names are not UTF-8, or there are too many to be seen",
                count=len(listing.new),
            )
        return sentence("files waiting: {count}", count=len(listing.new))

    def _try_inbox(self, session: TransferSession) -> bool:
        todo = sentence(
            "Ask the partner to let our account write, rename and delete in this folder, and about its space."
        )
        writing = sentence("a probe written into `{folder}`", folder=self.server.inbox)
        error = self.steps.take(writing, lambda: _confirmed(session.put_probe()), todo)
        if error is None:
            renaming = sentence("the probe renamed")
            error = self.steps.take(renaming, lambda: _confirmed(session.rename_probe()), todo)
        if _is_lost(error):
            return False
        return self.steps.take(sentence("no probe left behind"), session.remove_probe, todo) is None

    def _clean_up(self) -> None:
        """Once more, over a new connection: the old one may have broken under the probe."""
        self.steps.take(
            sentence("no probe left behind, over a new connection"),
            self._remove_anew,
            sentence("The next `otv-agent partner test` removes it; partners ignore it."),
        )

    def _remove_anew(self) -> None:
        with self.transport.connect() as session:
            session.remove_probe()


def _confirmed(delivery: Delivery) -> Sentence | None:
    if delivery is Delivery.CONFIRMED:
        return None
    return sentence("the server takes files before they have their final name: they count as unconfirmed")


def _is_lost(error: AgentError | None) -> bool:
    """Whether the connection went with it; after a mere refusal it is as good as before."""
    return isinstance(error, TransferError) and not isinstance(error, RefusedByServerError)
