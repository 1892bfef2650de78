"""Takes academic titles, `jun.` and `sen.` out of a name's words: they are not part of it (reading A7).

A step of `agent.domain.names`, on text that is folded already. A name that
consists of nothing else keeps its words: somebody may be called Phil or Senior.
"""

import re
from collections.abc import Iterator, Sequence

_DOTTED_DEGREE = re.compile(r"\b(?:h\. ?c|[bm]\. ?(?:sc|eng)|ll\. ?[bm]|ph\. ?d)\.")
# `Jun.-Prof.` is no junior, and `Dr.in` no preposition.
_PROFESSOR = re.compile(r"\b(?:apl|ao|em|hon|jun)\. ?(?=prof\b)")
_FEMININE = re.compile(r"\b(dr|prof|mag)\.in\b\.?")

_TITLE_WORDS = (
    "dr drs ddr mudr mddr prof professor professorin pd priv univ dipl bsc msc beng meng llb llm mba phd"
)
_TITLE_PART_WORDS = (
    "med dent vet rer nat pol phil jur iur theol oec troph soc agr paed psych biol chem phys math hum stom "
    "inf ing kfm kffr wirt betriebsw verw techn doz sc habil hc mult fh th ba univ"
)
_TITLES = frozenset(_TITLE_WORDS.split())
_DOTTED_TITLES = frozenset({"ing.", "mag.", "doz."})  # without the dot they are names
_TITLE_PARTS = frozenset(_TITLE_PART_WORDS.split())
# `jun` and `sen` without a dot may be Jun and Şen.
_GENERATIONS = frozenset({"jun.", "sen.", "jr.", "sr.", "jr", "sr", "junior", "senior", "junior.", "senior."})


def degrees_joined(text: str) -> str:
    """Each degree of several abbreviations as one word: `Ph. D.` becomes `phd.`, `Dr.in` becomes `dr.`."""
    text = _FEMININE.sub(r"\1. ", _PROFESSOR.sub("", text))
    return _DOTTED_DEGREE.sub(lambda degree: re.sub("[. ]", "", degree[0]) + ".", text)


def without_titles(words: list[str]) -> list[str]:
    """Words that are neither title nor generation; `med.` is a title only behind `Dr.`."""
    names = [word for word, title in _told_apart(words) if not title]
    # `Dr. Phil` alone is somebody called Phil.
    names = names or [word for word in words if not _is_title(word)] or words
    return names[:1] + [word for word in names[1:] if word not in _GENERATIONS]


def _told_apart(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    title = False
    for word in words:
        title = _is_title(word) or (title and word.strip("().") in _TITLE_PARTS)
        yield word, title


def _is_title(word: str) -> bool:
    return word.rstrip(".") in _TITLES or word in _DOTTED_TITLES
