"""What counts as left behind: only what proves whose it is, whose run is over, and what is old enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from druid_reindex.model.cluster import Cluster, ClusterState, StoredConfiguration
from druid_reindex.model.group import Group, Member
from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import Broken, Lease
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan import names
from druid_reindex.plan.orphans import (
    Ages,
    Found,
    Kind,
    SuspendedSupervisors,
    WorkingFiles,
    is_ours,
    orphans,
    ours,
    owner_document,
    owner_of,
    working_files,
)
from twins import EPOCH

DEPLOYMENT, ELSEWHERE = UUID(int=1), UUID(int=2)
DEAD, LIVE, THEIRS = (RunId.of(d, dag_id="d", run_id=r) for d, r in (
    (DEPLOYMENT, "dead"), (DEPLOYMENT, "live"), (ELSEWHERE, "dead"),
))  # fmt: skip
OF_RUNS = {*Kind} - {Kind.CONFIGURATION}
RUNS = S3Uri.parse("s3://drx-phi-111122223333/runs/")
AGES = Ages(timedelta(hours=1), timedelta(hours=2), timedelta(days=3))


def tags(run_id: RunId, **changes: str) -> Mapping[str, str]:
    return {**names.run_tags(run_id), names.CLASSIFICATION_TAG: "phi", **changes}


def cluster(run_id: RunId = DEAD, **changes: Any) -> Cluster:
    return replace(Cluster("j-1", "n", ClusterState.WAITING, tags=tags(run_id), created_at=EPOCH), **changes)


def lease(run_id: RunId = DEAD, deployment: UUID = DEPLOYMENT, **changes: Any) -> Lease:
    made = Lease("vitals", str(run_id), str(deployment), run_id.dag_id, run_id.dag_run_id, 1, EPOCH, EPOCH)
    return replace(made, **changes)


def files(run_id: RunId = DEAD) -> WorkingFiles:
    return WorkingFiles(run_id, RUNS / str(run_id), (RUNS / "x",), EPOCH)


def suspended(run_id: RunId = DEAD, held: Lease | None = None) -> SuspendedSupervisors:
    supervisors = (Suspended("s0", "v1", EPOCH), Suspended("s1", "v1", EPOCH + timedelta(minutes=1)))
    return SuspendedSupervisors(Suspension("vitals", DEPLOYMENT, run_id, 1, "druid_phi", supervisors), held)


def everything(run_id: RunId) -> Found:
    return Found(
        ((cluster(run_id), run_id),), (lease(run_id),), (files(run_id),), suspended=(suspended(run_id),)
    )  # fmt: skip


def test_what_a_live_run_owns_is_no_orphan_however_old() -> None:
    later = EPOCH + timedelta(days=900)
    assert orphans(everything(LIVE), {LIVE}, later, AGES) == ()
    assert {each.kind for each in orphans(everything(DEAD), {LIVE}, later, AGES)} == OF_RUNS
    assert everything(DEAD).owners == {DEAD}


@pytest.mark.parametrize(
    ("age", "kinds"),
    [
        (timedelta(0), {Kind.SUPERVISORS}),
        (timedelta(minutes=59), {Kind.SUPERVISORS}),
        (timedelta(hours=1), {Kind.SUPERVISORS, Kind.CLUSTER}),
        (timedelta(hours=2), {Kind.SUPERVISORS, Kind.CLUSTER, Kind.LEASE}),
        (timedelta(days=3), OF_RUNS),
    ],
)
def test_each_kind_has_its_own_age(age: timedelta, kinds: set[Kind]) -> None:
    assert {each.kind for each in orphans(everything(DEAD), (), EPOCH + age, AGES)} == kinds


def test_a_cluster_of_unknown_age_is_left_alone() -> None:
    unknown = Found(((cluster(created_at=None), DEAD),))
    assert orphans(unknown, (), EPOCH + timedelta(days=900), AGES) == ()


def test_an_orphan_says_whose_it_was() -> None:
    (orphan,) = orphans(Found(((cluster(), DEAD),)), (), EPOCH + timedelta(hours=1), AGES)
    assert str(orphan) == "cluster j-1 of d dead, since 2026-10-06 02:30 UTC"


@pytest.mark.parametrize(
    ("changes", "is_there"),
    [
        ({}, True),
        ({"state": ClusterState.STARTING}, True),
        ({"state": ClusterState.TERMINATING}, False),
        ({"state": ClusterState.TERMINATED}, False),
        ({"tags": tags(THEIRS)}, False),
        ({"tags": tags(DEAD, **{names.DAG_RUN_TAG: "another"})}, False),
        ({"tags": tags(DEAD, **{names.CLASSIFICATION_TAG: "general"})}, False),
        ({"tags": {names.RUN_TAG: str(DEAD), names.CLASSIFICATION_TAG: "phi"}}, False),
        ({"tags": {}}, False),
    ],
)
def test_only_clusters_that_prove_whose_they_are(changes: dict[str, Any], is_there: bool) -> None:
    found = [*ours([cluster(**changes)], "phi", DEPLOYMENT)]
    assert [run_id for _, run_id in found] == ([DEAD] if is_there else [])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lease(), True),
        (lease(released_at=EPOCH), False),
        (lease(broken=Broken("me", "why", EPOCH)), False),
        (lease(THEIRS, ELSEWHERE), False),
        (lease(THEIRS), False),
        (lease(DEAD, ELSEWHERE), False),
        (replace(lease(), run_id="another"), False),
    ],
)
def test_only_open_leases_that_prove_whose_they_are(found: Lease, expected: bool) -> None:
    assert is_ours(found, DEPLOYMENT) is expected


def test_the_owner_of_a_prefix_is_proven() -> None:
    document = owner_document(DEAD, DEPLOYMENT)
    assert owner_of(str(DEAD), json.dumps(document).encode(), DEPLOYMENT) == DEAD


@pytest.mark.parametrize(
    ("prefix", "body"),
    [
        (str(LIVE), json.dumps(owner_document(DEAD, DEPLOYMENT))),
        (str(THEIRS), json.dumps(owner_document(THEIRS, ELSEWHERE))),
        (str(DEAD), json.dumps(owner_document(DEAD, ELSEWHERE))),
        (str(DEAD), "{"),
        (str(DEAD), "[]"),
        (str(DEAD), "{}"),
        (str(DEAD), '{"dag_id": 1, "run_id": 2}'),
    ],
)
def test_what_proves_no_owner_has_none(prefix: str, body: str) -> None:
    assert owner_of(prefix, body.encode(), DEPLOYMENT) is None


@pytest.mark.parametrize("runs", [RUNS, S3Uri(RUNS.bucket, "runs"), S3Uri(RUNS.bucket)])
def test_records_are_no_working_files(runs: S3Uri) -> None:
    records = ["plan.json", "plan.html", "owner.json", "batches/0/before.json", "batches/0/result.json"]
    working = ["batches/0/drx_x/spec.json", "batches/0/drx_x/segments/1.json"]
    listed = [StoredObject(runs / f"{DEAD}/{path}", EPOCH) for path in records + working]
    listed += [StoredObject(runs / "leases/vitals.json", EPOCH), StoredObject(runs / "a/b/c/d/e", EPOCH)]
    found = working_files(runs, listed)
    assert {name: [each.uri for each in objects] for name, objects in found.items()} == {
        str(DEAD): [runs / f"{DEAD}/{path}" for path in working]
    }


@pytest.mark.parametrize(
    ("generation", "members", "left"),
    [
        (1, (LIVE,), False), (1, (DEAD, LIVE), False), (1, (DEAD,), True), (1, (), True),
        (2, (LIVE,), True), (2, (), True),
    ],
)  # fmt: skip
def test_a_shared_cluster_is_left_once_no_run_of_its_generation_lives(
    generation: int, members: tuple[RunId, ...], *, left: bool
) -> None:
    group = Group("nightly-1", DEPLOYMENT, generation, tuple(Member(each, EPOCH) for each in members), "j-1")
    shared = cluster(tags=tags(DEAD, **{names.GROUP_TAG: "nightly-1", names.GENERATION_TAG: "1"}))
    found = Found(((shared, DEAD),), groups=(group,))
    assert found.owners == {DEAD, *members}
    assert bool(orphans(found, {LIVE}, EPOCH + timedelta(days=9), AGES)) is left
    assert orphans(found, {LIVE, DEAD}, EPOCH + timedelta(days=9), AGES) == ()


def test_a_shared_cluster_whose_group_could_not_be_read_is_let_be() -> None:
    shared = cluster(tags=tags(DEAD, **{names.GROUP_TAG: "nightly-1", names.GENERATION_TAG: "1"}))
    assert orphans(Found(((shared, DEAD),)), (), EPOCH + timedelta(days=9), AGES) == ()


def test_an_unused_security_configuration_is_left_once_it_is_old_whoever_lives() -> None:
    unused = StoredConfiguration("druid-reindex-1", "{}", EPOCH)
    ages = replace(AGES, configuration=timedelta(days=5))
    assert orphans(Found(unused=(unused,)), (), EPOCH + timedelta(days=4), ages) == ()
    (left,) = orphans(Found(unused=(unused,)), (DEAD, LIVE), EPOCH + timedelta(days=5), ages)
    assert (left.kind, left.name, left.run_id, left.owners) == (Kind.CONFIGURATION, unused.name, None, frozenset())
    assert str(left) == "security configuration druid-reindex-1 that no cluster uses, since 2026-10-06 02:30 UTC"
    assert Found(unused=(unused,)).owners == frozenset()


def left(found: SuspendedSupervisors, *live: RunId, later: timedelta = timedelta(0)) -> list[str]:
    return [str(each) for each in orphans(Found(suspended=(found,)), live, EPOCH + later, AGES)]


def test_supervisors_are_named_with_the_run_that_suspended_them() -> None:
    assert left(suspended()) == ["suspended supervisors s0, s1 of d dead, since 2026-10-06 02:30 UTC"]
    nothing = replace(suspended(), suspension=replace(suspended().suspension, supervisors=()))
    assert left(nothing) == []


def test_supervisors_are_left_to_the_live_run_that_holds_the_lease() -> None:
    for held in (lease(LIVE), lease(DEAD), None, lease(LIVE, released_at=EPOCH)):
        found = suspended(held=held)
        takes_over = held is not None and held.is_open and held.run == LIVE
        assert bool(left(found, LIVE)) is not takes_over
        assert left(found) != []
    assert Found(suspended=(suspended(held=lease(LIVE)),)).owners == {DEAD, LIVE}


def test_supervisors_are_left_to_another_deployments_run_until_its_lease_has_ended() -> None:
    theirs = suspended(held=lease(THEIRS, ELSEWHERE))
    assert left(theirs) == []
    assert left(theirs, later=timedelta(hours=1)) != []
