"""The JSON schema of a pipeline file, for editors; ``docs/pipeline.schema.json`` is a copy of it."""

from __future__ import annotations

from typing import Any

from druid_reindex.model.pipeline import Pipeline

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema; each field's ``description`` says what works, in the words of the errors."""
    return {"$schema": DIALECT, **Pipeline.model_json_schema(), "title": "A pipeline of druid-reindex"}
