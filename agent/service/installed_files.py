"""Finds the files of the repository's folder `service/`, which a wheel carries inside the package.

They stand there once: the build copies them (`force-include` in pyproject.toml), a
checkout is read where it lies.
"""

from pathlib import Path

from agent.errors import SpoolError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "service_files", _PACKAGE.parent / "service")


def installed_file(name: str) -> Path:
    """For example `systemd/otv-agent.service`. Raises SpoolError for a damaged installation."""
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise SpoolError(f"the installed program lacks its file {name}: install it anew")
