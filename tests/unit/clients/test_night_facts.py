"""The state of a run, gathered from twins: what each part says, and that what cannot be read hides nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from airflow_twin import DAG, DESK, RUN, Outside
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.groups import GroupShelf
from druid_reindex.clients.leases import LeaseKeeper
from druid_reindex.clients.night_facts import AirflowFacts, Subject, night_state, usd_per_hour
from druid_reindex.clients.suspensions import SuspensionShelf
from druid_reindex.errors import NoAnswerError
from druid_reindex.evidence.night_state import (
    Change,
    Holder,
    NightState,
    Progress,
    RunningCluster,
    StoppedStream,
    Unread,
)
from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Policy
from druid_reindex.model.prices import load_prices
from druid_reindex.model.segment import Segment
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.plan import document, names
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from twins import EPOCH, FakeDruid, segment

SUBJECT = DESK.subject(DagRun(DAG, RUN, "failed"))
DAYS = ["2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z", "2026-09-02T00:00:00.000Z/2026-09-03T00:00:00.000Z"]
AWAY = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")
TOLD = AirflowFacts("failed")
PARTS = ("serving", "running", "lease", "progress", "deadline", "streams")
LIVE = replace(TOLD, state="running")


def of(day: int, *, version: str = "v1", rows: int = 10) -> Segment:
    return segment(DAYS[day], version=version, datasource="patient_vitals", rows=rows)


def planned(outside: Outside, subject: Subject = SUBJECT) -> str:
    """The digest of a stored plan with one batch for each day."""
    batches = tuple(
        Batch(day, (Chunk(Interval.parse(DAYS[day]), (of(day),), (Reason.FORCED,), 1),), 1) for day in (0, 1)
    )
    body = document.to_json(NightPlan("patient_vitals", 2, batches, "two days"))
    outside.store.put(names.plan_uri(subject.boundary, subject.run_id), body, kms_key_arn="k")
    return digest(body)


def recorded(outside: Outside, batch: int, after: list[str], sha256: str) -> None:
    record = {"plan_sha256": sha256, "after": {DAYS[batch]: after}}
    put(outside, batch, json.dumps(record).encode())


def put(outside: Outside, batch: int, body: bytes) -> None:
    outside.store.put(names.result_uri(SUBJECT.boundary, SUBJECT.run_id, batch), body, kms_key_arn="k")


def gathered(outside: Outside, told: AirflowFacts = TOLD, subject: Subject = SUBJECT) -> NightState:
    return night_state(subject, told, outside.sources)


def cluster(outside: Outside, run_id: RunId = SUBJECT.run_id) -> str:
    tags = [{"Key": key, "Value": value} for key, value in names.run_tags(run_id).items()]
    return outside.emr.run_job_flow({"Name": "n", "Tags": tags})


def test_a_run_without_a_plan() -> None:
    state = gathered(Outside())
    assert (state.dag_id, state.run_id, state.datasource) == (DAG, RUN, "patient_vitals")
    assert (state.serving, state.progress, state.running, state.lease, state.deadline) == ((), None, (), None, None)


def test_a_half_finished_night() -> None:
    outside = Outside(druid=FakeDruid([of(0), of(0, version="v2", rows=12), of(1)]))
    recorded(outside, 0, [of(0, version="v2").segment_id], planned(outside))
    state = gathered(outside)
    assert state.progress == Progress((0, 1), frozenset({0}))
    assert isinstance(state.serving, tuple)
    assert [(s.versions, s.rows, s.change) for s in state.serving] == [
        (("v2",), 12, Change.REBUILT), (("v1",), 10, Change.NONE),
    ]  # fmt: skip


def test_what_was_taken_back_serves_as_before_and_says_so() -> None:
    outside = Outside(druid=FakeDruid([of(0), of(1)]))
    record = {"plan_sha256": planned(outside), "state": "done", "chunks": [DAYS[0]]}
    uri = names.rollback_uri(SUBJECT.boundary, SUBJECT.run_id, 0)
    outside.store.put(uri, json.dumps(record).encode(), kms_key_arn="k")
    assert _changes(outside) == [Change.TAKEN_BACK, Change.NONE]
    outside.druid.segments = [of(0, version="v2"), of(1)]
    assert _changes(outside) == [Change.OTHER, Change.NONE]


def test_what_neither_the_plan_nor_a_record_knows_is_said() -> None:
    outside = Outside(druid=FakeDruid([of(0, version="v2"), of(1)]))
    sha256 = planned(outside)
    assert _changes(outside) == [Change.OTHER, Change.NONE]
    recorded(outside, 0, [of(0, version="v3").segment_id], sha256)
    assert _changes(outside) == [Change.OTHER, Change.NONE]
    outside.druid.segments = []
    assert _changes(outside) == [Change.OTHER, Change.OTHER]


def _changes(outside: Outside) -> list[Change]:
    serving = gathered(outside).serving
    assert isinstance(serving, tuple)
    return [each.change for each in serving]


def test_rows_that_nobody_counts_are_unknown() -> None:
    outside = Outside(druid=FakeDruid([replace(of(0), num_rows=None), replace(of(1), shard_spec_type="tombstone")]))
    planned(outside)
    serving = gathered(outside).serving
    assert isinstance(serving, tuple)
    assert [each.rows for each in serving] == [None, 0]


def test_a_record_of_an_earlier_plan_does_not_count() -> None:
    outside = Outside(druid=FakeDruid([of(0), of(1)]))
    planned(outside)
    recorded(outside, 0, [], "of the plan before")
    assert gathered(outside).progress == Progress((0, 1), frozenset())


def test_only_the_batches_that_were_asked_for() -> None:
    outside = Outside(druid=FakeDruid([of(0), of(1)]))
    planned(outside)
    state = gathered(outside, replace(TOLD, batches=(1,)))
    assert state.progress == Progress((1,), frozenset())
    assert isinstance(state.serving, tuple)
    assert [each.interval for each in state.serving] == [DAYS[1]]
    assert gathered(outside, replace(TOLD, batches=())).serving == ()


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"null"])
def test_an_unreadable_record_is_unread_and_names_the_object(body: bytes) -> None:
    outside = Outside(druid=FakeDruid([of(0), of(1)]))
    planned(outside)
    put(outside, 1, body)
    state = gathered(outside)
    assert isinstance(state.progress, Unread)
    assert "batches/1/result.json" in str(state.progress)
    assert state.serving == state.progress


def test_clusters_of_this_run_alone_with_their_price() -> None:
    outside = Outside()
    mine, ended = cluster(outside), cluster(outside)
    cluster(outside, RunId.of(UUID(int=7), dag_id=DAG, run_id=RUN))
    outside.emr.clusters[ended] = replace(outside.emr.clusters[ended], state=ClusterState.TERMINATED)
    prices = load_prices(DESK.configs)
    running = gathered(outside).running
    assert running == (
        RunningCluster(mine, "STARTING", EPOCH + timedelta(minutes=1), usd_per_hour(SUBJECT.profile, prices)),
    )


def test_a_shared_cluster_is_told_to_those_that_use_it() -> None:
    outside = Outside()
    deployment = DESK.boundaries.deployment_id
    other = RunId.of(deployment, dag_id=DAG, run_id="another")
    shelf = GroupShelf(outside.store, SUBJECT.boundary, "nightly-1")
    for run_id in (SUBJECT.run_id, other):
        shelf.join(deployment, run_id)
    for launcher, generation in ((other, "1"), (SUBJECT.run_id, "0")):
        tags = names.run_tags(launcher) | {names.GROUP_TAG: "nightly-1", names.GENERATION_TAG: generation}
        outside.emr.run_job_flow({"Name": "n", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})
    running = gathered(outside).running
    assert not isinstance(running, Unread)
    assert [each.cluster_id for each in running] == ["j-0000000000001"]
    shelf.leave(SUBJECT.run_id)
    assert gathered(outside).running == ()


def test_a_price_is_the_sum_over_all_instances_or_unknown() -> None:
    assert SUBJECT.prices is not None
    known = sum(g.count * SUBJECT.prices.instance_types[g.instance_type].usd_per_hour
                for g in SUBJECT.profile.instance_groups)  # fmt: skip
    assert usd_per_hour(SUBJECT.profile, SUBJECT.prices) == pytest.approx(known)
    assert usd_per_hour(SUBJECT.profile, None) is None
    assert usd_per_hour(SUBJECT.profile, SUBJECT.prices.model_copy(update={"instance_types": {}})) is None


def test_who_holds_the_lease() -> None:
    outside, now = Outside(), datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
    claim = Claim("patient_vitals", SUBJECT.run_id, DESK.boundaries.deployment_id)
    keeper = LeaseKeeper(outside.store, SUBJECT.boundary, claim, lambda: now)
    held = keeper.hold()
    assert gathered(outside).lease == Holder(DAG, RUN, now, held.until, is_this_run=True)
    other = replace(SUBJECT, run_id=RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="scheduled__2"))
    assert gathered(outside, subject=other).lease == Holder(DAG, RUN, now, held.until, is_this_run=False)
    assert keeper.release() is None
    assert gathered(outside).lease is None


def test_supervisors_are_told_with_the_run_that_suspended_them() -> None:
    outside = Outside()
    assert gathered(outside).streams == ()
    shelf = SuspensionShelf(outside.store, SUBJECT.boundary, "patient_vitals")
    run, suspended = SUBJECT.run_id, (Suspended("s0", "v1", EPOCH),)
    shelf.swap(lambda _none: Suspension("patient_vitals", DESK.boundaries.deployment_id, run, 1, "c", suspended))
    assert gathered(outside).streams == (StoppedStream("s0", EPOCH, DAG, RUN, is_this_run=True),)
    other = replace(SUBJECT, run_id=RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="scheduled__2"))
    assert gathered(outside, subject=other).streams == (StoppedStream("s0", EPOCH, DAG, RUN, is_this_run=False),)


@pytest.mark.parametrize(
    ("hours", "queued_at", "expected"),
    [
        (None, EPOCH, None),
        (2.0, EPOCH, EPOCH + timedelta(hours=2)),
        (2.0, None, None),
        (2.0, Unread("no"), Unread("no")),
        (None, Unread("no"), None),
    ],
)
def test_the_deadline_counts_from_the_queue(hours: float | None, queued_at: Any, expected: object) -> None:
    pipeline = SUBJECT.pipeline.model_copy(update={"policy": Policy(finish_within_hours=hours)})
    told = replace(TOLD, queued_at=queued_at)
    assert gathered(Outside(), told, replace(SUBJECT, pipeline=pipeline)).deadline == expected


@pytest.mark.parametrize(
    ("away", "unread"),
    [
        ("druid", {"serving"}),
        ("emr", {"running"}),
        ("store", {"serving", "lease", "progress", "streams"}),
    ],
)
def test_what_does_not_answer_hides_nothing_else(away: str, unread: set[str]) -> None:
    outside = Outside(druid=FakeDruid([of(0), of(1)]))
    planned(outside)
    outside.away[away] = AWAY
    state = gathered(outside, LIVE)
    parts = {name: getattr(state, name) for name in PARTS}
    assert {name for name, part in parts.items() if isinstance(part, Unread)} == unread
    assert all("nothing. What to do: wait" in str(parts[name]) for name in unread)
    assert state.run_state == "running"
