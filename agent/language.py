"""Says the agent's sentences in German or English; the only module that knows Babel.

The English text is the key, as with gettext: what has no German yet is still
said. The German stands in `agent/locale/de.po`, which every translation program
opens; a test holds that nothing is missing and nothing is left over. Errors'
own messages stay English, because they quote what was found; their remedies
are said in both.
"""

import io
import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from babel import dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

CATALOGUES = Path(__file__).with_name("locale")


class LanguageCode(StrEnum):
    """The languages there are, by their ISO 639-1 code."""

    ENGLISH = "en"
    GERMAN = "de"


# British, for days before months and hours up to 24: the practice is in Germany.
_FORMATS = {LanguageCode.ENGLISH: "en_GB", LanguageCode.GERMAN: "de_DE"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """An English text with `{names}` in it and what stands for them: ids, counts, times and paths only."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)


def sentence(text: str, **values: object) -> Sentence:
    """A sentence to be said later; what this is called with is collected for the translators."""
    return Sentence(text, values)


class Language:
    """One language; moments are shown in `time_zone`, an IANA name."""

    def __init__(self, code: LanguageCode, time_zone: str = "Europe/Berlin") -> None:
        self.code = code
        self._translations = _translations(code)
        self._locale = _FORMATS[code]
        self._time_zone = dates.get_timezone(time_zone)

    def say(self, what: Sentence | str) -> str:
        """The sentence in this language, days in it as people write them; a plain text is looked up."""
        if isinstance(what, str):
            return self.gettext(what)
        values = {name: self._shown(value) for name, value in what.values.items()}
        return self.gettext(what.text).format(**values)

    def _shown(self, value: object) -> object:
        if isinstance(value, Sentence):
            return self.say(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return dates.format_date(value, "medium", locale=self._locale)
        return value

    def gettext(self, text: str) -> str:
        return str(self._translations.gettext(text)) if text else text

    def ngettext(self, one: str, many: str, number: int) -> str:
        """By the language's rule of plurals."""
        return str(self._translations.ngettext(one, many, number))

    def ago(self, moment: datetime, now: datetime) -> str:
        """`3 minutes ago`, `vor 3 Minuten`: one unit, because what matters is whether it is long."""
        passed = min(moment - now, timedelta(seconds=-1))
        return dates.format_timedelta(passed, add_direction=True, locale=self._locale)

    def moment(self, at: datetime) -> str:
        """Date and time of day in the practice's time zone, to the minute."""
        return dates.format_datetime(at.astimezone(UTC), "short", tzinfo=self._time_zone, locale=self._locale)

    def day(self, on: date) -> str:
        """With its weekday, short."""
        form = "EEE d.M." if self.code is LanguageCode.GERMAN else "EEE d MMM"
        return dates.format_date(on, form, locale=self._locale)

    def date(self, on: date) -> str:
        """With its year, as people write it."""
        return dates.format_date(on, "medium", locale=self._locale)

    def duration(self, length: timedelta) -> str:
        """`15 minutes`, `3 Tage`: one unit."""
        return dates.format_timedelta(length, threshold=1.5, locale=self._locale)

    def number(self, value: float) -> str:
        """With the language's separators."""
        return numbers.format_decimal(value, locale=self._locale)


def preferred_language() -> LanguageCode:
    """What the account's locale asks for, in gettext's order; English where it asks for neither."""
    # Python itself sets LC_CTYPE where the locale is not installed (PEP 538): it says nothing of messages.
    named = (os.environ.get(name) for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"))
    # Windows has no such variables, and names its locales in words: `German_Germany`.
    asked = next(filter(None, named), None) or locale.getlocale()[0] or ""
    return LanguageCode.GERMAN if asked.lower().startswith(("de", "german")) else LanguageCode.ENGLISH


@cache
def _translations(code: LanguageCode) -> NullTranslations:
    if code is LanguageCode.ENGLISH:
        return NullTranslations()
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)
