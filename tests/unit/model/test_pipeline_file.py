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
from druid_reindex.model.database import Database
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from jdbc_source import EHR

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
patient_dimension: units
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
streaming_window: PT6H
engine: hadoop
submit: overlord
supervisors: leave
mode: replace
cluster:
  profile: small
  group: nightly
connections:
  druid: my_druid
  aws: my_aws
expectations:
  - type: expect_column_values_to_not_be_null
    column: code
declared_actors:
  - name: historicals
    principal: arn:aws:iam::111122223333:role/DruidNode
    verbs: [s3:GetObject, "kms:Decrypt"]
    prefix: s3://drx-phi-111122223333/druid/segments/
    window: 02:00-06:00
    owner: druid-platform
    purpose: Druid's nodes load the segments that they serve.
    expires: 2027-06-30
unloads:
  - name: claims
    sql: unload/patient_claims.sql
    format: json
    compression: bzip2
    max_file_size_mb: 64
    tokens:
      - column: patient_id
        kind: patient
        name: units
  - name: visits
    jdbc:
      database: ehr
      table: clinic.visits
      columns:
        - visit_id
      split_column: visit_id
      parts: 4
      lower: 1
      upper: 1000
      connections: 2
      fetch_rows: 500
    format: json
    compression: bzip2
token_key:
  secret_id: druid-reindex/tokens/phi/patients
  version_id: 11111111-2222-4333-8444-555555555555
loads:
  - name: snapshot
    table: clinic.patient_snapshot
    columns:
      - patient_token
      - day
    mode: merge
    keys:
      - patient_token
    unload: claims
    sources: {}
    sql: load/patient_snapshot.sql
    format: json
    compression: bzip2
policy:
  max_chunks_per_batch: 60
  max_night_hours: 8
  max_lock_hours: 3
  finish_within_hours: 6
  max_chunks: 400
  max_instance_hours: 90
  max_cost_usd: 50
  rollback_days: 14
  retries: 2
"""
POLICY = WHOLE[WHOLE.index("policy:") :].rstrip()
ACTORS = WHOLE[WHOLE.index("declared_actors:") : WHOLE.index("\nunloads:")]
UNLOADS = WHOLE[WHOLE.index("unloads:") : WHOLE.index("\ntoken_key:")]
TOKEN_KEY = WHOLE[WHOLE.index("token_key:") : WHOLE.index("\nloads:")]
TOKENS = WHOLE[WHOLE.index("    tokens:") : WHOLE.index("\n  - name: visits")]
JDBC = WHOLE[WHOLE.index("    jdbc:") : WHOLE.index("\n    format: json\n    compression: bzip2\ntoken_key:")]
LOADS = WHOLE[WHOLE.index("\nloads:") + 1 : WHOLE.index("\npolicy:")]
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
    ("inputs[].datasource", "    datasource: patient_labs", "    datasource: 7", "found 7", "a datasource's name"),
    ("inputs[].unload", "  - type: datasource\n    datasource: patient_labs",
     "  - {type: static, unload: 7}", "found 7", "the name of one of the pipeline's unloads"),
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
    ("patient_dimension", "patient_dimension: units", "patient_dimension: unit", "found 'unit'", "did you mean units?"),
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
    ("streaming_window", "streaming_window: PT6H", "streaming_window: 6 hours", "found '6 hours'", "such as PT6H"),
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
    ("mode", "mode: replace", "mode: shadows", "found 'shadows'", "did you mean shadow?"),
    ("supervisors", "supervisors: leave", "supervisors: suspended", "found 'suspended'", "did you mean suspend?"),
    ("expectations", "expectations:\n  - type: expect_column_values_to_not_be_null\n    column: code",
     "expectations: none", "found 'none'", "{type, column, …}"),
    ("expectations[].type", "  - type: expect_column_values_to_not_be_null", "  - type: expect_column_to_exits",
     "found 'expect_column_to_exits'", "did you mean expect_column_to_exist?"),
    ("declared_actors", ACTORS, "declared_actors: druid", "found 'druid'", "it is a list"),
    ("declared_actors[].name", "  - name: historicals", "  - name: Historicals", "found 'Historicals'", "of its own"),
    ("declared_actors[].principal", ":role/DruidNode", ":role/*", "role/*'", "without * or ?"),
    ("declared_actors[].invoked_by", "    principal: arn:aws:iam::111122223333:role/DruidNode",
     "    invoked_by: replication", "found 'replication'", "replication.s3.amazonaws.com"),
    ("declared_actors[].verbs", '    verbs: [s3:GetObject, "kms:Decrypt"]', "    verbs: GetObject", "found 'GetObject'",
     "in CloudTrail's words"),
    ("declared_actors[].prefix", "    prefix: s3://drx-phi-111122223333/druid/segments/", "    prefix: s3://else/druid",
     "found 's3://else/druid'", "nothing of phi lies there"),
    ("declared_actors[].window", "02:00-06:00", "2-6", "found '2-6'", "22:00-04:00"),
    ("declared_actors[].owner", "owner: druid-platform", "owner: ''", "found ''", "answers for it"),
    ("declared_actors[].purpose", "    purpose: Druid's nodes load the segments that they serve.", "    purpose: loads",
     "found 'loads'", "what it does this for"),
    ("declared_actors[].expires", "2027-06-30", "2027-06", "found '2027-06'", "the last day"),
    ("unloads", UNLOADS, "unloads: claims", "found 'claims'", "it is a list"),
    ("unloads[].name", "  - name: claims", "  - name: Claims", "found 'Claims'", "a word in small letters"),
    ("unloads[].sql", "    sql: unload/patient_claims.sql", "    sql: claims.sql", "found 'claims.sql'",
     "a file of sql/ with one SELECT"),
    ("unloads[].format", "    format: json\n    compression: bzip2\n    max", "    format: jsn\n    max", "found 'jsn'",
     "did you mean json?"),
    ("unloads[].compression", "    compression: bzip2\n    max", "    compression: zip\n    max", "found 'zip'",
     "a Hadoop job splits"),
    ("unloads[].max_file_size_mb", "_mb: 64", "_mb: 4", "found 4", "megabytes, 5 to 6200"),
    ("unloads[].tokens", TOKENS, "    tokens: patient_id", "found 'patient_id'", "identifiers that a step replaces"),
    ("unloads[].tokens[].column", "      - column: patient_id", "      - column: Patient", "found 'Patient'",
     "column in the files"),
    ("unloads[].tokens[].kind", "        kind: patient", "        kind: A patient", "found 'A patient'",
     "a word such as patient"),
    ("unloads[].tokens[].name", "        name: units", "        name: unit", "found 'unit'", "did you mean units?"),
    ("unloads[].jdbc", JDBC, "    jdbc: ehr", "found 'ehr'", "database, table or sql, split_column"),
    ("unloads[].jdbc.database", "      database: ehr", "      database: ehrs", "found 'ehrs'", "did you mean ehr?"),
    ("unloads[].jdbc.table", "      table: clinic.visits", "      table: visits", "found 'visits'", "schema.table"),
    ("unloads[].jdbc.columns", "      columns:\n        - visit_id", "      columns: visit_id", "found 'visit_id'",
     "of a table: a list"),
    ("unloads[].jdbc.split_column", "      split_column: visit_id", "      split_column: a b", "found 'a b'",
     "whole numbers, dates or timestamps"),
    ("unloads[].jdbc.parts", "      parts: 4", "      parts: 0", "found 0", "1 to 200"),
    ("unloads[].jdbc.lower", "      lower: 1", "      lower: low", "found 'low'", "where the ranges begin"),
    ("unloads[].jdbc.upper", "      upper: 1000", "      upper: 0", "found '0'", "write the greater one"),
    ("unloads[].jdbc.connections", "      connections: 2", "      connections: 33", "found 33", "1 to 32"),
    ("unloads[].jdbc.fetch_rows", "      fetch_rows: 500", "      fetch_rows: 0", "found 0", "1 to 100000"),
    ("token_key", TOKEN_KEY, "token_key: abc", "found 'abc'", "secret_id and version_id of the key"),
    ("token_key.secret_id", "  secret_id: druid-reindex/tokens/phi/patients", "  secret_id: 'a b'", "found 'a b'",
     "the Secrets Manager secret"),
    ("token_key.version_id", "  version_id: 11111111-2222-4333-8444-555555555555", "  version_id: AWSCURRENT",
     "found 'AWSCURRENT'", "wants re-ingestion"),
    ("loads", LOADS, "loads: snapshot", "found 'snapshot'", "it is a list"),
    ("loads[].name", "  - name: snapshot", "  - name: a snapshot", "found 'a snapshot'", "a word in small letters"),
    ("loads[].table", "    table: clinic.patient_snapshot", "    table: snapshot", "found 'snapshot'", "schema.table"),
    ("loads[].columns", "    columns:\n      - patient_token\n      - day", "    columns: day", "found 'day'",
     "a list of the table's columns"),
    ("loads[].mode", "    mode: merge", "    mode: append", "found 'append'", "swap replaces every row"),
    ("loads[].keys", "    keys:\n      - patient_token", "    keys: patient_token", "found 'patient_token'",
     "a list of columns"),
    ("loads[].unload", "    unload: claims", "    unload: claim", "found 'claim'", "did you mean claims?"),
    ("loads[].sources", "    sources: {}", "    sources: {day: __time}", "of unload claims", "leave it out"),
    ("loads[].sql", "    sql: load/patient_snapshot.sql", "    sql: load/../x.sql", "found 'load/../x.sql'",
     "defines the table and its views"),
    ("loads[].format", "    format: json\n    compression: bzip2\npolicy", "    format: orc\npolicy", "found 'orc'",
     "parquet, json or csv"),
    ("loads[].compression", "    compression: bzip2\npolicy", "    compression: zstd\npolicy", "found 'zstd'",
     "none, gzip or bzip2"),
    ("policy", POLICY, "policy: strict",
     "found 'strict'", "limits of one night"),
    ("policy.max_chunks_per_batch", "_batch: 60", "_batch: 0", "found 0", "1 to 1000"),
    ("policy.max_night_hours", "_hours: 8", "_hours: .nan", "found nan", "up to 72"),
    ("policy.max_lock_hours", "lock_hours: 3", "lock_hours: 73", "found 73", "up to 72"),
    ("policy.finish_within_hours", "within_hours: 6", "within_hours: 0", "found 0", "is reported, or null"),
    ("policy.max_chunks", "_chunks: 400", "_chunks: 0", "found 0", "waits for approval; null asks never"),
    ("policy.max_instance_hours", "_hours: 90", "_hours: none", "found 'none'", "waits for approval, or null"),
    ("policy.max_cost_usd", "_usd: 50", "_usd: 0", "found 0", "waits for approval, or null"),
    ("policy.rollback_days", "  rollback_days: 14", "  rollback_days: 0", "found 0", "1 to 3650"),
    ("policy.retries", "  retries: 2", "  retries: '2'", "found '2'", "0 to 10"),
]  # fmt: skip


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    """The shipped ones, with a database."""
    found = load_boundaries(ROOT / "emr_configs")
    phi = found.phi.model_copy(update={"databases": {"ehr": Database.model_validate(EHR)}})
    return found.model_copy(update={"phi": phi})


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
    place = field.replace("unloads[].jdbc", "unloads[1].jdbc").replace("[]", "[0]")
    assert named.startswith(f"{path}:{line}: {place}"), named
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
        (WHOLE + "lokback: P9D\n", "p.yaml:106: lokback: found 'P9D' in a field that does not exist; did you mean"),
        (WHOLE + "metrics: []\n", "p.yaml:106: metrics: found the field twice (lines 17 and 106); keep one of them"),
        (WHOLE.replace("  retries", "  retrys"), "p.yaml:105: policy.retrys: found 2 in a field that does not exist; "),
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
    assert named == ["1: datasource:", "3: owner:", "18: metrics[0].type:", "31: lookback:", "105: policy.retries:"]


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
