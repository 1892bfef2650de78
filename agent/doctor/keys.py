"""Looks at the licence, the practice's own key, the partners' keys, and when each of them ends.

A part of `agent.doctor`. The own key is tried out: a word is sealed to
ourselves and opened again.
"""

from collections.abc import Iterator

from agent.adapters.file_rights import Account, command_to_run_as
from agent.adapters.process_lock import is_held, require_own_folder
from agent.administration import own_key, partner_keys
from agent.app import secret_key
from agent.clock import utc_now
from agent.doctor.finding import Check, Finding, failed, fine, warning
from agent.domain.key_calendar import EXPIRED, KeyWarning, warnings_due
from agent.domain.key_pins import in_force, pin_remarks
from agent.domain.keys import KeyFacts, key_problem
from agent.errors import AgentError, KeyUnusableError
from agent.key_calendar import LICENCE, in_words, key_calendar
from agent.language import Sentence, sentence
from agent.operations import Agent


def licence(agent: Agent) -> Finding:
    """Rule R1: without a licence nothing leaves and nothing is imported."""
    try:
        agent.licence.require()
        until = agent.licence.licence().expires_on
    except AgentError as error:
        return failed(Check.LICENCE, sentence("There is no valid licence: {error}", error=error), error)
    return fine(Check.LICENCE, sentence("The licence is valid until {day}.", day=until))


def own_key_finding(agent: Agent, account: Account) -> Finding:
    """It is there, good, and opens with its passphrase."""
    try:
        key = own_key(agent.config)
        _require_good(key)
        if not account.is_ours():
            return _not_tried(account)
        # Or gpg would leave files there that the service cannot use.
        require_own_folder(agent.config.settings.gpg_home)
        _prove(agent)
    except AgentError as error:
        return failed(
            Check.OWN_KEY, sentence("The practice's own key cannot be used: {error}", error=error), error
        )
    said = sentence("The practice's own key signs and opens: {fingerprint}", fingerprint=key.fingerprint)
    return fine(Check.OWN_KEY, said)


def _not_tried(account: Account) -> Finding:
    said = sentence(
        "The practice's own key is there and good; only {account} can try it.", account=account.name
    )
    command = command_to_run_as(account, "otv-agent doctor")
    return warning(Check.OWN_KEY, said, sentence("To try it: `{command}`", command=command))


def _prove(agent: Agent) -> None:
    try:
        key = secret_key(agent.config.settings)
        key.prove(*key.opening(agent.practice.clock()))
    finally:
        if not is_held(agent.config.settings.data_folder):
            agent.stop_gpg()


def calendar(agent: Agent) -> Iterator[Finding]:
    """What is over failed, what soon will be is a warning; what cannot be read fails where it belongs."""
    try:
        now = agent.practice.clock()
        due = warnings_due(key_calendar(agent, now).dates, now)
    except AgentError as error:
        said = sentence("When keys and licence end cannot be said: {error}", error=error)
        yield failed(Check.KEY_CALENDAR, said, error)
        return
    for one in due:
        yield _ending(agent, one)
    if not due:
        yield fine(Check.KEY_CALENDAR, sentence("No key and no licence ends within 60 days."))


def _ending(agent: Agent, one: KeyWarning) -> Finding:
    owner, ends_at = one.key_date.owner, one.key_date.ends_at
    partner_id = owner if owner in agent.lanes else None
    what = {"what": in_words(one.key_date), "day": ends_at.date() if ends_at else "-", "days": one.days_left}
    if one.step == EXPIRED:
        return failed(
            Check.KEY_CALENDAR,
            sentence("{what} is expired since {day}.", **what),
            KeyUnusableError,
            _renewal(owner, partner_id),
            partner_id,
        )
    said = sentence("{what} ends on {day}, days left: {days}", **what)
    return warning(Check.KEY_CALENDAR, said, _renewal(owner, partner_id), partner_id)


def _renewal(owner: str, partner_id: str | None) -> Sentence:
    if owner == LICENCE:
        return sentence("Order a new licence, and install it with `otv-agent licence install FILE`.")
    if partner_id is not None:
        return sentence("Ask the partner for its next key, and pin it with `otv-agent keys pin`.")
    return sentence("Make the practice's next key with `otv-agent keys rotate`; it tells the partners.")


def partner_licence(agent: Agent, partner_id: str) -> Finding:
    """Whether the licence names this partner."""
    try:
        agent.licence.require(partner_id)
    except AgentError as error:
        said = sentence("The licence does not cover this partner: {error}", error=error)
        return failed(Check.PARTNER_LICENCE, said, error, partner_id=partner_id)
    return fine(Check.PARTNER_LICENCE, sentence("The licence covers this partner."), partner_id)


def partner_key(agent: Agent, partner_id: str) -> Iterator[Finding]:
    """At least one pinned key is there and good; the others may be on their way in or out."""
    pins = agent.config.partners[partner_id].settings.openpgp
    try:
        key = _pinned(agent, partner_id)
        remarks = tuple(pin_remarks(pins.pinned, pins.windows, agent.practice.clock()))
    except AgentError as error:
        said = sentence("No key of this partner can be used: {error}", error=error)
        yield failed(Check.PARTNER_KEY, said, error, partner_id=partner_id)
        return
    for remark in remarks:
        said = sentence("The days on which its pins count leave something open: {remark}", remark=remark)
        remedy = sentence("Correct the days under `openpgp.fingerprints` in its file; see docs/keys.md.")
        yield warning(Check.PARTNER_KEY, said, remedy, partner_id)
    if not remarks:
        said = sentence("Its key is pinned and good: {fingerprint}", fingerprint=key.fingerprint)
        yield fine(Check.PARTNER_KEY, said, partner_id)


def _pinned(agent: Agent, partner_id: str) -> KeyFacts:
    config, pins = agent.config, agent.config.partners[partner_id].settings.openpgp
    ring = {key.fingerprint: key for key in partner_keys(config, partner_id)}
    if not ring.keys() & set(pins.pinned):
        raise KeyUnusableError("the partner's key ring holds none of the fingerprints in its YAML file")
    counting = in_force(pins.pinned, pins.windows, agent.practice.clock())
    if not counting:
        raise KeyUnusableError("no pin of the partner counts today: see the windows in its YAML file")
    with agent.practice.database.read() as snapshot:
        revoked = snapshot.revoked_keys(partner_id)
    pinned = [ring[pin] for pin in counting if pin in ring and pin not in revoked]
    if not pinned:
        raise KeyUnusableError("every pin of the partner that counts today is revoked or not in its key ring")
    good = [key for key in pinned if key_problem(key, utc_now()) is None]
    if not good:
        _require_good(pinned[0])
    return good[0]


def _require_good(key: KeyFacts) -> None:
    problem = key_problem(key, utc_now())
    if problem is not None:
        raise KeyUnusableError(f"{key.fingerprint}: {problem}")
