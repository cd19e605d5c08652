"""The JSON schema of a pack's lines, made from the parts' own types, so that it cannot say something else."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import TypeAdapter

from druid_reindex.evidence.chain import HEAD
from druid_reindex.evidence.dsse import PREDICATE_TYPE
from druid_reindex.evidence.parts import VERSION, Body, Kind, State, Why
from druid_reindex.evidence.parts_trail import TrailBody

_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_DEFINITIONS = "#/$defs/{model}"


def json_schema() -> dict[str, Any]:
    """The schema that each line of a pack holds to."""
    definitions: dict[str, Any] = {}
    bodies = {each.KIND: _reference(each, definitions) for each in (*get_args(Body), *get_args(TrailBody))}
    why = _reference(Why, definitions)
    untold = [state.value for state in State if state is not State.TOLD]
    told = [_line(kind, {"const": State.TOLD.value}, body) for kind, body in bodies.items()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{PREDICATE_TYPE}/line",
        "title": "A line of an evidence pack",
        "oneOf": [*told, _line(None, {"enum": untold}, why)],
        "$defs": definitions,
    }


def _line(kind: Kind | None, state: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*HEAD, "body"],
        "properties": {
            "index": {"type": "integer", "minimum": 0},
            "kind": {"const": kind.value} if kind else {"enum": [each.value for each in Kind]},
            "version": {"const": VERSION},
            "state": state,
            "previous": _SHA256,
            "body": body,
        },
    }


def _reference(model: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the model's schema, which is added to ``definitions`` with all that it is made of."""
    made = TypeAdapter(model).json_schema(ref_template=_DEFINITIONS)
    definitions |= made.pop("$defs", {})
    definitions[model.__name__] = made | {"additionalProperties": False}
    return {"$ref": _DEFINITIONS.format(model=model.__name__)}
