"""One YAML file as plain text values, each with the line it stands on.

First step of loading the configuration. Values are built from PyYAML's
events, not by its constructors: a scalar stays the text that is written, and
the model decides what it means. So `no`, `012`, `1e5` or a fingerprint of
digits only are never turned into something else behind the reader's back.
Tags, anchors, aliases and a second document are refused, a duplicate key is a
problem; size and depth are limited. Nothing here knows a setting.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from agent.errors import ConfigError

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 8

YamlValue = str | None | list["YamlValue"] | dict[str, "YamlValue"]
YamlPath = tuple[str | int, ...]

# YAML 1.2 core schema; nothing else that is unquoted stands for "no value".
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})

_ADVICE = {
    "escape character": "a backslash in double quotes is an escape: put Windows paths into single quotes",
    "'\\t'": "indent with spaces, never with tabs",
    "mapping values are not allowed": "check the indentation, and quote a value that contains `: `",
    "could not find expected ':'": "every line is `key: value`, with a space after the colon",
}


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The file's top-level section, where everything stands, and what is wrong with the YAML itself."""

    file: Path
    data: Mapping[str, YamlValue]
    lines: Mapping[YamlPath, int]
    problems: tuple[str, ...] = ()

    def line(self, path: YamlPath) -> int:
        """The line of `path`, or of the nearest section around it that is written down."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: YamlPath, what: str) -> str:
        """`file:line: yaml.path: what`."""
        return f"{self.file}:{self.line(path)}: {dotted(path)}: {what}"


def dotted(path: YamlPath) -> str:
    """`("sftp", "host_keys", 0)` as `sftp.host_keys[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def read_yaml(file: Path) -> YamlDocument:
    """The document in `file`; raises ConfigError where there is nothing to go on with."""
    text = _read_text(file)
    construction = _Construction(file)
    try:
        data = construction.document(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(file, error)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError([f"{file}:{line}: contains a control character: remove it"]) from error
    if data is None:
        raise ConfigError([f"{file}: is empty: copy the sample beside docs/configuration.md and fill it in"])
    if not isinstance(data, dict):
        raise ConfigError([f"{file}:1: must consist of `key: value` lines"])
    return YamlDocument(file, data, construction.lines, tuple(construction.problems))


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError([f"{file}: there is no such file: check the path, or create it"]) from error
    except PermissionError as error:
        what = "may not be read by the user this runs as: give that user read permission"
        raise ConfigError([f"{file}: {what}"]) from error
    except OSError as error:
        what = f"cannot be read ({error.strerror}): check that it is a regular file"
        raise ConfigError([f"{file}: {what}"]) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError([f"{file}: is larger than {MAX_FILE_BYTES // 1024} KiB: this is no configuration"])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{file}:{line}: is not UTF-8: save it with that encoding"]) from error


def _syntax_problem(file: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    reason = error.problem or "not readable as YAML"
    advice = next(
        (text for sign, text in _ADVICE.items() if sign in reason), "check this line and the one above"
    )
    return f"{file}:{line}: is not valid YAML ({reason}): {advice}"


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


@dataclass(slots=True)
class _Construction:
    """Values out of events; collects lines and those problems that do not end the reading."""

    file: Path
    lines: dict[YamlPath, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def document(self, events: Iterator[yaml.Event]) -> YamlValue:
        value: YamlValue = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._stop(event, (), "a second document begins here: one file holds one")
            elif isinstance(event, yaml.NodeEvent):
                value = self._value(event, events, ())
        return value

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], path: YamlPath) -> YamlValue:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._stop(event, path, "aliases (`*name`) are not allowed: write the value itself")
        if len(path) > MAX_DEPTH:
            self._stop(event, path, f"is nested deeper than {MAX_DEPTH} levels")
        self._refuse_decoration(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        raise AssertionError("a node is a scalar, a sequence, a mapping or an alias")

    def _mapping(self, events: Iterator[yaml.Event], path: YamlPath) -> YamlValue:
        section: dict[str, YamlValue] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, path)
            key_path = (*path, key)
            first = self.lines.get(key_path) if key in section else None
            self.lines.setdefault(key_path, _line(event))
            value = self._value(next(events), events, key_path)
            if first is None:
                section[key] = value
            else:
                what = f"is written twice, first in line {first}: remove one of the two"
                self._add(event, key_path, what)
        return section

    def _key(self, event: yaml.Event, path: YamlPath) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(event, path, "a key must be a plain word")
        self._refuse_decoration(event, path)
        self._refuse_invisible(event, path)
        return event.value

    def _sequence(self, events: Iterator[yaml.Event], path: YamlPath) -> YamlValue:
        items: list[YamlValue] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._value(event, events, (*path, len(items))))
        return items

    def _scalar(self, event: yaml.ScalarEvent, path: YamlPath) -> str | None:
        if event.style is None and event.value in _NULL:
            return None
        self._refuse_invisible(event, path)
        return event.value

    def _refuse_decoration(self, event: yaml.Event, path: YamlPath) -> None:
        if getattr(event, "tag", None) is not None:
            self._add(event, path, "tags (`!name`) are not allowed: remove it")
        if getattr(event, "anchor", None) is not None:
            self._add(event, path, "anchors (`&name`) are not allowed: remove it")

    def _refuse_invisible(self, event: yaml.ScalarEvent, path: YamlPath) -> None:
        if any(unicodedata.category(character) in _INVISIBLE for character in event.value):
            what = "contains a line break or an invisible character: write it by hand, in one line"
            self._add(event, path, what)

    def _add(self, event: yaml.Event, path: YamlPath, what: str) -> None:
        self.problems.append(self._sentence(event, path, what))

    def _stop(self, event: yaml.Event, path: YamlPath, what: str) -> NoReturn:
        raise ConfigError([*self.problems, self._sentence(event, path, what)])

    def _sentence(self, event: yaml.Event, path: YamlPath, what: str) -> str:
        where = f"{self.file}:{_line(event)}"
        return f"{where}: {dotted(path)}: {what}" if path else f"{where}: {what}"
