"""One datasource built from another one and from files that split, by Druid's Hadoop job, again and again."""

from __future__ import annotations

import bz2
import gzip
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import boto3
import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import emr as requests
from druid_reindex.plan import hadoop
from druid_reindex.plan.changes import History
from druid_reindex.plan.derived import Timelines, plan_derived
from druid_reindex.plan.files import folders
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.plan.night import Batch
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.aws.service import emr_configs
from emulated_account import until
from indexing_cluster import STEP_SECONDS, ended, indexing_cluster, local_profile
from real_sandbox import VITALS, Sandbox, store

pytestmark = pytest.mark.soak

SNAPSHOT = "patient_day"
FIRST, SECOND = "2026-10-04", "2026-10-05"
TWO_DAYS = Interval.parse("2026-10-04/2026-10-06")
CLAIMS_A_DAY = 4_000
BOUNDARY = load_boundaries(emr_configs()).phi
LANDING = S3Uri.parse(BOUNDARY.runs_uri) / "claims_of_tests"  # what a cluster may read
PIPELINE = Pipeline.model_validate(
    nightly.shipped_pipeline(VITALS).model_dump()
    | {
        "datasource": SNAPSHOT,
        "inputs": [
            {"type": "datasource", "datasource": VITALS},
            {"type": "static", "paths": [f"{LANDING}/{{day}}/claims.json.bz2"]},
        ],
        "dimensions": ["patient_token", "category"],
        "metrics": [
            {"type": "count", "name": "events"},
            {"type": "doubleSum", "name": "value_sum", "fieldName": "value"},
            {"type": "longSum", "name": "claim_cents", "fieldName": "claim_cents"},
        ],
        "granularity": {"segment": "DAY", "query": "DAY", "rollup": True},
    }
)


def claims(day: str, count: int = CLAIMS_A_DAY) -> list[dict[str, Any]]:
    """Claims of one day, of 97 patients."""
    return [
        {
            "timestamp": f"{day}T{n % 24:02}:00:00Z",
            "patient_token": digest(f"patient {n % 97}".encode())[:32],
            "category": "claim",
            "claim_cents": n + 1,
        }
        for n in range(count)
    ]


def deliver(day: str, rows: Iterable[dict[str, Any]]) -> None:
    body = bz2.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), compresslevel=1)
    assert len(body) > 2 * 50_000 / 4  # more blocks than one, so that it is split
    uri = LANDING / f"{day}/claims.json.bz2"
    boto3.client("s3").put_object(Bucket=uri.bucket, Key=uri.key, Body=body)


@pytest.fixture(scope="module")
def cluster_id(sandbox: Sandbox) -> Any:
    """A kerberized cluster with Druid's CLI indexer."""
    with indexing_cluster(sandbox, BOUNDARY, "snapshot") as launched:
        yield launched


def served(sandbox: Sandbox, datasource: str) -> list[Segment]:
    rows = sandbox.druid.segment_rows(datasource, [TWO_DAYS])
    used = sandbox.druid.used_segments(datasource, [TWO_DAYS])
    return [replace(segment, num_rows=rows.get(segment.segment_id)) for segment in used]


def batch(sandbox: Sandbox) -> Batch:
    """Both days, forced."""
    files = {folder: store().listing(folder) for folder in folders(PIPELINE)}
    timelines = Timelines(served(sandbox, SNAPSHOT), served(sandbox, VITALS), History(), files)
    (made,) = plan_derived(PIPELINE, timelines, TWO_DAYS, [TWO_DAYS]).batches
    return made


def build(sandbox: Sandbox, cluster_id: str, number: int) -> list[dict[str, Any]]:
    """One forced rebuild of both days; what is served then, day by day."""
    s3, before = boto3.client("s3"), {each.segment_id for each in served(sandbox, SNAPSHOT)}
    version = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    spec = hadoop.cli_spec(
        PIPELINE, BOUNDARY, local_profile(), batch(sandbox), version=version, unique_id=f"day_{number}"
    )
    uri = S3Uri.parse(BOUNDARY.runs_uri) / f"snapshot_tests/{number}/spec.json"
    s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=json.dumps(spec).encode())
    step = requests.reindex_step(f"build {number}", uri, BOUNDARY, limit_seconds=STEP_SECONDS)
    assert ended(cluster_id, step) == "COMPLETED"
    until(lambda: str(len({s.segment_id for s in served(sandbox, SNAPSHOT) if s.version == version} - before)), "2")
    until(lambda: str(sandbox.druid.load_status(SNAPSHOT, TWO_DAYS, refresh=True).segments_left), "0")
    return sums(sandbox, version)


def sums(sandbox: Sandbox, version: str) -> list[dict[str, Any]]:
    """What is served of each day, once it is of that version."""
    shown = "SELECT COUNT(*) AS n FROM sys.segments WHERE datasource = ? AND version = ? AND is_available = 1"
    asked = [{"type": "VARCHAR", "value": value} for value in (SNAPSHOT, version)]
    until(lambda: str(sandbox.druid.query(shown, asked)[0]["n"]), "2")
    return sandbox.druid.query(
        'SELECT TIME_FLOOR("__time", \'P1D\') AS d, SUM("events") AS e, ROUND(SUM("value_sum"), 4) AS v, '
        f'SUM("claim_cents") AS c, COUNT(*) AS n FROM "{SNAPSHOT}" GROUP BY 1 ORDER BY 1'
    )


def ran(cluster_id: str, name: str, *args: str) -> str:
    """The state in which a step ended."""
    step = {"Name": name, "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [*args]}}  # fmt: skip
    return ended(cluster_id, step)


def test_three_forced_builds_give_equal_sums_and_a_late_claim_changes_its_day_only(
    sandbox: Sandbox, cluster_id: str
) -> None:
    for day in (FIRST, SECOND):
        deliver(day, claims(day))
    built = [build(sandbox, cluster_id, number) for number in range(3)]
    assert built[0] == built[1] == built[2]

    sources = [row for row in sandbox.rows_by_day(VITALS) if str(row["d"])[:10] in {FIRST, SECOND}]
    assert [day["e"] for day in built[0]] == [int(str(source["e"])) + CLAIMS_A_DAY for source in sources]
    assert [day["v"] for day in built[0]] == [source["v"] for source in sources]
    assert [day["c"] for day in built[0]] == [CLAIMS_A_DAY * (CLAIMS_A_DAY + 1) // 2] * 2

    late = claims(SECOND)[0] | {"claim_cents": 1_000_000}
    deliver(SECOND, [*claims(SECOND), late])
    first, second = build(sandbox, cluster_id, 3)
    assert first == built[0][0]
    was = built[0][1]
    assert second == was | {"e": was["e"] + 1, "c": was["c"] + 1_000_000}


def test_what_was_built_is_exported_row_by_row(sandbox: Sandbox, cluster_id: str) -> None:
    until(lambda: str(all(each.num_rows for each in served(sandbox, SNAPSHOT))), "True")
    s3, segments = boto3.client("s3"), served(sandbox, SNAPSHOT)
    version = max(each.version for each in segments)
    latest = [each for each in segments if each.version == version]
    folder = S3Uri.parse(BOUNDARY.runs_uri) / "snapshot_tests/export"
    columns = {"day": "__time", "kind": "category", "patient_token": "patient_token", "events": "events",
               "value_sum": "value_sum", "claim_cents": "claim_cents"}  # fmt: skip
    loads = [each.payload["loadSpec"] for each in latest]
    spec = {
        "protocol": 1,
        "segments": [
            {"url": f"s3://{load['bucket']}/{load['key']}", "rows": each.num_rows}
            for each, load in zip(latest, loads, strict=True)
        ],
        "columns": [{"name": name, "from": column} for name, column in columns.items()],
        "time_format": "date",
        "format": "json",
        "compression": "gzip",
        "output": f"{folder}/1/",
        "kms_key_arn": BOUNDARY.kms_key_arn,
    }
    s3.put_object(Bucket=folder.bucket, Key=f"{folder.key}/spec.json", Body=json.dumps(spec).encode())

    state = ran(cluster_id, "export", "/opt/druid-reindex/bin/export.sh", f"{folder}/spec.json", "us-east-1")

    def body(uri: S3Uri) -> bytes:
        return bytes(s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read())

    assert (state, json.loads(body(folder / "result.json"))["exit_code"]) == ("COMPLETED", 0)
    manifest = read_manifest(folder / "1/manifest", body(folder / "1/manifest"), below=folder)
    made = [json.loads(line) for file in manifest.files for line in gzip.decompress(body(file.uri)).splitlines()]
    assert manifest.rows == len(made) == sum(each.num_rows or 0 for each in latest)
    expected = sandbox.druid.query(
        'SELECT TIME_FORMAT("__time", \'yyyy-MM-dd\') AS "day", "category" AS kind, "patient_token", '
        f'"events", "value_sum", "claim_cents" FROM "{SNAPSHOT}"'
    )
    assert sorted(made, key=json.dumps) == sorted(({n: row[n] for n in columns} for row in expected), key=json.dumps)
