"""From `agent.yaml` and the folder `partners` beside it to one checked configuration.

Reads the YAML files and nothing else: no secret, key, database or network is
touched, so that a partner's missing key file keeps nobody else from working.
All problems of all files are reported at once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.config.consistency import Loaded, Settings, agent_problems, partner_problems
from agent.config.model import AgentSettings
from agent.config.partner_model import PartnerSettings
from agent.config.problems import problems_of
from agent.config.yaml_source import read_yaml
from agent.domain.practice import OfferTerms
from agent.errors import ConfigError, UsageError

HANDOVERS = "handovers.json"
PARTNERS_FOLDER = "partners"


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner's file, and what it leaves to the agent filled in."""

    settings: PartnerSettings
    inbound_folder: Path
    key_ring: Path
    host_key_file: Path
    offer_terms: OfferTerms


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the agent is told; `partners` by partner id, disabled ones included.

    `fingerprint` belongs to the files as they were before they were read, so
    that a change during loading is seen as a change afterwards.
    """

    path: Path
    settings: AgentSettings
    partners: Mapping[str, Partner]
    fingerprint: str

    def partner(self, partner_id: str) -> Partner:
        """Enabled or not. Raises UsageError, with the names there are, for any other."""
        if partner_id not in self.partners:
            known = ", ".join(sorted(self.partners)) or "none"
            raise UsageError(f"no partner of that name is configured; there are: {known}")
        return self.partners[partner_id]


def load_config(path: Path) -> Config:
    """The configuration at `path`; raises ConfigError with every problem of every file."""
    path = path.absolute()
    problems: list[str] = []
    files = _partner_files(path, problems)
    contents = _digest([path, *files])
    agent = _load(path, AgentSettings, problems)
    loaded = [_load(file, PartnerSettings, problems) for file in files]
    partners = [partner for partner in loaded if partner]
    if agent:
        problems += agent_problems(agent)
    problems += partner_problems(agent, partners)
    if problems or agent is None:
        raise ConfigError(problems)
    settings = agent.settings
    return Config(
        path=path,
        settings=settings,
        partners={one.settings.partner_id: _partner(one.settings, settings) for one in partners},
        fingerprint=contents + _digest(_key_files(settings.data_folder)),
    )


def config_fingerprint(path: Path, data_folder: Path) -> str:
    """Changes with the content of `agent.yaml`, a partner's file, a key ring or our own key's handovers.

    Content, not times: a touched file is no change, and a restored one is. A
    file that cannot be read counts as one more content; nothing is raised.
    """
    path = path.absolute()
    return _digest([path, *_partner_files(path, [])]) + _digest(_key_files(data_folder))


def _load(file: Path, model: type[Settings], problems: list[str]) -> Loaded[Settings] | None:
    try:
        document = read_yaml(file)
    except ConfigError as error:
        problems += error.problems
        return None
    problems += document.problems
    try:
        settings = model.model_validate(document.data, context={"folder": file.parent})
    except ValidationError as error:
        problems += problems_of(error, model, document)
        return None
    return Loaded(document, settings)


def _partner(settings: PartnerSettings, agent: AgentSettings) -> Partner:
    waiting = agent.data_folder / "inbound" / settings.partner_id / "waiting"
    return Partner(
        settings=settings,
        inbound_folder=settings.inbound_folder or waiting,
        key_ring=_key_ring_folder(agent.data_folder) / f"{settings.partner_id}.pgp",
        host_key_file=_key_ring_folder(agent.data_folder) / f"{settings.partner_id}.hosts",
        offer_terms=settings.offer.terms(agent.offer.terms()),
    )


def _partner_files(path: Path, problems: list[str]) -> list[Path]:
    entries = _entries(path.parent / PARTNERS_FOLDER, problems)
    for file in entries:
        if file.suffix == ".yml":
            problems.append(f"{file}: would be overlooked: rename it to `{file.stem}.yaml`")
    return [file for file in entries if file.suffix == ".yaml"]


def _entries(folder: Path, problems: list[str]) -> list[Path]:
    # Not `glob`: it takes a folder that may not be read for an empty one, and all partners would vanish.
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        what = f"cannot be looked into ({error.strerror}): give the user this runs as read permission"
        problems.append(f"{folder}: {what}")
        return []


def _key_ring_folder(data_folder: Path) -> Path:
    return data_folder / "keys" / "partners"


def _key_files(data_folder: Path) -> list[Path]:
    rings = [file for file in _entries(_key_ring_folder(data_folder), []) if file.suffix == ".pgp"]
    return [*rings, data_folder / "keys" / HANDOVERS]


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            content = "unreadable"
        digest.update(f"{file.name}\0{content}\n".encode())
    return digest.hexdigest()
