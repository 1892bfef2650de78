"""Every file and folder that the configuration names, with the setting that names it.

For whoever has to put them in place: the service's installation, a backup, a
restored folder. Nothing is opened; whether something is there is all that is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.config.loading import Config
from agent.config.model import AgentSettings
from agent.config.secrets import SecretRef
from agent.config.section import Section

PRIVATE_KEYS = frozenset({"sftp.private_key", "status_page.tls_key"})
"""Secrets that are named by their file alone."""
NEEDED = frozenset({"data_folder", "openpgp.home", "licence.issuer_key_ring", "status_page.tls_certificate"})
"""Beside secrets: what must be there before the agent can start. The rest it makes, or is put there later."""
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A path, the YAML file and the dotted key that name it, and whether it is for the agent's eyes alone."""

    file: Path
    key: str
    path: Path
    secret: bool = False

    @property
    def needed(self) -> bool:
        return self.secret or self.key in NEEDED


def named_places(config: Config) -> Iterator[NamedPlace]:
    """Those of agent.yaml, then those of each partner's file."""
    yield from _within(config.settings, config.path)
    for partner_id, partner in sorted(config.partners.items()):
        yield from _within(partner.settings, config.path.parent / "partners" / f"{partner_id}.yaml")


def missing_places(config: Config) -> list[str]:
    """A sentence for each path that leads nowhere and without which the agent does not start."""
    return [
        f"{place.file}: {place.key}: {place.path} is not there: correct the path, or put it there"
        for place in named_places(config)
        if place.needed and not place.path.exists()
    ]


def database_file(settings: AgentSettings) -> Path | None:
    """The practice database where it is a file (SQLite); None for a server."""
    url = settings.database.url
    return Path(url.removeprefix(_SQLITE).partition("?")[0]) if urlsplit(url).scheme == "sqlite" else None


def _within(section: Section, file: Path, prefix: str = "") -> Iterator[NamedPlace]:
    for name in type(section).model_fields:
        value, key = getattr(section, name), f"{prefix}{name}"
        if isinstance(value, SecretRef):
            if value.file:
                yield NamedPlace(file, key, value.file, secret=True)
        elif isinstance(value, Section):
            yield from _within(value, file, f"{key}.")
        elif isinstance(value, Path):
            yield NamedPlace(file, key, value, secret=key in PRIVATE_KEYS)
