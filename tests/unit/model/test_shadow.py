"""A pipeline whose nights write beside what is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.shadow import compared_with, written_by

ROOT = Path(__file__).parents[3]
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
SHIPPED = ROOT / "dags" / "pipelines"


def shadowed(folder: Path, name: str, **changes: str) -> Path:
    """The shipped file of the pipeline with ``mode: shadow``."""
    text = (SHIPPED / f"{name}.yaml").read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    file = folder / f"{name}.yaml"
    file.write_text(f"{text}\nmode: shadow\n")
    return file


def test_a_shadow_reads_what_the_pipeline_would_have_rebuilt(tmp_path: Path) -> None:
    shadow = load_pipeline(shadowed(tmp_path, "patient_vitals"), BOUNDARIES)
    assert (shadow.datasource, shadow.source) == ("patient_vitals__shadow", "patient_vitals")
    assert shadow.is_derived
    assert shadow.dag_id == "nightly_reindex__patient_vitals__shadow"
    assert compared_with(shadow) == "patient_vitals"


def test_the_shadow_of_what_is_built_from_others_is_built_from_the_same_and_loads_nothing(tmp_path: Path) -> None:
    shadow = load_pipeline(shadowed(tmp_path, "patient_snapshot"), BOUNDARIES)
    served = load_pipeline(SHIPPED / "patient_snapshot.yaml", BOUNDARIES)
    assert (shadow.datasource, shadow.inputs) == ("patient_snapshot__shadow", served.inputs)
    assert (shadow.unloads, shadow.loads) == (served.unloads, ())
    assert compared_with(shadow) == "patient_snapshot"


def test_a_pipeline_that_replaces_is_itself() -> None:
    served = load_pipeline(SHIPPED / "patient_vitals.yaml", BOUNDARIES)
    assert written_by(served) is served
    assert compared_with(served) is None


def test_a_shadow_keeps_the_rules_of_a_pipeline(tmp_path: Path) -> None:
    """Rows are counted by a metric once they come from another datasource."""
    file = shadowed(tmp_path, "patient_vitals", **{"type: count, name: events": "type: longSum, name: n, fieldName: n"})
    with pytest.raises(ConfigurationError, match="count"):
        load_pipeline(file, BOUNDARIES)
