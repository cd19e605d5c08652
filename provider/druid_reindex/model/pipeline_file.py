"""``dags/pipelines/<name>.yaml`` as a Pipeline: one error names all that is wrong in the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.field_errors import defects
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_rules import RULES
from druid_reindex.model.shadow import written_by
from druid_reindex.model.yaml_file import Defect, read_yaml

# Sound values for the required fields, so that rules about sound fields can be asked of a file with a wrong one.
_SOUND: Mapping[str, Any] = {
    "datasource": "sound",
    "classification": "general",
    "owner": "sound",
    "description": "sound",
    "dimensions": ["sound"],
}


def load_pipeline(path: Path, boundaries: Boundaries) -> Pipeline:
    """The pipeline in ``path``, or its shadow. Raises one ConfigurationError that names every wrong field and line."""
    file = read_yaml(path)
    try:
        pipeline = Pipeline.model_validate(file.content)
    except ValidationError as error:
        found = defects(Pipeline, file.content, error)
        wrong = {str(defect.field[0]) for defect in found if defect.field}
        found += _broken_rules(_without(file.content, wrong), boundaries, wrong)
        raise file.error(found) from error
    written = written_by(pipeline)
    file.refuse(_broken_rules(pipeline, boundaries, frozenset()) or _broken_rules(written, boundaries, frozenset()))
    return written


def _without(content: Mapping[str, Any], wrong: Collection[str]) -> Pipeline:
    """The pipeline of the fields that are not ``wrong``."""
    sound = {name: value for name, value in content.items() if name not in wrong}
    return Pipeline.model_validate({**_SOUND, **sound})


def _broken_rules(pipeline: Pipeline, boundaries: Boundaries, wrong: Collection[str]) -> list[Defect]:
    return [defect for rule in RULES if rule.reads.isdisjoint(wrong) for defect in rule.find(pipeline, boundaries)]
