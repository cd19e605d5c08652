"""The fields of the files that a person writes, as one page of Markdown: name, what works, what stands for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.profile import ClusterProfile

_FILES: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("A pipeline: `dags/pipelines/<name>.yaml`", "One datasource and its nights.", Pipeline),
    ("A cluster profile: `emr_configs/profiles/<name>.yaml`", "The shape of a night's cluster.", ClusterProfile),
    (
        "A cluster's security: `emr_configs/security/<name>.yaml`",
        "What a night's cluster is protected with; `druid-reindex security-config show` shows EMR's document of it.",
        ClusterSecurity,
    ),
    (
        "The boundaries: `emr_configs/boundaries.yaml`",
        "What belongs to the account, once for `phi` and once for `general`.",
        Boundaries,
    ),
)
_HEAD = (
    "# Fields of the files\n\nWritten by `druid-reindex pipeline reference` from the code that checks the files. "
    "A field without a default must be given; any other name is refused, with its line.\n"
)
Schema = Mapping[str, Any]


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(*each) for each in _FILES)])


def _section(title: str, text: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    rows = (f"| `{name}` | {what} | {default} |" for name, what, default in _rows(schema, schema.get("$defs", {}), ""))
    return "\n".join([f"## {title}", "", text, "", "| field | what works | default |", "|---|---|---|", *rows, ""])


def _rows(node: Schema, models: Schema, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Name, description and default of each field of ``node`` and, after it, of what it is made of."""
    told: dict[str, str] = {}
    for name, field in node["properties"].items():
        if (same := told.setdefault(str(field.get("$ref", name)), name)) != name:
            yield f"{prefix}{name}", _cell(field.get("description", "")), f"fields as in `{prefix}{same}`"
            continue
        parts = list(_parts(field, models))
        default = _default(name, field, node) if not parts or "default" not in field else "see below"
        yield f"{prefix}{name}", _cell(field.get("description", "")), default
        seen: set[str] = set()
        for part in parts:
            below = f"{prefix}{name}." if field.get("type") != "array" else f"{prefix}{name}[]."
            for row in _rows(part, models, below):
                if row[0] not in seen:
                    seen.add(row[0])
                    yield row


def _parts(field: Schema, models: Schema) -> Iterator[Schema]:
    """The models that the field, or each member of its list, may be."""
    for each in (field, field.get("items", {}), *field.get("anyOf", ()), *field.get("items", {}).get("oneOf", ())):
        found = models.get(str(each.get("$ref", "")).rpartition("/")[2], {})
        if "properties" in found:
            yield found


def _default(name: str, field: Schema, node: Schema) -> str:
    if name in node.get("required", ()):
        return ""
    return f"`{json.dumps(field['default'], ensure_ascii=False)}`" if "default" in field else "left out"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
