"""A reindex by a step on a kerberized, encrypted cluster with a KDC of its own, without a night around it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest

from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.interval import Interval
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import emr as requests
from druid_reindex.plan import hadoop
from druid_reindex.plan.night import Batch
from druid_reindex.plan.planner import plan_night
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.ingestion import WINDOW
from emulated_account import ARTIFACTS, step_state, until
from real_sandbox import PATIENTS, Sandbox
from secured_clusters import dedicated, launched, put_certificates, terminated

pytestmark = [pytest.mark.sandbox, pytest.mark.soak]

DATASOURCE = "patient_secured"
TWO_DAYS = Interval.parse("2026-10-04/2026-10-06")
JOB_SECONDS = 400
BOUNDARY = load_boundaries(emr_configs()).phi
PROFILE = load_profile(emr_configs(), "small")


@pytest.fixture(scope="module")
def datasource(sandbox: Sandbox) -> str:
    """A datasource of this module's own, of the same events, and certificates for its clusters."""
    put_certificates(sandbox.home, boto3.client("s3"))
    nightly.ingest(sandbox.home, sandbox.endpoints, PATIENTS, print, DATASOURCE)
    return DATASOURCE


def batch(sandbox: Sandbox) -> Batch:
    rows = sandbox.druid.segment_rows(DATASOURCE, [WINDOW])
    used = sandbox.druid.used_segments(DATASOURCE, [WINDOW])
    known = [replace(segment, num_rows=rows.get(segment.segment_id)) for segment in used]
    (made,) = plan_night(pipeline(), known, TWO_DAYS, [TWO_DAYS]).batches
    return made


def pipeline() -> Any:
    return nightly.shipped_pipeline("patient_vitals").model_copy(update={"datasource": DATASOURCE})


def versions(sandbox: Sandbox) -> set[str]:
    used = sandbox.druid.used_segments(DATASOURCE, [TWO_DAYS])
    return {segment.version for segment in used}


def serves(sandbox: Sandbox, before: set[str], rows: list[dict[str, object]]) -> None:
    """Each day comes from one new segment, and is what it was."""
    until(lambda: str(bool(versions(sandbox) - before)), "True")
    until(lambda: str(sandbox.druid.load_status(DATASOURCE, TWO_DAYS, refresh=True).segments_left), "0")
    assert sandbox.rows_by_day(DATASOURCE) == rows


def test_a_step_logs_in_from_the_clusters_keytab(sandbox: Sandbox, datasource: str) -> None:
    emr, s3 = boto3.client("emr"), boto3.client("s3")
    before, rows = versions(sandbox), sandbox.rows_by_day(datasource)
    install = {"Path": f"s3://{ARTIFACTS}/bootstrap/install_druid.sh", "Args": [f"s3://{ARTIFACTS}/"]}
    cluster_id, _ = launched(
        emr,
        "step",
        dedicated(),
        {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "of this cluster alone"},
        BootstrapActions=[{"Name": "druid", "ScriptBootstrapAction": install}],
    )
    version = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    spec = hadoop.cli_spec(pipeline(), BOUNDARY, PROFILE, batch(sandbox), version=version, unique_id="secured")
    uri = S3Uri.parse(f"{BOUNDARY.runs_uri.rstrip('/')}/secured/spec.json")
    s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=json.dumps(spec).encode())
    step = requests.reindex_step("reindex", uri, BOUNDARY, limit_seconds=JOB_SECONDS)
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"]
    until(lambda: step_state(emr, cluster_id, step_id), "COMPLETED", "FAILED", seconds=JOB_SECONDS)
    assert step_state(emr, cluster_id, step_id) == "COMPLETED"
    serves(sandbox, before, rows)
    terminated(emr, cluster_id)
