"""systemd's unit as it is written for an installation, judged by systemd itself."""

import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agent.config import AgentSettings, load_config
from agent.config.sample import sample_yaml
from agent.errors import UsageError
from agent.service.installation import Installation, installation, outermost
from agent.service.installed_files import installed_file
from agent.service.linux import TEMPLATE, unit_for
from tests.kit.openpgp import short_folder

UNIT = Path("service/systemd/otv-agent.service")
TARGETS = ("sysinit", "basic", "multi-user", "shutdown", "network-online")
USUAL = Installation(
    command=("/opt/otv-agent/bin/python3", "-I", "-m", "agent"),
    program_folders=(Path("/opt/otv-agent"),),
    config=Path("/etc/otv-agent/agent.yaml"),
    data=Path("/var/lib/otv-agent"),
    exchanged=(Path("/var/lib/otv-agent"),),
    own=(Path("/etc/otv-agent"), Path("/var/lib/otv-agent")),
    written=(),
    foreign=(),
    kept=(),
)
ODD = replace(
    USUAL,
    command=("/opt/Praxis Müller/python3", "-I", "-m", "agent"),
    config=Path('/etc/Praxis 100% "$HOME" \\x/agent.yaml'),
    data=Path("/srv/otv 5%/data"),
    exchanged=(Path("/srv/otv 5%/data"), Path("/srv/otv 5%/in")),
    own=(Path('/etc/Praxis 100% "$HOME" \\x'), Path("/srv/otv 5%/data"), Path("/srv/otv 5%/in")),
    written=(Path("/srv/the database"),),
    foreign=(Path("/srv/the database"),),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def image(folder: Path, unit: str, program: str) -> Path:
    """As much of a system as `systemd-analyze verify` looks at; where the unit stands in it."""
    units = folder / "usr" / "lib" / "systemd" / "system"
    units.mkdir(parents=True)
    for target in TARGETS:
        (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\nDefaultDependencies=no\n")
    executable = folder / program.lstrip("/")
    executable.parent.mkdir(parents=True)
    shutil.copy("/bin/true", executable)
    file = folder / "etc" / "systemd" / "system" / "otv-agent.service"
    file.parent.mkdir(parents=True)
    file.write_text(unit, encoding="utf-8")
    return file


@pytest.mark.parametrize("place", [USUAL, ODD], ids=["usual paths", "odd paths"])
def test_unit_of_an_installation_is_understood_and_restricts_as_before(
    tmp_path: Path, place: Installation
) -> None:
    file = image(tmp_path, unit_for(place), place.command[0])
    understood = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", file], capture_output=True, text=True, check=False
    )
    assert (understood.returncode, understood.stderr) == (0, "")
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", file],
        capture_output=True,
        check=True,
    )


def test_unit_of_the_usual_paths_is_the_one_in_the_repository_but_for_its_command() -> None:
    text = UNIT.read_text(encoding="utf-8")
    start = f"{' '.join(USUAL.command)} run --config /etc/otv-agent/agent.yaml"
    assert unit_for(USUAL) == text.replace(
        "/opt/otv-agent/bin/otv-agent run --config /etc/otv-agent/agent.yaml", start
    )


def test_unit_with_inbound_folders_elsewhere_names_one_folder_that_no_rename_leaves() -> None:
    lines = unit_for(ODD).splitlines()
    assert [line for line in lines if line.startswith(("ReadWritePaths", "StateDirectory"))] == [
        'ReadWritePaths="/srv/otv 5%%"',
        'ReadWritePaths="-/srv/the database"',
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"data": Path("/home/anna/data"), "exchanged": (Path("/home/anna/data"),)},
            "/home/anna/data cannot",
        ),
        ({"program_folders": (Path("/root/otv"),)}, "/root/otv cannot be seen"),
        ({"config": Path("/tmp/otv/agent.yaml")}, "/tmp/otv cannot be seen"),
        ({"config": Path("/etc/agent.yaml"), "own": (Path("/etc"),)}, "/etc is not the agent's alone"),
        ({"exchanged": (Path("/var/lib/otv-agent"), Path("/srv/in/dentport"))}, "above them both"),
    ],
)
def test_places_that_the_restricted_service_could_not_use_are_refused(
    change: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        unit_for(replace(USUAL, **change))  # type: ignore[arg-type]


def test_folders_inside_of_others_are_named_once() -> None:
    folders = [Path("/srv/a/b"), Path("/srv/a"), Path("/srv/ab"), Path("/srv/a/b/c")]
    assert outermost(folders) == (Path("/srv/a"), Path("/srv/ab"))


def test_files_of_the_service_travel_with_the_package() -> None:
    wheel = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    assert wheel["targets"]["wheel"]["force-include"] == {"service": "agent/service_files"}
    assert installed_file(TEMPLATE).samefile(UNIT)


def test_folders_of_a_configuration_are_sorted_into_own_and_foreign(folder: Path) -> None:
    settings = yaml.safe_load(sample_yaml(AgentSettings))
    for name in ("data", "log", "database", "incoming"):
        (folder / name).mkdir()
    settings["data_folder"] = str(folder / "data")
    settings["openpgp"]["home"] = str(folder / "g")
    settings["database"]["url"] = f"sqlite:///{folder / 'database' / 'practice.db'}"
    settings["audit"] = {"key": {"file": str(folder / "keys" / "audit_key")}}
    settings["logging"]["file"] = str(folder / "log" / "agent.log")
    settings["watch"]["metrics_file"] = str(folder / "data" / "otv.prom")
    (folder / "etc").mkdir()
    file = folder / "etc" / "agent.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    place = installation(load_config(file))
    named = {path.name for path in place.own}
    assert named == {"etc", "data", "g", "log"}
    assert {path.name for path in place.written} == {"g", "log", "database"}
    assert [path.name for path in place.foreign] == ["database"]
    assert [path.name for path in place.kept] == ["audit_key"]
