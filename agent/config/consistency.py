"""Settings that are right by themselves and wrong together: across sections, files and partners.

Third step of loading, on documents whose models are already valid.
"""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.section import Section
from agent.config.yaml_source import YamlDocument, YamlPath

# Above this the sockets of gpg-agent exceed what the system can address, and gpg loses its agent.
MAX_GPG_HOME_CHARACTERS = 80

Settings = TypeVar("Settings", bound=Section)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Settings]):
    """Valid settings with the document that they came from."""

    document: YamlDocument
    settings: Settings


def agent_problems(agent: Loaded[AgentSettings]) -> list[str]:
    """What is wrong inside `agent.yaml` taken as a whole."""
    return [*_home_problems(agent), *_retention_problems(agent), *_status_page_problems(agent)]


def _home_problems(agent: Loaded[AgentSettings]) -> list[str]:
    settings = agent.settings
    length = len(str(settings.gpg_home))
    if sys.platform == "win32" or length <= MAX_GPG_HOME_CHARACTERS:
        return []
    path: YamlPath = ("openpgp", "home") if settings.openpgp.home else ("data_folder",)
    what = f"makes a GnuPG home of {length} characters, and at most {MAX_GPG_HOME_CHARACTERS} work: "
    return [agent.document.problem(path, what + "set `openpgp.home` to a shorter path")]


def _retention_problems(agent: Loaded[AgentSettings]) -> list[str]:
    """What may still be sent again, or could still be imported, is not to be forgotten (promise P2)."""
    settings = agent.settings
    # A day more: a message may be a little older than its arrival, and clocks differ.
    least = math.ceil(settings.inbound.max_message_age_hours / 24) + 1
    return [
        agent.document.problem(
            ("retention", name), f"must be at least {least}, a day more than `inbound.max_message_age_hours`"
        )
        for name in ("answers_days", "bookings_days", "quarantine_days")
        if getattr(settings.retention, name) < least
    ]


def _status_page_problems(agent: Loaded[AgentSettings]) -> list[str]:
    """Whoever is in the same network could read along, and act."""
    page = agent.settings.status_page
    needed: tuple[str, ...] = () if page.is_local else ("token", "tls_certificate", "tls_key")
    if page.is_local and (page.tls_certificate or page.tls_key):
        needed = ("tls_certificate", "tls_key")
    missing = [name for name in needed if getattr(page, name) is None]
    if not page.enabled or not missing:
        return []
    if page.is_local:
        what = "a certificate and its key belong together: write both or none"
    else:
        what = f"other machines reach `{page.host}`, so write these too, or `host: 127.0.0.1`"
    return [agent.document.problem(("status_page", name), f"is missing: {what}") for name in missing]


def partner_problems(
    agent: Loaded[AgentSettings] | None, partners: Sequence[Loaded[PartnerSettings]]
) -> list[str]:
    """What is wrong with partners beside each other; every clash is told once, at the later file."""
    problems = [problem for partner in partners for problem in _name_problems(partner)]
    owners: dict[str, str] = {}
    if agent:
        owners[agent.settings.openpgp.fingerprint] = "the practice itself"
    for partner in partners:
        for path, mark, what in _marks(partner.settings):
            owner = owners.setdefault(mark, f"`{partner.document.file.name}`")
            if owner != f"`{partner.document.file.name}`":
                problems.append(partner.document.problem(path, f"{what} {owner}: each partner has its own"))
    return problems


def _name_problems(partner: Loaded[PartnerSettings]) -> list[str]:
    stem = partner.document.file.stem
    if stem == partner.settings.partner_id:
        return []
    return [
        partner.document.problem(("partner_id",), f"must equal the file's name, `{stem}`: change one of them")
    ]


def _marks(settings: PartnerSettings) -> list[tuple[YamlPath, str, str]]:
    """What no two partners may share: where it stands, a comparable form, how a clash is told."""
    # Folders are named after partners, and Windows does not tell `A` from `a`.
    marks: list[tuple[YamlPath, str, str]] = [
        (("partner_id",), f"id {settings.partner_id.casefold()}", "is also the identifier in")
    ]
    for index, fingerprint in enumerate(settings.openpgp.pinned):
        marks.append((("openpgp", "fingerprints", index), fingerprint, "is also the key of"))
    if settings.inbound_folder:
        folder = os.path.normcase(settings.inbound_folder)
        marks.append((("inbound_folder",), f"folder {folder}", "is also the inbound folder in"))
    return marks
