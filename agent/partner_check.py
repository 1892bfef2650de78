"""Tries the whole way to one partner: its server, its key and ours, what it gets, and what the licence says.

For `otv-agent partner test`, which shows each step the moment it is known. No
message leaves, nothing is fetched and no state moves; works while the service
runs, and before the partner is enabled.
"""

from dataclasses import replace
from io import BytesIO

from agent.adapters.process_lock import is_held
from agent.app import secret_key
from agent.config import Config
from agent.domain.keys import in_groups
from agent.errors import AgentError
from agent.flows.lane import Lane
from agent.language import Sentence, sentence
from agent.operations import Agent
from agent.server_check import ServerCheck
from agent.tried_steps import Steps, Tell
from exchange_formats.envelope import Kind

SAMPLE = b"A sample by otv-agent: no message.\n"


def with_partner_enabled(config: Config, partner_id: str) -> Config:
    """The configuration as it will be once this partner is enabled: it is tested before that.

    Raises UsageError for a partner that is not configured.
    """
    partner = config.partner(partner_id)
    enabled = replace(partner, settings=partner.settings.model_copy(update={"enabled": True}))
    return replace(config, partners={**config.partners, partner_id: enabled})


def check_partner(agent: Agent, partner_id: str, tell: Tell) -> AgentError | None:
    """Try everything, and `tell` each step; the first error, if there was one.

    What does not depend on a step that failed is tried all the same. Raises UsageError for a partner that
    is not enabled.
    """
    lane, steps = agent.lane(partner_id), Steps(tell)
    _try_server(agent, lane, steps)
    _try_keys(agent, lane, steps)
    _try_agreement(agent, lane, steps)
    return steps.first_error


def _try_server(agent: Agent, lane: Lane, steps: Steps) -> None:
    partner = agent.config.partner(lane.partner_id)
    server = partner.settings.sftp
    if server is None or lane.transport is None:
        folder = sentence(
            "files lie in local folders; it puts its own into {path}", path=partner.inbound_folder
        )
        steps.take(sentence("no server"), lambda: folder)
        return
    ServerCheck(lane.partner_id, server, lane.transport, lane.inbound, steps).run()


def _try_keys(agent: Agent, lane: Lane, steps: Steps) -> None:
    settings = agent.config.settings
    try:
        steps.take(sentence("a sample sealed for the partner"), lambda: _sealed(lane))
        steps.take(sentence("a sample sealed for ourselves opens"), lambda: _opened(agent))
    finally:
        if not is_held(settings.data_folder):
            agent.stop_gpg()


def _sealed(lane: Lane) -> Sentence:
    """Signed by our key, too; nobody gets it."""
    recipient = lane.sealer.recipient()
    lane.sealer.seal([SAMPLE], BytesIO())
    return sentence("for its key {fingerprint}", fingerprint=in_groups(recipient))


def _opened(agent: Agent) -> Sentence:
    key = secret_key(agent.config.settings)
    key.prove(*key.opening(agent.practice.clock()))
    return sentence("with our key {fingerprint}", fingerprint=in_groups(key.signing()))


def _try_agreement(agent: Agent, lane: Lane, steps: Steps) -> None:
    steps.take(sentence("what it gets"), lambda: _what_it_gets(agent, lane))
    steps.take(sentence("the licence"), lambda: _licensed(agent, lane.partner_id))


def _what_it_gets(agent: Agent, lane: Lane) -> Sentence:
    kinds = list(agent.kinds(lane.partner_id))
    if lane.gets_updates and Kind.AVAILABILITY in kinds:  # a revoked partner gets neither
        kinds.append(Kind.APPOINTMENT_UPDATES)
    words = ", ".join(kind.value for kind in kinds) or "-"
    if Kind.PATIENTS in kinds and lane.receives_patients:
        return sentence("{kinds}; patients who agreed are among it", kinds=words)
    return sentence("{kinds}; no patients", kinds=words)


def _licensed(agent: Agent, partner_id: str) -> Sentence:
    agent.licence.require(partner_id)
    return sentence("valid for this partner until {day}", day=agent.licence.licence().expires_on)
