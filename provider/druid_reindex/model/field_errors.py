"""What pydantic refuses in a file, told by field, value found and what works.

The remedy of a field is its ``description`` in the model, which the JSON schema shows too. Each field of ``dimensions``
or ``inputs`` is found through lists, optional values and the members of a union, whose tags stand in no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from druid_reindex.model.yaml_file import Defect, FieldPath, YamlFile, shown

Model = TypeVar("Model", bound=BaseModel)
_PLAINLY = {
    "string_type": "it is text",
    "bool_type": "it is true or false, without quotes",
    "int_type": "it is a whole number, without quotes",
    "float_type": "it is a number, without quotes",
    "tuple_type": "it is a list, one item a line after `- `",
    "too_short": "it has no item",
    "model_type": "it is a mapping of `field: value` lines",
    "model_attributes_type": "it is a mapping of `field: value` lines",
    "dict_type": "it is a mapping of `field: value` lines",
}
_SAID_BY_DESCRIPTION = {"enum", "literal_error", "string_pattern_mismatch"}
_SECRET = re.compile(r"pass(word|wd|phrase)?|secret|token|credential|access_?key|private", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Place:
    """A field as the file has it: the models it may be a field of, what the model says of it, its value there."""

    field: FieldPath
    owners: tuple[type[BaseModel], ...]
    info: FieldInfo | None
    value: Any


def defects(kind: type[BaseModel], content: Mapping[str, Any], error: ValidationError) -> list[Defect]:
    """Every field of ``content`` that ``error`` says is no good for a ``kind``."""
    return [_defect(kind, content, each) for each in error.errors(include_url=False) if not _is_echo(each)]


def load(file: YamlFile, kind: type[Model]) -> Model:
    """``file`` as a ``kind``. Raises ConfigurationError that names every wrong field."""
    try:
        return kind.model_validate(file.content)
    except ValidationError as error:
        raise file.error(defects(kind, file.content, error)) from error


def did_you_mean(found: object, known: Iterable[str]) -> str:
    """``did you mean X?`` when one of ``known`` is close to ``found`` (whatever the case), else an empty text."""
    from difflib import get_close_matches  # noqa: PLC0415  (a DAG file without mistakes is parsed without it)

    by_folded = {name.casefold(): name for name in known}
    close = get_close_matches(str(found).casefold(), by_folded, n=1)
    return f"did you mean {by_folded[close[0]]}?" if close else ""


def _defect(kind: type[BaseModel], content: Mapping[str, Any], details: ErrorDetails) -> Defect:
    place = _place(kind, content, details["loc"])
    works = place.info.description if place.info else None
    match details["type"]:
        case "missing":
            return Defect(place.field, "nothing", f"add it: {works}" if works else "add it")
        case "extra_forbidden":
            return _unknown(place)
        case "union_tag_invalid" | "union_tag_not_found":
            return _untagged(place, details)
    message = _PLAINLY.get(details["type"], details["msg"].removeprefix("Value error, "))
    message = "" if works and details["type"] in _SAID_BY_DESCRIPTION else message
    hint = did_you_mean(place.value, _choices(place.info)) if isinstance(place.value, str) else _quote(details)
    return Defect(place.field, shown(place.value), "; ".join(filter(None, [message, hint, works and f"write {works}"])))


def _is_echo(details: ErrorDetails) -> bool:
    """Whether pydantic calls a list too short because items in it are wrong, which it tells as well."""
    return details["type"] == "too_short" and len(details["input"]) >= details["ctx"]["min_length"]


def _quote(details: ErrorDetails) -> str:
    return (
        "put it in quotes, if it is meant"
        if details["type"] == "string_type" and not _is_nested(details["input"])
        else ""
    )


def _is_nested(value: object) -> bool:
    return value is None or isinstance(value, Mapping | list)


def _unknown(place: _Place) -> Defect:
    name = str(place.field[-1])
    known = sorted({field for owner in place.owners for field in owner.model_fields})
    value = "a value that is not shown" if _SECRET.search(name) else shown(place.value)
    hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
    return Defect(place.field, f"{value} in a field that does not exist", hint)


def _untagged(place: _Place, details: ErrorDetails) -> Defect:
    """A member of a union without its ``type``, or with one that is unknown."""
    found = shown(place.value.get("type")) if isinstance(place.value, Mapping) and "type" in place.value else "nothing"
    tags = sorted({str(tag) for owner in _members(place) for tag in _choices(owner.model_fields.get("type"))})
    hint = did_you_mean(details["ctx"]["tag"], tags) if "tag" in details.get("ctx", {}) else ""
    remedy = "; ".join(filter(None, [hint, f"write {' or '.join(tags)}"]))
    return Defect((*place.field, "type"), found, remedy)


def _members(place: _Place) -> tuple[type[BaseModel], ...]:
    return tuple(_models_in(place.info.annotation)) if place.info else ()


def _place(kind: type[BaseModel], content: Any, loc: tuple[int | str, ...]) -> _Place:
    """The field that pydantic's ``loc`` means, without the tags of union members and the fields of bare values."""
    field: FieldPath = ()
    owners: tuple[type[BaseModel], ...] = ()
    inside: tuple[type[BaseModel], ...] = (kind,)
    info: FieldInfo | None = None
    value = content
    for part in loc:
        if isinstance(part, str) and (tagged := _tagged(inside, part)) and part not in _keys(value):
            inside = tagged
            continue
        if not isinstance(value, Mapping | list | tuple):
            break
        field = (*field, part)
        value = _child(value, part)
        if isinstance(part, str) and inside and not _is_keyed(info):
            owners = inside
            info = next((owner.model_fields[part] for owner in owners if part in owner.model_fields), None)
            inside = tuple(_models_in(info.annotation)) if info else ()
        elif isinstance(part, str) and inside:
            info = None
    return _Place(field, owners, info, value)


def _is_keyed(info: FieldInfo | None) -> bool:
    """Whether what comes next is a key of the field's mapping, not a field."""
    return info is not None and get_origin(info.annotation) is dict


def _tagged(inside: tuple[type[BaseModel], ...], part: str) -> tuple[type[BaseModel], ...]:
    """The members of a union whose ``type`` is ``part``."""
    if len(inside) < 2:
        return ()
    return tuple(member for member in inside if part in _choices(member.model_fields.get("type")))


def _keys(value: Any) -> Iterable[str]:
    return value.keys() if isinstance(value, Mapping) else ()


def _child(value: Any, part: int | str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(part, int) and part < len(value) else None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for each in get_args(annotation):
        yield from _models_in(each)


def _choices(info: FieldInfo | None) -> list[str]:
    """The texts that a field of an enum or of literals takes."""
    annotation = info.annotation if info else None
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    return []
