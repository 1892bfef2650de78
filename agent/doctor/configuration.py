"""Looks at the settings: what is right by itself, and still not what somebody would want for good.

A part of `agent.doctor`. Mistakes are told by `agent.config` before there is
anything to look at.
"""

from collections.abc import Iterator

from agent.config import Config
from agent.doctor.finding import Check, Finding, fine, warning
from agent.language import sentence


def configuration(config: Config) -> Iterator[Finding]:
    """Warnings, or that there is nothing to say."""
    remarks = list(_remarks(config))
    yield from remarks
    if not remarks:
        partners = sum(partner.settings.enabled for partner in config.partners.values())
        said = sentence("{file} is good; enabled partners: {count}", file=config.path, count=partners)
        yield fine(Check.CONFIGURATION, said)


def _remarks(config: Config) -> Iterator[Finding]:
    settings, watch = config.settings, config.settings.watch
    if not any(partner.settings.enabled for partner in config.partners.values()):
        said = sentence("No partner is enabled: nothing is exchanged with anybody.")
        yield warning(Check.CONFIGURATION, said, sentence("Add one with `otv-agent partner add`."))
    if watch.heartbeat_url is None and watch.metrics_file is None and watch.mail.host is None:
        said = sentence("Nobody outside would notice if this machine stood still.")
        remedy = sentence("Name a heartbeat address, a mail server or a metrics file under `watch`.")
        yield warning(Check.CONFIGURATION, said, remedy)
    if settings.logging.level == "debug":
        said = sentence("The log is as talkative as it can be.")
        yield warning(Check.CONFIGURATION, said, sentence("Set `logging.level` to `info` for everyday use."))
