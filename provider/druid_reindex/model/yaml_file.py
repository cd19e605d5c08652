"""YAML files as checked values; what is wrong is named by file, line, field, value found, and what works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from druid_reindex.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)
FieldPath = tuple[str | int, ...]
_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong in a file: which field, what was found there, what is wrong with it or what works."""

    field: FieldPath
    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A YAML document and the line on which each of its fields starts (counted from 1)."""

    path: Path
    content: dict[str, Any]
    lines: Mapping[FieldPath, int]

    def line_of(self, field: FieldPath) -> int:
        """The line of ``field``, or of the nearest field around it."""
        while field and field not in self.lines:
            field = field[:-1]
        return self.lines.get(field, 1)

    def refuse(self, defects: Iterable[Defect]) -> None:
        """Raise one ConfigurationError for all of ``defects``; do nothing when there are none."""
        told = [f"{self.path}:{self.line_of(d.field)}: {dotted(d.field)}: found {d.found}; {d.remedy}" for d in defects]
        if told:
            raise _wrong(self.path, "\n".join(told))

    def model(self, kind: type[Model]) -> Model:
        """The file as a ``kind``. Raises ConfigurationError that names every wrong field."""
        try:
            return kind.model_validate(self.content)
        except ValidationError as error:
            self.refuse(_defect(kind, details) for details in error.errors(include_url=False))
            raise


def read_yaml(path: Path) -> YamlFile:
    """The document in ``path``. Raises ConfigurationError when it is no readable YAML mapping with unique keys."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"{path}: cannot be read: {type(error).__name__}: {error}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _wrong(
            path, f"{path}:{line}: not YAML: {error.problem}; {error.context or 'look at its indentation'}"
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(path, f"{path}:1: the file holds no `field: value` lines")
    lines: dict[FieldPath, int] = {}
    _refuse_repeated_keys(path, _collect_lines(node, (), lines))
    loader = yaml.CSafeLoader("")
    return YamlFile(path, loader.construct_document(node), lines)


def dotted(field: FieldPath) -> str:
    """``metrics[1].type`` for ``("metrics", 1, "type")``."""
    text = ""
    for part in field:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "(the whole file)"


def shown(value: object) -> str:
    """``value`` as an error shows it: its repr, cut when long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _wrong(path: Path, came_back: str) -> ConfigurationError:
    return ConfigurationError(
        "read a configuration file",
        resource=str(path),
        came_back=f"\n{came_back}\n",
        remedy="correct the lines named above",
    )


def _collect_lines(node: yaml.Node, at: FieldPath, lines: dict[FieldPath, int]) -> list[tuple[FieldPath, int]]:
    """Fill ``lines`` below ``node``; returns the keys that stand twice in one mapping."""
    lines.setdefault(at, node.start_mark.line + 1)
    repeated: list[tuple[FieldPath, int]] = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            field, line = (*at, str(key.value)), key.start_mark.line + 1
            if field in lines:
                repeated.append((field, line))
            lines[field] = line
            repeated += _collect_lines(value, field, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            repeated += _collect_lines(item, (*at, index), lines)
    return repeated


def _refuse_repeated_keys(path: Path, repeated: list[tuple[FieldPath, int]]) -> None:
    if repeated:
        told = "\n".join(f"{path}:{line}: {dotted(field)}: stands twice; keep one of them" for field, line in repeated)
        raise _wrong(path, told)


def _defect(kind: type[BaseModel], details: ErrorDetails) -> Defect:
    field = _in_the_file(details)
    if details["type"] == "missing":
        return Defect(field, "nothing", f"add it: {_description(kind, field) or 'it is required'}")
    if details["type"] == "extra_forbidden":
        return Defect(field, "a field that does not exist", _did_you_mean(kind, field))
    message = details["msg"].removeprefix("Value error, ")
    hint = _description(kind, field)
    return Defect(field, shown(details["input"]), f"{message}{f' ({hint})' if hint else ''}")


def _in_the_file(details: ErrorDetails) -> FieldPath:
    """pydantic's location without the names of union members, which stand in no file."""
    return tuple(part for part in details["loc"] if isinstance(part, int) or part not in {"datasource_input", "static"})


def _model_at(kind: type[BaseModel], field: FieldPath) -> type[BaseModel] | None:
    """The model whose field the last part of ``field`` is."""
    current: type[BaseModel] | None = kind
    for part in field[:-1]:
        if current is None or isinstance(part, int):
            continue
        info = current.model_fields.get(part)
        current = _model_in(info.annotation) if info else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in getattr(annotation, "__args__", ()) if (found := _model_in(each))), None)


def _description(kind: type[BaseModel], field: FieldPath) -> str:
    model = _model_at(kind, field)
    named = next((part for part in reversed(field) if isinstance(part, str)), "")
    info = model.model_fields.get(named) if model else None
    return (info.description or "") if info else ""


def _did_you_mean(kind: type[BaseModel], field: FieldPath) -> str:
    model = _model_at(kind, field)
    known = sorted(model.model_fields) if model else []
    close = get_close_matches(str(field[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
