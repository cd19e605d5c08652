"""A batch as a job: found before it is created, replaced when it died; what a failed step tells, and what not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from druid_reindex.errors import ConflictError, ProtocolError, ReindexFailedError
from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.jobs import Job, OverlordJob, StepJob, Work
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan.planner import plan_night
from step_commands import spec_of
from timelines import RUN, WINDOW, boundaries, pipeline, profile, segment
from twins import FakeDruid, FakeEmr, FakeStore, Outcome

PHI = boundaries().phi
CLUSTER = Cluster("j-1", "night", ClusterState.WAITING, log_uri="s3://drx-logs-111122223333/emr/phi/")
STDERR = S3Uri.parse("s3://drx-logs-111122223333/emr/phi/j-1/steps/s-0000000000001/stderr.gz")
LOG = """\
2026-10-06T02:40:00,594 INFO [main] org.apache.druid.indexer.JobHelper - uploading
Exception in thread "main" java.lang.RuntimeException: java.io.FileNotFoundException: s3a://drx-phi/index.zip
\tat org.apache.druid.cli.CliInternalHadoopIndexer.run(CliInternalHadoopIndexer.java:137)
Caused by: java.io.FileNotFoundException: s3a://drx-phi/index.zip
\t... 1 more
2026-10-06T02:40:09,594 INFO [shutdown-hook-0] org.apache.hadoop.metrics2.impl.MetricsSystemImpl - shutdown complete.
"""
QUOTES_A_ROW = 'java.lang.RuntimeException: com.druid.ParseException: Unparseable row {"patient":"Ann"}'


def failed(store: FakeStore, **said: str) -> str:
    """What the job's error says when its step fails with the log in `store` and EMR's own words `said`."""
    emr = FakeEmr(step_outcomes=[StepState.FAILED])
    emr.clusters[CLUSTER.cluster_id], emr.ahead[CLUSTER.cluster_id], emr.steps[CLUSTER.cluster_id] = CLUSTER, [], []
    described = emr.describe_step

    def describe(cluster_id: str, step_id: str) -> Step:
        return replace(described(cluster_id, step_id), **said)

    emr.describe_step = describe  # type: ignore[method-assign]
    with pytest.raises(ReindexFailedError) as error:
        ran(lambda it: StepJob(it, emr, store))
    return str(error.value)


class Deferred(Exception):
    """The slot was given away, for the item in its arguments."""


def give_away(wait: Wait) -> NoReturn:
    raise Deferred(wait.trigger(poll_seconds=1.0, deadline="", **wait.arguments).item)


def work(resumed: str | None = None) -> Work:
    plan = plan_night(pipeline(), [segment("09-01/09-02", number=n) for n in range(3)], WINDOW)
    waiting = Waiting(give_away, datetime.now(UTC) + timedelta(minutes=1), lambda _line: None, resumed)
    settings = NightSettings(pipeline(), boundaries(), profile(), Path("emr_configs"))
    return Work(settings, RUN, waiting, lambda _line: None, lambda: None, lambda _id: None, plan.batches[0])


def ran(make: Callable[[Work], Job], cluster: Cluster = CLUSTER, *, resumed: str | None = None) -> dict[str, str]:
    """What the job returns when its task begins anew after each wait, remembering only what it waited for."""
    for _ in range(20):
        try:
            return make(work(resumed)).run(cluster)
        except Deferred as deferred:
            resumed = deferred.args[0]
    raise AssertionError("it never ends")


class Indexing(FakeEmr):
    """An EMR with the cluster, on which a step that completes leaves ``result`` beside its spec."""

    def __init__(self, store: FakeStore, *outcomes: StepState, result: str = '{"protocol":1,"exit_code":0}') -> None:
        super().__init__(step_outcomes=list(outcomes))
        self.store, self.result = store, result
        self.clusters[CLUSTER.cluster_id], self.ahead[CLUSTER.cluster_id] = CLUSTER, []
        self.steps[CLUSTER.cluster_id] = []

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state is StepState.COMPLETED:
            spec = spec_of(self.added[int(step_id[2:]) - 1])
            place = S3Uri.parse(str(spec).replace("spec.json", "result.json"))
            self.store.put(place, self.result.encode(), kms_key_arn=PHI.kms_key_arn)
        return step


def test_a_step_leaves_its_ids_and_its_spec_under_the_boundarys_key() -> None:
    store = FakeStore()
    emr = Indexing(store)
    told = ran(lambda it: StepJob(it, emr, store))
    assert told["step_id"] == "s-0000000000001"
    assert store.objects[S3Uri.parse(told["spec_uri"])][1] == PHI.kms_key_arn


@pytest.mark.parametrize("looks", [0, 1, 2], ids=["pending", "running", "completed"])
def test_a_step_that_lives_or_completed_is_attached_to(looks: int) -> None:
    store = FakeStore()
    emr = Indexing(store)
    earlier = StepJob(work(), emr, store)
    step_id, _ = earlier.steps.find_or_add(CLUSTER, earlier.unit)
    for _ in range(looks):
        emr.describe_step(CLUSTER.cluster_id, step_id)
    assert ran(lambda it: StepJob(it, emr, store))["step_id"] == step_id
    assert len(emr.added) == 1


@pytest.mark.parametrize("ended", [StepState.FAILED, StepState.CANCELLED, StepState.INTERRUPTED])
def test_a_step_that_died_is_replaced_under_the_next_generations_name(ended: StepState) -> None:
    store = FakeStore()
    emr = Indexing(store, ended)
    with pytest.raises(ReindexFailedError, match=ended.value):
        ran(lambda it: StepJob(it, emr, store))
    assert ran(lambda it: StepJob(it, emr, store))["step_id"] == "s-0000000000002"
    assert [step["Name"][-3:] for step in emr.added] == ["_g1", "_g2"]
    versions = StepJob(work(), emr, store).versions()
    assert len(versions) in {1, 2}  # two steps of one millisecond share a version
    assert all(datetime.fromisoformat(version).tzinfo == UTC for version in versions)


@pytest.mark.parametrize("result", ['{"protocol":2,"exit_code":0}', '{"protocol":1,"exit_code":1}', "{}"])
def test_a_result_that_this_release_does_not_know_is_an_error(result: str) -> None:
    store = FakeStore()
    emr = Indexing(store, result=result)
    with pytest.raises(ProtocolError, match=r"result\.json: protocol"):
        ran(lambda it: StepJob(it, emr, store))


def test_a_step_is_cancelled_once_it_was_added() -> None:
    store = FakeStore()
    emr = Indexing(store)
    job = StepJob(work(), emr, store)
    job.cancel()
    with pytest.raises(Deferred) as deferred:
        job.run(CLUSTER)
    job.cancel()
    with pytest.raises(ReindexFailedError, match="CANCELLED"):
        ran(lambda it: StepJob(it, emr, store), resumed=deferred.value.args[0])


@pytest.mark.parametrize("looks", [0, 2], ids=["running", "succeeded"])
def test_a_task_that_lives_or_succeeded_is_attached_to(looks: int) -> None:
    druid = FakeDruid(outcomes=[Outcome(polls=1)])
    task_id = OverlordJob(work(), druid)._find_or_submit("primary")
    for _ in range(looks):
        druid.task_status(task_id)
    assert ran(lambda it: OverlordJob(it, druid), replace(CLUSTER, primary_dns="primary")) == {"task_id": task_id}
    assert len(druid.submitted) == 1


def queued(hours: float) -> FakeDruid:
    """A Druid in which somebody else's task is at work, a third one waits, and ours has no locks since then."""
    since = datetime.now(UTC) - timedelta(hours=hours)
    waiting = Outcome(polls=99, queued_since=since)
    druid = FakeDruid(outcomes=[Outcome(polls=99), waiting, waiting])
    for name in ("theirs", "theirs_too"):
        druid.submit_task({"id": name, "spec": {"dataSchema": {"dataSource": "patient_vitals"}}})
    return druid


def test_locks_are_waited_for_up_to_a_limit_and_then_it_is_said_who_is_at_work() -> None:
    late, early = queued(hours=2.0), queued(hours=1.9)
    with pytest.raises(ConflictError, match=r"at work on patient_vitals: theirs\. What to do") as error:
        ran(lambda it: OverlordJob(it, late))
    assert "`supervisors: suspend`" in error.value.remedy
    with pytest.raises(AssertionError, match="never ends"):
        ran(lambda it: OverlordJob(it, early))


def test_what_is_waited_for_is_told_and_looked_at_again_within_the_limit() -> None:
    told: list[str] = []
    waits: list[Wait] = []

    def give_away(wait: Wait) -> NoReturn:
        waits.append(wait)
        raise Deferred

    it = work()
    with pytest.raises(Deferred):
        OverlordJob(replace(it, waiting=replace(it.waiting, defer=give_away, log=told.append)), queued(0.5)).run(
            CLUSTER
        )
    assert told[0].endswith("RUNNING, waits for locks; at work on patient_vitals: theirs")
    assert waits[0].most_seconds == 7_200


def test_a_task_that_was_never_submitted_is_not_stopped() -> None:
    druid = FakeDruid()
    OverlordJob(work(), druid).cancel()
    assert druid.ended == {}


def with_log(text: str) -> FakeStore:
    store = FakeStore()
    store.put(STDERR, gzip.compress(text.encode()), kms_key_arn=PHI.emr_log_kms_key_arn)
    return store


def test_a_failed_step_tells_the_indexers_exception_and_where_the_whole_log_is() -> None:
    told = failed(with_log(LOG), reason="Unknown Error.", message="shutdown complete.", log_file=str(STDERR))
    assert "java.io.FileNotFoundException: s3a://drx-phi/index.zip" in told
    assert str(STDERR) in told
    assert "shutdown complete" not in told


def test_the_log_is_looked_for_where_the_cluster_archives_it() -> None:
    assert "FileNotFoundException" in failed(with_log(LOG))


def test_a_log_that_is_not_there_yet_leaves_what_emr_says() -> None:
    assert "UnsupportedOperationException: no" in failed(
        FakeStore(), message="java.lang.UnsupportedOperationException: no"
    )
    assert "could not be read yet (NotFoundError)" in failed(FakeStore(), message="shutdown complete.")


@pytest.mark.parametrize("store", [with_log(QUOTES_A_ROW), FakeStore()], ids=["in the log", "in EMR's words"])
def test_no_row_is_told(store: FakeStore) -> None:
    told = failed(store, message=QUOTES_A_ROW)
    assert "ParseException" in told
    assert "Ann" not in told
