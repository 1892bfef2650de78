"""`otv-agent service` and what `config check` says of places, through the command line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.command_line import otv
from tests.kit.openpgp import short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture
def config(folder: Path) -> Path:
    """Settings that name what is there; in a temporary folder, where a service would not find them."""
    (folder / "data").mkdir()
    for name in ("issuer.pgp", "audit_key"):
        (folder / name).touch(mode=0o600)
    text = otv("config", "generate").out
    text = text.replace("/etc/otv-agent/licence_issuer.pgp", str(folder / "issuer.pgp"))
    text = text.replace("/etc/otv-agent/secrets/audit_key", str(folder / "audit_key"))
    text = re.sub(r"^data_folder: .*$", f"data_folder: {folder / 'data'}", text, flags=re.MULTILINE)
    (folder / "agent.yaml").write_text(text, encoding="utf-8")
    return folder / "agent.yaml"


def test_service_is_not_installed_with_settings_that_have_mistakes(config: Path) -> None:
    config.write_text(config.read_text(encoding="utf-8").replace("grid_minutes: 15", "grid_minutes: 7"))
    done = otv("service", "install", "--dry-run", config=config)
    assert (done.code, "grid_minutes" in done.err) == (10, True)


def test_service_is_not_installed_while_a_secret_is_missing(config: Path, folder: Path) -> None:
    (folder / "audit_key").unlink()
    done = otv("service", "install", "--dry-run", config=config)
    assert done.code == 10
    assert f"audit.key: {folder / 'audit_key'} is not there" in done.err


def test_service_is_not_installed_where_it_could_not_see_its_files(config: Path, folder: Path) -> None:
    done = otv("service", "install", "--dry-run", config=config)
    assert done.code == 2
    assert f"{folder} cannot be seen by the service" in done.err


def test_service_that_is_not_there_is_removed_without_a_word_of_trouble(config: Path, folder: Path) -> None:
    done = otv("service", "remove", config=config)
    assert done.code == 0
    assert "not installed" in done.out
    assert f"stays   {folder / 'data'}" in done.out


def test_check_of_the_settings_names_paths_that_lead_nowhere(config: Path, folder: Path) -> None:
    assert "missing" not in otv("config", "check", config=config).out
    (folder / "issuer.pgp").unlink()
    done = otv("config", "check", config=config)
    assert done.code == 0
    named = [line for line in done.out.splitlines() if line.startswith("missing")]
    assert len(named) == 1
    assert f"licence.issuer_key_ring: {folder / 'issuer.pgp'}" in named[0]
