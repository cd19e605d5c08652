"""YAML files whose every field knows its line, and the one error that names all that is wrong in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from druid_reindex.errors import ConfigurationError

FieldPath = tuple[str | int, ...]
_LONGEST_VALUE = 80
_USER_INFO = re.compile(r"://[^/@\s]*@")
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong in a file: the field, what was found there, and what is wrong with it and works."""

    field: FieldPath
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML document; ``root`` is its node tree, which knows the line of each field."""

    path: Path
    content: dict[str, Any]
    root: yaml.MappingNode

    def line_of(self, field: FieldPath) -> int:
        """The line of ``field``, or of the nearest field around it, counted from 1."""
        node: yaml.Node = self.root
        line = node.start_mark.line + 1
        for part in field:
            entry = _entry(node, part)
            if entry is None:
                break
            place, node = entry
            line = place.start_mark.line + 1
        return line

    def refuse(self, defects: Iterable[Defect]) -> None:
        """Raise one ConfigurationError for all of ``defects``; do nothing when there are none."""
        listed = list(dict.fromkeys(defects))
        if listed:
            raise self.error(listed)

    def error(self, defects: Iterable[Defect]) -> ConfigurationError:
        """One error for all of ``defects``, in the order of their lines."""
        ordered = sorted(defects, key=lambda each: self.line_of(each.field))
        return _wrong(self.path, [_line(self.path, self.line_of(each.field), each) for each in ordered])


def read_yaml(path: Path) -> YamlFile:
    """The document in ``path``. Raises ConfigurationError when it is no readable YAML mapping with unique keys."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        if not isinstance(root, yaml.MappingNode):
            found = "nothing" if root is None else shown(yaml.CSafeLoader("").construct_document(root))
            raise _wrong(path, [f"{path}:1: (the whole file): found {found}; write one `field: value` on each line"])
        YamlFile(path, {}, root).refuse(_bad_keys(root))
        return YamlFile(path, yaml.CSafeLoader("").construct_document(root), root)
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, [f"{path}: cannot be read: {type(error).__name__}: {error}"]) from error
    except yaml.YAMLError as error:
        raise _wrong(path, [_not_yaml(path, error)]) from error
    except ValueError as error:
        raise _wrong(path, [f"{path}: found a date or number that does not exist ({error}); quote it"]) from error


def dotted(field: FieldPath) -> str:
    """``metrics[1].type`` for ``("metrics", 1, "type")``."""
    text = ""
    for part in field:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the whole file)"


def shown(value: object) -> str:
    """``value`` as an error shows it, in YAML's words and cut when long; without passwords, of a mapping its keys."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case date():
            return f"the date {value.isoformat()}"
        case Mapping():
            return f"a mapping of {', '.join(map(str, value))}" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
    text = _USER_INFO.sub("://…@", repr(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _line(path: Path, line: int, defect: Defect) -> str:
    return f"{path}:{line}: {dotted(defect.field)}: found {defect.found}; {defect.remedy}"


def _wrong(path: Path, told: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "read a configuration file",
        resource=str(path),
        came_back="\n" + "\n".join(told) + "\n",
        remedy="correct the lines named above",
    )


def _not_yaml(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    context, began = getattr(error, "context", None), getattr(error, "context_mark", None)
    advice = context or "look at the indentation, colons and quotes"
    advice += f" that begins on line {began.line + 1}" if context and began else ""
    return f"{where}: not YAML: {problem}; {advice}"


def _entry(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Where ``part`` of ``node`` stands, and its value; the last one counts, as merged keys come first."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
    return None


def _bad_keys(root: yaml.Node) -> Iterator[Defect]:
    """The keys that stand twice in one mapping, or that YAML does not read as text; each node is looked at once."""
    waiting: list[tuple[FieldPath, yaml.Node]] = [((), root)]
    known: set[int] = set()
    while waiting:
        at, node = waiting.pop()
        if id(node) in known:
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*at, index), item) for index, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            yield from _bad_keys_of(at, node)
            waiting += [((*at, str(key.value)), value) for key, value in node.value]


def _bad_keys_of(at: FieldPath, node: yaml.MappingNode) -> Iterator[Defect]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag not in {_TEXT, _MERGE} or not isinstance(key, yaml.ScalarNode):
            yield Defect((*at, str(key.value)), "a field name that YAML does not read as text", "put it in quotes")
            continue
        if key.value in seen and key.tag == _TEXT:
            lines = f"lines {seen[key.value]} and {key.start_mark.line + 1}"
            yield Defect((*at, key.value), f"the field twice ({lines})", "keep one of them")
        seen.setdefault(key.value, key.start_mark.line + 1)
