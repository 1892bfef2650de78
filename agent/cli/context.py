"""From `--config` to an agent, alone on its data folder where the command changes something."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from agent.app import build, sole_agent
from agent.config import Config, load_config
from agent.errors import ConfigError
from agent.language import Language, LanguageCode, preferred_language
from agent.log_setup import log_into_event_log, log_into_file, set_up_logging
from agent.operations import Agent
from agent.service import SERVICE_NAME

MEBIBYTE = 1024 * 1024
CONFIG_VARIABLE = "OTV_AGENT_CONFIG"

ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="The agent.yaml to use."),
]
PartnerOption = Annotated[
    str | None, typer.Option("--partner", "-p", help="Only this partner; without it all that are enabled.")
]
LanguageOption = Annotated[
    LanguageCode | None, typer.Option("--lang", help="Of what is said; by default the account's own.")
]
DEFAULT_CONFIG = Path("agent.yaml")


def require_file(path: Path) -> Path:
    """The path itself. Raises ConfigError where nothing is."""
    if not path.exists():
        raise ConfigError([f"there is no file {path}: name it with --config, or in {CONFIG_VARIABLE}"])
    return path


def loaded(path: Path) -> Config:
    """The configuration, and logging set up as it says."""
    config = load_config(require_file(path))
    logging = config.settings.logging
    set_up_logging(logging.level, logging.format)
    return config


def loaded_for_service(path: Path) -> Config:
    """The same, with the places into which the service alone logs."""
    config = loaded(path)
    logging = config.settings.logging
    if logging.file is not None:
        log_into_file(logging.file, logging.file_mebibytes * MEBIBYTE, logging.file_keep, logging.format)
    if logging.event_log:
        log_into_event_log(SERVICE_NAME)
    return config


@contextmanager
def reading(path: Path) -> Iterator[Agent]:
    """An agent that leaves the folders alone; also while the service runs."""
    with built(loaded(path)) as agent:
        yield agent


@contextmanager
def built(config: Config) -> Iterator[Agent]:
    """As `reading`, of a configuration that is loaded already."""
    agent = build(config)
    try:
        yield agent
    finally:
        agent.close()


@contextmanager
def working(path: Path) -> Iterator[Agent]:
    """An agent that may change everything; the only process on its data folder."""
    with sole_agent(loaded(path)) as agent:
        yield agent


def language(asked: LanguageCode | None) -> Language:
    """The one asked for, or the account's."""
    return Language(asked or preferred_language())


def chosen(agent: Agent, partner_id: str | None) -> list[str]:
    """The one partner asked for, or all."""
    return [agent.lane(partner_id).partner_id] if partner_id else sorted(agent.lanes)
