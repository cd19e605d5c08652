"""Tests of `rollback`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.rollback import RollbackSegmentsOperator
from druid_reindex.plan import names
from night_world import DAY, NEW_VERSION, SETTINGS, World, make, measured, old_segments, rebuilt
from twins import Outcome, segment

KEY = SETTINGS.boundary.kms_key_arn
OLD = [each.segment_id for each in old_segments()]
DERIVED = {"datasource": "patient_snapshot", "inputs": [{"type": "datasource", "datasource": "patient_vitals"}]}
SNAPSHOT = replace(SETTINGS, pipeline=Pipeline.model_validate(SETTINGS.pipeline.model_dump() | DERIVED))
LATER = segment(DAY, version="2026-10-06T09:00:00.000Z", datasource="patient_vitals", rows=100)


def used(world: World) -> list[str]:
    return sorted(each.segment_id for each in world.druid.segments)


def answers_by_version(world: World) -> None:
    """The old version has 100 rows, the new one 99."""
    versions = lambda: {each.version for each in world.druid.segments}  # noqa: E731
    world.druid.answers = measured(lambda _sql: 99 if NEW_VERSION in versions() else 100, world.druid)


def reindexed(world: World) -> World:
    answers_by_version(world)
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    return world


def uri(world: World, of: Any) -> S3Uri:
    run_id = make(RollbackSegmentsOperator, "rollback").run_identity(world.context())
    found: S3Uri = of(SETTINGS.boundary, run_id, 0)
    return found


def judged(world: World, verdict: str) -> None:
    body = json.dumps({"protocol": 1, "batch": 0, "verdict": verdict, "findings": []}).encode()
    world.store.put(uri(world, names.verdict_uri), body, kms_key_arn=KEY)


def rollback(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(RollbackSegmentsOperator, "rollback"))
    return told


@pytest.mark.parametrize("verdict", ["failed", None])
def test_what_has_not_passed_is_taken_back_and_the_record_says_so(world: World, verdict: str | None) -> None:
    reindexed(world)
    if verdict is not None:
        judged(world, verdict)
    world.druid.mark_unused("patient_vitals", OLD)
    told = rollback(world)
    assert told == {"rolled_back": [DAY], "serving": {DAY: {"versions": ["2026-09-02T00:00:00.000Z"], "rows": 100}}}
    assert used(world) == sorted(OLD)
    record = json.loads(world.store.get(uri(world, names.rollback_uri)))
    assert (record["state"], record["unused"], record["used"]) == ("done", [rebuilt().segment_id], OLD)
    assert record["result"]["after"] == {DAY: [rebuilt().segment_id]}
    assert not world.store.exists(uri(world, names.result_uri))


def test_a_batch_that_passed_stays_and_the_task_is_skipped(world: World) -> None:
    judged(reindexed(world), "passed")
    with pytest.raises(AirflowSkipException, match="every batch passed"):
        rollback(world)
    assert rebuilt().segment_id in used(world)
    assert not world.store.exists(uri(world, names.rollback_uri))


def test_nothing_planned_is_skipped(world: World) -> None:
    with pytest.raises(AirflowSkipException, match="there is no plan"):
        rollback(world)


def test_a_job_that_published_and_failed_is_taken_back(world: World) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="the metadata store went away")]
    with pytest.raises(AirflowFailException):
        reindexed(world)
    world.druid.segments.append(rebuilt())
    assert rollback(world)["rolled_back"] == [DAY]
    assert used(world) == sorted(OLD)
    assert world.emr.terminated == ["j-0000000000001"]


def test_a_job_that_failed_and_left_nothing_is_left_alone(world: World) -> None:
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="x")]
    with pytest.raises(AirflowFailException):
        reindexed(world)
    with pytest.raises(AirflowSkipException, match="left nothing"):
        rollback(world)
    assert used(world) == sorted(OLD)


def test_a_batch_that_never_began_is_left_alone_and_nothing_is_ended(world: World) -> None:
    world.plan()
    with pytest.raises(AirflowSkipException):
        rollback(world)
    assert world.emr.terminated == []


def test_a_second_try_says_the_same(world: World) -> None:
    first = rollback(reindexed(world))
    assert rollback(world) == first
    assert used(world) == sorted(OLD)


def test_a_batch_that_was_taken_back_runs_again_under_another_name_and_may_be_taken_back_again(world: World) -> None:
    rollback(reindexed(world))
    again = segment(DAY, version="2026-10-06T02:45:00.000Z", datasource="patient_vitals", rows=100)
    world.druid.outcomes = [Outcome(), Outcome(publishes=[again])]
    told = world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    assert told["task_id"].endswith("_g2")
    assert again.segment_id in used(world)
    assert rollback(world)["rolled_back"] == [DAY]
    assert used(world) == sorted(OLD)


def test_a_second_job_that_died_half_way_after_a_rollback_is_taken_back_too(world: World) -> None:
    rollback(reindexed(world))
    world.druid.outcomes = [Outcome(), Outcome(TaskState.FAILED, failure="x")]
    with pytest.raises(AirflowFailException):
        world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    half = segment(DAY, version="2026-10-06T02:50:00.000Z", datasource="patient_vitals")
    world.druid.segments.append(half)
    assert rollback(world)["rolled_back"] == [DAY]
    assert used(world) == sorted(OLD)


def test_a_segment_from_before_that_is_gone_stops_it_before_anything_is_marked(world: World) -> None:
    reindexed(world)
    world.druid.mark_unused("patient_vitals", OLD)
    del world.druid.unused[OLD[3]]
    with pytest.raises(AirflowFailException, match=r"gone for good.*DRU-16"):
        rollback(world)
    assert used(world) == [rebuilt().segment_id]


def test_somebody_elses_version_is_left_and_named_and_the_task_is_red(world: World) -> None:
    reindexed(world)
    world.druid.segments.append(LATER)
    with pytest.raises(AirflowFailException, match=rf"neither the night's nor from before: .*{LATER.version}"):
        rollback(world)
    assert LATER.segment_id in used(world)


def test_another_answer_than_was_recorded_is_an_error_that_names_chunk_and_metric(world: World) -> None:
    reindexed(world)
    world.druid.answers = measured(lambda _sql: 98, world.druid)
    with pytest.raises(AirflowFailException, match=r"2026-09-01T00.*events 100 before, 98 now"):
        rollback(world)
    assert world.store.exists(uri(world, names.result_uri))


def test_rows_that_were_added_to_the_old_version_are_counted(world: World) -> None:
    reindexed(world)
    more = segment(DAY, version="2026-09-02T00:00:00.000Z", number=10, datasource="patient_vitals", rows=7)
    world.druid.segments.append(more)
    world.druid.answers = measured(lambda _sql: 107, world.druid)
    assert rollback(world)["serving"][DAY]["rows"] == 107


def test_it_waits_until_the_old_is_loaded_and_the_new_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted or not: what was published a moment ago answers queries before a Broker has counted its rows."""
    world.druid.segments_left = [4, 0]
    reindexed(world)
    announced, late = world.druid.announced, iter([{rebuilt().segment_id}])
    monkeypatch.setattr(world.druid, "announced", lambda *of: announced(*of) | next(late, set()))
    rollback(world)
    waits = [each.trigger.serialize()[1] for each in world.deferred]
    assert [wait["swapped"] for wait in waits if "swapped" in wait] == [True, True]


def test_it_waits_until_a_broker_knows_the_datasource_again(world: World) -> None:
    """One that served nothing for a while has no columns until its segments were looked at."""
    reindexed(world)
    answers, looks = world.druid.answers, iter([True, False])

    def forgetful(sql: str, parameters: Any) -> list[dict[str, Any]]:
        return [] if sql == COLUMNS_SQL and next(looks, False) else answers(sql, parameters)

    world.druid.answers = forgetful
    assert rollback(world)["rolled_back"] == [DAY]
    assert next(looks, None) is None


def test_what_the_coordinator_takes_out_again_is_marked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its duty acts upon a timeline that it read before the marks: the old ones look overshadowed there."""
    reindexed(world)
    load, stale = world.druid.load_status, iter([True])

    def status(datasource: str, interval: Any, *, refresh: bool) -> Any:
        if next(stale, False):
            world.druid.mark_unused("patient_vitals", OLD)
            return load(datasource, interval, refresh=refresh)
        return load(datasource, interval, refresh=refresh)

    monkeypatch.setattr(world.druid, "load_status", status)
    rollback(world)
    assert used(world) == sorted(OLD)


def test_a_datasource_that_served_nothing_before_serves_nothing_again(world: World) -> None:
    made = segment(DAY, version=NEW_VERSION, datasource="patient_snapshot", rows=7)
    world.druid.outcomes = [Outcome(publishes=[made])]
    for task in (
        make(PlanNightOperator, "plan", settings=SNAPSHOT),
        make(LaunchEmrClusterOperator, "cluster_up", settings=SNAPSHOT),
        make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT),
    ):
        world.run(task)
    told = world.run(make(RollbackSegmentsOperator, "rollback", settings=SNAPSHOT))
    assert told == {"rolled_back": [DAY], "serving": {DAY: {"versions": [], "rows": 0}}}
    assert used(world) == sorted(OLD)


CALLS = (
    "used_segments",
    "query",
    "mark_used",
    "mark_unused",
    "load_status",
    "announced",
    "segment_rows",
    "put",
    "delete",
    "get",
)


@dataclass
class Spoilt:
    """A call that does not answer the nth time, before it did its work or after that."""

    real: Callable[..., Any]
    number: int
    is_after: bool
    calls: int = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        found = self.real(*args, **kwargs) if self.calls != self.number or self.is_after else None
        if self.calls == self.number:
            raise NotAuthorizedError("ask", resource="it", came_back="nothing", remedy="let it")
        return found


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_after", [False, True], ids=["before it", "after it"])
def test_stopped_at_any_call_and_run_again_it_ends_alike(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, *, is_after: bool
) -> None:
    reindexed(world)
    world.druid.mark_unused("patient_vitals", OLD)
    outside: Any = world.store if hasattr(world.store, call) else world.druid
    real, stopped = getattr(outside, call), 0
    for number in range(1, 40):
        spoilt = Spoilt(real, number, is_after)
        monkeypatch.setattr(outside, call, spoilt)
        try:
            rollback(world)
        except AirflowFailException:
            stopped += 1
        if spoilt.calls < number:
            break
    assert stopped > 0
    monkeypatch.setattr(outside, call, real)
    assert rollback(world)["rolled_back"] == [DAY]
    assert used(world) == sorted(OLD)
    assert not world.store.exists(uri(world, names.result_uri))
