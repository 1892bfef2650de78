"""The one-page map of the house names every room."""

import re
from pathlib import Path

import agent

ROOT = Path(agent.__file__).parent


def test_map_of_the_house_names_every_module_and_package() -> None:
    rooms = {path.stem for path in ROOT.glob("*.py") if not path.stem.startswith("__")}
    rooms |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    named = set(re.findall(r"(?:^ {4}| {2,})([a-z_]+)/? ", str(agent.__doc__), re.MULTILINE))
    assert rooms <= named, sorted(rooms - named)
