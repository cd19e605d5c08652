"""Nights on real engines, in order: good, unchanged, as an EMR step, failed."""

from __future__ import annotations

import boto3
import httpx
import psutil
import pytest

from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.druid_http import client_arguments
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.sandbox.druid_security import admin_config
from druid_reindex.sandbox.ingestion import WINDOW
from druid_reindex.sandbox.kdc import SITE_REALM
from good_night import GoodNight
from real_sandbox import BROKEN_PROFILE, ROOT, STEPS, VITALS, Sandbox

pytestmark = pytest.mark.sandbox

KEY = load_boundaries(ROOT / "emr_configs").phi.kms_key_arn
# Hadoop 3.3 has no setting for the shuffle's socket, nor for those of a job's ApplicationMaster: its page, its RPC.
ALL_INTERFACES = {"NodeManager", "MRAppMaster"}
MEMORY_BYTES = 10 * 2**30
LAST_DAY = "2026-10-05/2026-10-06"
PLANNING_CALLS_MAX = 10
THREE_DAYS = "2026-10-03/2026-10-06"


def clusters() -> list[dict[str, object]]:
    emr = boto3.client("emr")
    return [emr.describe_cluster(ClusterId=c["Id"])["Cluster"] for c in emr.list_clusters()["Clusters"]]


def test_a_good_night_then_nothing_to_do(sandbox: Sandbox, good_night: GoodNight) -> None:
    rows, before, night = good_night.rows, good_night.segments, good_night.summary
    assert len(rows) >= 30
    assert len(before) > 3 * len(rows)

    assert night.status == "rebuilt"
    assert night.chunks_rebuilt == len(rows)
    assert night.segments_before == len(before)
    after = sandbox.segments(VITALS)
    assert night.segments_after == len(after) == len(rows)
    assert not set(after) & set(before)
    assert night.reasons["fragmented"] == len(rows) >= night.reasons["rows appended"] > 0
    assert night.rows_before == night.rows_after == sum(int(str(day["n"])) for day in rows)
    assert sandbox.rows_by_day(VITALS) == rows
    assert sandbox.content(VITALS) == good_night.content
    assert night.kms_keys == [KEY]
    assert (night.quality.verdict, night.quality.findings) == ("passed", 0)
    assert night.quality.expectations > 10
    _objects_carry_the_key(sandbox, VITALS)
    _peons_logged_in(sandbox)
    (cluster,) = clusters()
    assert (cluster["Id"], cluster["Status"]["State"]) == (night.cluster.id, "TERMINATED")  # type: ignore[index]
    _nothing_left_of(str(cluster["Id"]))
    assert set(good_night.seen.open_to_all) <= ALL_INTERFACES
    assert len(good_night.seen.open_to_all.get("NodeManager", ())) <= 1
    assert good_night.seen.memory_bytes < MEMORY_BYTES

    again = sandbox.night(VITALS)

    assert again.status == "nothing to do"
    assert "nothing to do" in again.explanation
    assert again.reasons == {}
    asked = again.outside_calls["plan"]
    assert sum(count for service, count in asked.items() if service != "lease") <= PLANNING_CALLS_MAX, asked
    assert again.cluster.id is None
    assert len(clusters()) == 1
    assert sandbox.segments(VITALS) == after


def test_the_step_and_the_overlord_give_equal_rows(sandbox: Sandbox) -> None:
    """The same events in a second datasource, three days rebuilt by Druid's CLI indexer as a step on Hadoop 3.4."""
    night = sandbox.night(STEPS, interval=THREE_DAYS)

    assert night.status == "rebuilt"
    assert night.segments_after == night.chunks_rebuilt == 3
    assert night.rows_before == night.rows_after
    assert night.kms_keys == [KEY]
    assert sandbox.rows_by_day(STEPS) == sandbox.rows_by_day(VITALS)
    assert sandbox.content(STEPS) == sandbox.content(VITALS)
    _objects_carry_the_key(sandbox, STEPS)
    (late,) = [text for text in sandbox.told_nights() if night.run_id in text]
    assert "WHY           the night is not over at its deadline" in late


def test_a_failed_night_is_red_and_changes_nothing(sandbox: Sandbox) -> None:
    """On a profile with which every container of the job dies for real."""
    served, rows = sandbox.segments(VITALS), sandbox.rows_by_day(VITALS)

    run_id, state = sandbox.run(VITALS, interval=LAST_DAY, force=True, profile=BROKEN_PROFILE)

    tasks = {task.name: task for task in sandbox.api.task_instances(sandbox.runs(VITALS).dag_id, run_id)}
    assert state == "failed"
    assert tasks["reindex[0]"].state == "failed"
    assert tasks["cluster_down"].state == "success"
    assert tasks["verdict"].state == "failed"
    assert {str(cluster["Status"]["State"]) for cluster in clusters()} == {"TERMINATED"}  # type: ignore[index]
    assert sandbox.segments(VITALS) == served
    assert sandbox.rows_by_day(VITALS) == rows
    _log_tells_the_reason(sandbox, run_id, tasks["reindex[0]"])
    (told,) = [text for text in sandbox.told_nights() if run_id in text]
    assert f"WHAT stopped  run {run_id} is failed" in told


def _peons_logged_in(sandbox: Sandbox) -> None:
    """From Druid's own keytab, to a cluster of the site's realm: the night's jobs ran there."""
    config = admin_config(sandbox.home, sandbox.endpoints)
    with httpx.Client(**client_arguments(config), base_url=config.overlord_url) as overlord:
        listed = overlord.get("/druid/indexer/v1/tasks", params={"datasource": VITALS}).raise_for_status().json()
        jobs = [each["id"] for each in listed if each["type"] == "index_hadoop"]
        logs = [overlord.get(f"/druid/indexer/v1/task/{job}/log").raise_for_status().text for job in jobs]
    assert jobs
    for log in logs:
        assert "map 100% reduce 100%" in log
        assert SITE_REALM in log
        assert "Client cannot authenticate" not in log, "the ApplicationMaster refuses the job's client"


def _log_tells_the_reason(sandbox: Sandbox, run_id: str, task: TaskInstance) -> None:
    log = "\n".join(sandbox.api.log(sandbox.runs(VITALS).dag_id, run_id, task))
    assert "reindex through the Overlord on task drx_patient_vitals_" in log
    assert "Job job_" in log, log[-3000:]
    assert "Druid gives no reason" not in log
    (where,) = {
        word for word in log.replace(";", " ").split() if word.startswith("s3://drx-phi") and word.endswith("/log")
    }
    bucket, _, key = where.removeprefix("s3://").partition("/")
    assert boto3.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 1000


def _objects_carry_the_key(sandbox: Sandbox, datasource: str) -> None:
    s3 = boto3.client("s3")
    wanted = set(sandbox.segments(datasource))
    used = [s for s in sandbox.druid.used_segments(datasource, [WINDOW]) if s.segment_id in wanted]
    assert used
    for segment in used:
        place = segment.payload["loadSpec"]
        head = s3.head_object(Bucket=place["bucket"], Key=place["key"])
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", KEY)


def _nothing_left_of(cluster_id: str) -> None:
    alive = [
        p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if cluster_id in " ".join(p.info["cmdline"] or ())
    ]
    assert alive == []
