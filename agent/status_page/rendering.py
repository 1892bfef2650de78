"""Turns templates into pages, in one of the two languages; escapes everything by itself.

The only module that knows Jinja2. A name that a template misses is an error
and never an empty place.
"""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from agent.language import Language, LanguageCode
from agent.status_page import wording
from agent.status_page.static_files import static_path


def page(template: str, language: Language, **values: Any) -> str:
    """A whole HTML page; `values` stand in the template under their names."""
    environment = _environment(language.code)
    return environment.get_template(template).render(language=language, lang=language.code.value, **values)


@cache
def _environment(code: LanguageCode) -> Environment:
    environment = Environment(
        loader=PackageLoader("agent.status_page"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plain = Language(code)
    # What the extension adds; it puts values into a text only after both are escaped.
    environment.install_gettext_callables(plain.gettext, plain.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["static"] = static_path
    environment.globals["wording"] = wording
    environment.filters["commands"] = commands
    return environment


def commands(text: str) -> Markup:
    """What stands between backticks in a remedy is typed as it is."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else part for index, part in enumerate(parts)
    )
