"""The page's own style, scripts and pictures, read once from the package.

No path from outside is ever opened. Types are written here: on Windows the
registry decides what a guessed one is.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
    "uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "uPlot.min.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Every file that is served, and as what."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`version` is a part of its digest: browsers keep a file until it changes."""

    content: bytes
    content_type: str
    version: str


@cache
def static_file(name: str) -> StaticFile | None:
    """None for any other name."""
    if name not in TYPES:
        return None
    content = resources.files("agent.status_page").joinpath("static", name).read_bytes()
    return StaticFile(content, TYPES[name], hashlib.sha256(content).hexdigest()[:16])


def static_path(name: str) -> str:
    """For templates; raises KeyError for a file that is not served."""
    file = static_file(name)
    if file is None:
        raise KeyError(name)
    return f"/static/{name}?v={file.version}"
