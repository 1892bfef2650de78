"""Tells the outside how the service is doing: heartbeat, metrics file, one mail at each end of a trouble.

A job of the daemon, beside the stories and never in their way: a monitor that
fails is a trouble of its own, and the work goes on. Started by the service
alone, so that no command and no dry run ever pings or mails.
"""

from datetime import datetime, timedelta
from pathlib import Path

from agent.adapters.heartbeat import give_heartbeat
from agent.adapters.mail import MailAccount, send_mail
from agent.config import MailSettings
from agent.domain.alarms import Alarms
from agent.errors import AgentError, DatabaseError
from agent.metrics import write_metrics
from agent.operations import Agent
from agent.ports import Clock
from agent.status import Status, read_status
from agent.troubles import Troubles

HEARTBEAT, METRICS, MAIL = "heartbeat", "metrics file", "mail"
OWN_PLACES = frozenset({HEARTBEAT, METRICS, MAIL})
"""A monitor that is out of order is no reason for another one to be silent."""


class Watch:
    """What was told so far, over changes of the configuration."""

    def __init__(self, troubles: Troubles, clock: Clock) -> None:
        self._troubles = troubles
        self._clock = clock
        self._alarms = Alarms({})
        self._next_heartbeat: datetime | None = None

    def look(self, agent: Agent) -> None:
        """One look, once a minute; raises nothing that a watcher is to blame for."""
        now, watch = self._clock(), agent.config.settings.watch
        hold = timedelta(minutes=watch.hold_minutes)
        self._alarms = self._alarms.seen(self._troubles.current(), now)
        lasting = {place for place, one in self._alarms.known.items() if one.told or now - one.since >= hold}
        if watch.heartbeat_url is not None and not (lasting & self._troubles.current().keys()) - OWN_PLACES:
            self._heartbeat(watch.heartbeat_url, timedelta(minutes=watch.heartbeat_every_minutes), now)
        account = _account(watch.mail)
        if account is not None:
            self._tell(agent, account, now, hold)
        if watch.metrics_file is not None:
            self._write_metrics(agent, watch.metrics_file)

    def _write_metrics(self, agent: Agent, file: Path) -> None:
        try:
            write_metrics(file, known_status(agent), self._troubles.current())
        except AgentError as error:
            self._troubles.met(METRICS, error)
        else:
            self._troubles.over(METRICS)

    def _heartbeat(self, url: str, every: timedelta, now: datetime) -> None:
        # A clock that was set back must not keep the heart still until it has caught up.
        if self._next_heartbeat is not None and now < self._next_heartbeat <= now + every:
            return
        try:
            give_heartbeat(url)
        except AgentError as error:
            self._troubles.met(HEARTBEAT, error)
        else:
            self._troubles.over(HEARTBEAT)
            self._next_heartbeat = now + every

    def _tell(self, agent: Agent, account: MailAccount, now: datetime, hold: timedelta) -> None:
        """One mail for all that began and ended since the last one."""
        current = self._troubles.current()
        begun = [place for place in self._alarms.begun(now, hold) if place in current and place != MAIL]
        ended = self._alarms.ended(current)
        if not begun and not ended:
            return
        lines = [f"{place}: {current[place][0]}.\n    {current[place][1]}" for place in begun]
        lines += [f"{place}: works again." for place in ended]
        what = f"{len(begun)} trouble(s)" if begun else "works again"
        text = "\n".join([*lines, "", f"{len(current)} trouble(s) in all; `otv-agent status` shows more."])
        try:
            send_mail(account, f"otv-agent {agent.practice.practice_id}: {what}", text)
        except AgentError as error:
            self._troubles.met(MAIL, error)
        else:
            self._troubles.over(MAIL)
            self._alarms = self._alarms.after_telling(begun, ended)


def known_status(agent: Agent) -> Status | None:
    """None while the database is down; that is a trouble told elsewhere, and the file tells of it too."""
    try:
        return read_status(agent)
    except DatabaseError:
        return None


def _account(mail: MailSettings) -> MailAccount | None:
    if mail.host is None or mail.sender is None or mail.recipients is None:
        return None
    return MailAccount(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        user_name=mail.user_name,
        password=mail.password.read if mail.password else None,
        sender=mail.sender,
        recipients=mail.recipients,
    )
