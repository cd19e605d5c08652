"""Tests of `reindex` on the Overlord."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.pipeline import Submission
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from night_world import DAY, NEW_VERSION, SETTINGS, World, make, rebuilt
from step_commands import spec_of
from twins import Outcome, segment

AS_STEP = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"submit": Submission.EMR_STEP}))


def started(world: World) -> World:
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    return world


def reindex(world: World, batch: int = 0) -> dict[str, object]:
    found: dict[str, object] = world.run(make(ReindexSegmentsOperator, "reindex", batch=batch))
    return found


def test_a_batch_leaves_its_record_and_is_not_run_twice(world: World) -> None:
    started(world)
    done = reindex(world)
    assert (done["segments_before"], done["segments_after"], done["submitted"]) == (10, 1, "overlord")
    assert str(done["task_id"]).startswith("drx_patient_vitals_")
    world.druid.tasks.clear()
    assert reindex(world) == done
    assert len(world.druid.submitted) == 1


def test_the_spec_names_the_cluster_and_carries_no_credentials(world: World) -> None:
    started(world)
    reindex(world)
    (task,) = world.druid.submitted
    properties = task["spec"]["tuningConfig"]["jobProperties"]
    assert properties["fs.defaultFS"] == "hdfs://ip-127-77-0-1.ec2.internal:8020"
    assert properties["fs.s3a.encryption.key"] == SETTINGS.boundary.kms_key_arn
    assert not [name for name in properties if "secret" in name or "access.key" in name]


def test_a_failure_tells_the_real_reason_and_the_next_try_is_a_new_generation(world: World) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="disk full on mapper"), Outcome(publishes=[rebuilt()])]
    started(world)
    with pytest.raises(
        AirflowFailException, match=r"disk full on mapper.*s3://drx-phi-111122223333/druid/logs/.*_g1/log"
    ):
        reindex(world)
    assert str(reindex(world)["task_id"]).endswith("_g2")


def test_a_task_that_runs_already_is_attached_to(world: World) -> None:
    started(world)
    reindex(world)
    (task,) = world.druid.submitted
    record = next(uri for uri in world.store.objects if uri.key.endswith("batches/0/result.json"))
    del world.store.objects[record]
    assert reindex(world)["task_id"] == task["id"]
    assert len(world.druid.submitted) == 1


def test_a_cleared_run_with_another_plan_runs_its_batches_anew(world: World) -> None:
    again = segment(DAY, version="2026-10-06T04:00:00.000Z", datasource="patient_vitals", rows=100)
    world.druid.outcomes = [Outcome(publishes=[rebuilt()]), Outcome(publishes=[again])]
    started(world)
    first = reindex(world)
    world.conf = {**world.conf, "force": True}
    world.plan()
    second = reindex(world)
    assert (second["segments_before"], second["segments_after"]) == (1, 1)
    assert second["task_id"] != first["task_id"]


def test_rows_before_are_those_of_the_first_try(world: World) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="x"), Outcome(publishes=[rebuilt()])]
    started(world)
    with pytest.raises(AirflowFailException):
        reindex(world)
    world.rows = 5
    uri = S3Uri.parse(str(reindex(world)["result_uri"]))
    assert b'"2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z":100' in world.store.get(uri)


def test_what_was_served_is_measured_before_the_first_try(world: World) -> None:
    started(world)
    before = json.loads(world.store.get(S3Uri.parse(str(reindex(world)["result_uri"]).replace("result", "before"))))
    assert before["sums"] == {DAY: {"events": 100}}
    assert before["served"] == {DAY: {"COUNT(*)": 100, "events": 100}}
    assert before["rows"] == {DAY: 100}


def test_success_that_published_nothing_is_an_error(world: World) -> None:
    world.druid.outcomes = [Outcome()]
    started(world)
    with pytest.raises(AirflowFailException, match="only segments from before are visible"):
        reindex(world)


def test_another_plan_than_was_stored_is_an_error(world: World) -> None:
    started(world)
    uri = S3Uri.parse(world.xcoms["plan", "night"]["plan_uri"])
    world.store.put(uri, world.store.get(uri) + b" ", kms_key_arn=SETTINGS.boundary.kms_key_arn)
    with pytest.raises(AirflowFailException, match="SHA-256"):
        reindex(world)


def test_a_batch_waits_for_the_one_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started(world)
    operator = make(ReindexSegmentsOperator, "reindex", batch=0)
    plan = operator.stored_plan(world.context())
    (only,) = plan.batches
    later = type(only)(1, only.chunks, only.shards)
    monkeypatch.setattr(ReindexSegmentsOperator, "stored_plan", lambda *_: type(plan)("d", 2, (only, later), ""))
    world.xcoms["plan", "night"]["batches"] = [0, 1]
    with pytest.raises(AirflowException, match="batch 0 has left no result"):
        reindex(world, batch=1)
    assert world.druid.submitted == []


def test_a_cleared_task_without_its_cluster_says_what_to_clear(world: World) -> None:
    started(world)
    world.run(make(TerminateEmrClusterOperator, "cluster_down"))
    with pytest.raises(AirflowFailException, match=r"TERMINATED.*clear cluster_up with its downstream tasks"):
        reindex(world)
    assert world.druid.submitted == []


def test_a_cleared_green_run_needs_no_second_cluster_and_submits_nothing_twice(world: World) -> None:
    started(world)
    first = reindex(world)
    world.run(make(TerminateEmrClusterOperator, "cluster_down"))
    assert world.run(make(LaunchEmrClusterOperator, "cluster_up"))["cluster_id"] is None
    assert reindex(world) == first
    assert (len(world.emr.launched), len(world.druid.submitted)) == (1, 1)


def test_on_kill_stops_the_task(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started(world)
    operator = make(ReindexSegmentsOperator, "reindex", batch=0)
    monkeypatch.setattr(world.druid, "task_status", _killed_at_second_look(world, operator))
    with pytest.raises(KeyboardInterrupt):
        world.run(operator)
    (task,) = world.druid.submitted
    assert world.druid.ended == {task["id"]: TaskState.FAILED}


def _killed_at_second_look(world: World, operator: ReindexSegmentsOperator) -> object:
    original = world.druid.task_status

    def look(task_id: str) -> object:
        if world.druid.submitted:
            operator.on_kill()
            raise KeyboardInterrupt
        return original(task_id)

    return look


def test_a_writer_that_slips_in_during_the_step_fails_the_batch(world: World) -> None:
    """Under the version that the step read, while it ran: its rows are in no segment of the new version."""
    made = segment(DAY, version=NEW_VERSION, datasource="patient_vitals", rows=100)
    late = segment(DAY, version="2026-09-02T00:00:00.000Z", number=10, datasource="patient_vitals")
    with pytest.raises(AirflowFailException, match=f"another writer published 1 segments meanwhile: {late.segment_id}"):
        completed(by_step(world), made, late)


def test_a_step_that_wrote_alone_leaves_its_record(world: World) -> None:
    made = segment(DAY, version=NEW_VERSION, datasource="patient_vitals", rows=100)
    assert completed(by_step(world), made)["segments_after"] == 1


def completed(world: World, *published: Segment) -> dict[str, Any]:
    """What the batch returns whose step, under ``NEW_VERSION``, completes once these segments are published."""
    add_step, put = world.emr.add_step, world.store.put

    def add(cluster_id: str, payload: Mapping[str, Any]) -> str:
        spec = spec_of(payload)
        document = json.loads(world.store.get(spec))
        document["spec"]["tuningConfig"]["version"] = NEW_VERSION
        put(spec, json.dumps(document).encode(), kms_key_arn="k")
        put(
            S3Uri.parse(str(spec).replace("spec.json", "result.json")), b'{"protocol":1,"exit_code":0}', kms_key_arn="k"
        )
        world.druid.segments += published
        return add_step(cluster_id, payload)

    world.emr.add_step = add  # type: ignore[method-assign]
    told: dict[str, Any] = world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=AS_STEP))
    return told


def by_step(world: World) -> World:
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=AS_STEP))
    return world
