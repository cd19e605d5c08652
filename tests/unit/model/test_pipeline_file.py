"""Each field of a pipeline file wrong in turn: the error names file, line, field, value found and what works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "dags" / "pipelines"
WHOLE = """\
datasource: patient_labs
classification: phi
owner: clinical-data
description: Laboratory tests.
schedule:
  cron: "30 2 * * *"
  timezone: America/New_York
tags:
  - laboratory
inputs:
  - type: datasource
    datasource: patient_labs
dimensions:
  - name: code
    type: string
  - units
metrics:
  - type: doubleSum
    name: value_sum
    fieldName: value
granularity:
  segment: DAY
  query: MINUTE
  rollup: false
partitioning:
  target_rows_per_segment: 5000000
  target_segment_bytes: 500000000
  partition_dimensions:
    - code
lookback: P90D
engine: hadoop
submit: overlord
cluster:
  profile: small
  group: nightly
connections:
  druid: my_druid
  aws: my_aws
policy:
  max_chunks_per_batch: 60
  max_night_hours: 8
  finish_within_hours: 6
  max_chunks: 400
  max_instance_hours: 90
  max_cost_usd: 50
  retries: 2
"""
POLICY = WHOLE[WHOLE.index("policy:") :].rstrip()
STATIC = "  - {type: static, paths: [s3://drx-phi-111122223333/in/], format: json}"
# field of the model | what is written in WHOLE | what is written instead | value found | what works
WRONG = [
    ("datasource", "datasource: patient_labs\nc", "datasource: 2labs\nc", "found '2labs'", "a letter, then letters"),
    ("classification", "classification: phi", "classification: Phy", "found 'Phy'", "did you mean phi?"),
    ("owner", "owner: clinical-data", "owner: ''", "found ''", "write the team that answers"),
    ("description", "description: Laboratory tests.", "description: 7", "found 7", "put it in quotes"),
    ("schedule", "schedule:\n  cron: \"30 2 * * *\"\n  timezone: America/New_York", "schedule: nightly",
     "found 'nightly'", "write cron and timezone"),
    ("schedule.cron", '  cron: "30 2 * * *"', '  cron: "30 25 * * *"', "found '30 25 * * *'", "from 0 to 23"),
    ("schedule.timezone", "timezone: America/New_York", "timezone: Boston", "found 'Boston'", "America/New_York"),
    ("tags", "tags:\n  - laboratory", "tags: laboratory", "found 'laboratory'", "write a list of words"),
    ("inputs", "inputs:\n  - type: datasource\n    datasource: patient_labs", "inputs: []", "found an empty list",
     "`- type: datasource`"),
    ("inputs[].type", "  - type: datasource", "  - type: datasorce", "found 'datasorce'", "did you mean datasource?"),
    ("inputs[].datasource", "    datasource: patient_labs", "    datasource: patient_claims",
     "found 'patient_claims'", "leave it out or write patient_labs"),
    ("inputs[].paths", "  - type: datasource\n    datasource: patient_labs",
     STATIC.replace("s3://drx-phi-111122223333/in/", "hdfs://a/b"), "[0]: found 'hdfs://a/b'", "write s3://bucket/prefix"),
    ("inputs[].format", "  - type: datasource\n    datasource: patient_labs", STATIC.replace("json", "jsn"),
     "found 'jsn'", "did you mean json?"),
    ("dimensions", "dimensions:\n  - name: code\n    type: string\n  - units", "dimensions: code, units",
     "found 'code, units'", "a list of names"),
    ("dimensions[].name", "  - name: code", "  - name: 404", "found 404", "put it in quotes"),
    ("dimensions[].type", "    type: string", "    type: strnig", "found 'strnig'", "did you mean string?"),
    ("metrics", "metrics:\n  - type: doubleSum\n    name: value_sum\n    fieldName: value", "metrics: none",
     "found 'none'", "{type, name, fieldName}"),
    ("metrics[].type", "  - type: doubleSum", "  - type: doublSum", "found 'doublSum'", "did you mean doubleSum?"),
    ("metrics[].name", "    name: value_sum", "    name: __time", "found '__time'", "leave it out"),
    ("granularity", "granularity:\n  segment: DAY\n  query: MINUTE\n  rollup: false", "granularity: DAY",
     "found 'DAY'", "segment, query and rollup"),
    ("granularity.segment", "  segment: DAY", "  segment: P1D", "found 'P1D'", "HOUR, DAY, WEEK, MONTH or YEAR"),
    ("granularity.query", "  query: MINUTE", "  query: MINUTES", "found 'MINUTES'", "did you mean MINUTE?"),
    ("granularity.rollup", "  rollup: false", "  rollup: 'no'", "found 'no'", "true or false"),
    ("partitioning", WHOLE[WHOLE.index("partitioning:") : WHOLE.index("\nlookback")],
     "partitioning: 5000000", "found 5000000", "size of the segments"),
    ("partitioning.target_rows_per_segment", "rows_per_segment: 5000000", "rows_per_segment: 12", "found 12", "1000"),
    ("partitioning.target_segment_bytes", "segment_bytes: 500000000", "segment_bytes: 500 MB", "found '500 MB'",
     "bytes, 1000000 to"),
    ("partitioning.partition_dimensions", "    - code", "    - cod", "found 'cod'", "did you mean code?"),
    ("lookback", "lookback: P90D", "lookback: 90", "found 90", "such as P60D"),
    ("engine", "engine: hadoop", "engine: msq", "found 'msq'", "write hadoop"),
    ("submit", "submit: overlord", "submit: emr-step", "found 'emr-step'", "did you mean emr_step?"),
    ("cluster", "cluster:\n  profile: small\n  group: nightly", "cluster: small", "found 'small'",
     "write which cluster profile"),
    ("cluster.profile", "  profile: small", "  profile: Small.yaml", "found 'Small.yaml'", "without .yaml"),
    ("cluster.group", "  group: nightly", "  group: Nightly runs", "found 'Nightly runs'", "share a cluster"),
    ("connections", "connections:\n  druid: my_druid\n  aws: my_aws", "connections: [my_druid]",
     "found a list of 1", "druid and aws"),
    ("connections.druid", "  druid: my_druid", "  druid: druid_general", "found 'druid_general'", "leave it out"),
    ("connections.aws", "  aws: my_aws", "  aws: ''", "found ''", "an Airflow connection id"),
    ("policy", POLICY, "policy: strict",
     "found 'strict'", "limits of one night"),
    ("policy.max_chunks_per_batch", "_batch: 60", "_batch: 0", "found 0", "1 to 1000"),
    ("policy.max_night_hours", "_hours: 8", "_hours: .nan", "found nan", "up to 72"),
    ("policy.finish_within_hours", "within_hours: 6", "within_hours: 0", "found 0", "is reported, or null"),
    ("policy.max_chunks", "_chunks: 400", "_chunks: 0", "found 0", "waits for approval; null asks never"),
    ("policy.max_instance_hours", "_hours: 90", "_hours: none", "found 'none'", "waits for approval, or null"),
    ("policy.max_cost_usd", "_usd: 50", "_usd: 0", "found 0", "waits for approval, or null"),
    ("policy.retries", "  retries: 2", "  retries: '2'", "found '2'", "0 to 10"),
]  # fmt: skip


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    return load_boundaries(ROOT / "emr_configs")


def fields(kind: type[BaseModel], above: str = "") -> Iterator[str]:
    """Each field of ``kind`` and of the models in it, as ``metrics[].type``."""
    for name, info in kind.model_fields.items():
        yield above + name
        for inner, many in models(info.annotation):
            yield from fields(inner, f"{above}{name}{'[]' if many else ''}.")


def models(annotation: Any, *, many: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, many
    for each in get_args(annotation):
        yield from models(each, many=many or getattr(annotation, "__origin__", None) is tuple)


def refused(path: Path, text: str, boundaries: Boundaries) -> str:
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load_pipeline(path, boundaries)
    return str(refusal.value)


def test_the_table_has_a_row_for_each_field_of_the_model() -> None:
    assert {row[0] for row in WRONG} == set(fields(Pipeline))


def test_the_whole_file_is_good(tmp_path: Path, boundaries: Boundaries) -> None:
    path = tmp_path / "patient_labs.yaml"
    path.write_text(WHOLE)
    pipeline = load_pipeline(path, boundaries)
    assert [dimension.name for dimension in pipeline.dimensions] == ["code", "units"]
    assert pipeline.model_fields_set == set(Pipeline.model_fields)
    assert Pipeline.model_validate(pipeline.model_dump()) == pipeline


@pytest.mark.parametrize(("field", "right", "wrong", "found", "works"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_field(
    tmp_path: Path, boundaries: Boundaries, field: str, right: str, wrong: str, found: str, works: str
) -> None:
    assert WHOLE.count(right) == 1
    path = tmp_path / "patient_labs.yaml"
    told = refused(path, WHOLE.replace(right, wrong), boundaries)
    line = WHOLE[: WHOLE.index(right)].count("\n") + 1
    named = next(part for part in told.splitlines() if part.startswith(f"{path}:"))
    assert named.startswith(f"{path}:{line}: {field.replace('[]', '[0]')}"), named
    assert found in named
    assert works in named


@pytest.mark.parametrize("name", [name for name, info in Pipeline.model_fields.items() if info.is_required()])
def test_a_missing_field(tmp_path: Path, boundaries: Boundaries, name: str) -> None:
    content = [line for line in WHOLE.splitlines() if not line.startswith(f"{name}:")]
    if name == "dimensions":
        content = [line for line in content if line not in {"  - name: code", "    type: string", "  - units"}]
    told = refused(tmp_path / "p.yaml", "\n".join(content), boundaries)
    assert f"p.yaml:1: {name}: found nothing; add it: {Pipeline.model_fields[name].description}" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE + "lokback: P9D\n", "p.yaml:47: lokback: found 'P9D' in a field that does not exist; did you mean look"),
        (WHOLE + "metrics: []\n", "p.yaml:47: metrics: found the field twice (lines 17 and 47); keep one of them"),
        (WHOLE.replace("  retries", "  retrys"), "p.yaml:46: policy.retrys: found 2 in a field that does not exist; "),
        (WHOLE.replace("    fieldName", "    fieldname"), "metrics[0].fieldname: found 'value' in a field that does "),
        (WHOLE.replace("    fieldName: value\n", ""), "p.yaml:18: metrics[0].fieldName: found nothing; doubleSum"),
        (WHOLE.replace("  druid: my_druid", "  password: hunter2"), "password: found a value that is not shown in a "),
        (WHOLE.replace("tags:", "tags: [a"), "; while parsing a flow sequence that begins on line 8"),
        (WHOLE.replace("  cron:", "\tcron:"), "p.yaml:6: not YAML: "),
        ("", "p.yaml:1: (the whole file): found nothing; "),
        ("- datasource: x\n", "p.yaml:1: (the whole file): found a list of 1; "),
        ("datasource\n", "p.yaml:1: (the whole file): found 'datasource'; "),
        ("on: x\n", "p.yaml:1: on: found a field name that YAML does not read as text; put it in quotes"),
        ("owner: !secret x\n", "p.yaml:1: not YAML: could not determine a constructor"),
        ("owner: 2026-13-45\n", "p.yaml: found a date or number that does not exist"),
    ],
)  # fmt: skip
def test_a_wrong_form(tmp_path: Path, boundaries: Boundaries, text: str, told: str) -> None:
    message = refused(tmp_path / "p.yaml", text, boundaries)
    assert told in message
    assert "hunter2" not in message


def test_one_error_names_all_defects_in_the_order_of_their_lines(tmp_path: Path, boundaries: Boundaries) -> None:
    text = WHOLE.replace("owner: clinical-data", "owner: 3").replace("lookback: P90D", "lookback: PT1H")
    text = text.replace("doubleSum", "sum").replace("retries: 2", "retries: 99").replace("patient_labs", "claims")
    told = [part for part in refused(tmp_path / "p.yaml", text, boundaries).splitlines() if "p.yaml:" in part]
    named = [line.split("p.yaml:")[1].split(" found")[0] for line in told if "found" in line]
    assert named == ["1: datasource:", "3: owner:", "18: metrics[0].type:", "30: lookback:", "46: policy.retries:"]


def test_a_file_that_is_not_there(tmp_path: Path, boundaries: Boundaries) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read: FileNotFoundError"):
        load_pipeline(tmp_path / "absent.yaml", boundaries)


def test_an_alias_that_holds_itself_is_told(tmp_path: Path, boundaries: Boundaries) -> None:
    told = refused(tmp_path / "p.yaml", WHOLE.replace("tags:\n  - laboratory", "tags: &t [*t]"), boundaries)
    assert "p.yaml:8: tags[0]: found a list of 1" in told


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_files_are_good_and_named_as_their_datasource(path: Path, boundaries: Boundaries) -> None:
    pipeline = load_pipeline(path, boundaries)
    assert pipeline.datasource == path.stem
    assert pipeline.classification is Classification.PHI


def test_a_hundred_files_take_less_than_a_second(tmp_path: Path, boundaries: Boundaries) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(WHOLE)
    load_pipeline(path, boundaries)
    started = time.process_time()
    for _ in range(100):
        load_pipeline(path, boundaries)
    assert time.process_time() - started < 1
