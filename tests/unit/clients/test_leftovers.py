"""What a deployment has on EMR and in S3 is found on one side of the boundary alone, and taken away piece by piece."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from airflow_twin import DAG, DESK, RUN, Outside
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.groups import GroupShelf
from druid_reindex.clients.leases import LeaseKeeper
from druid_reindex.clients.leftovers import Leftovers
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf
from druid_reindex.errors import ConflictError, NoAnswerError
from druid_reindex.model import lease as stored
from druid_reindex.model.cluster import Cluster, ClusterState, StepState
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.suspension import Suspension
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.writers import Supervisor
from druid_reindex.plan import document, names
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.orphans import Ages, Kind, Orphan, SharedCluster, orphans, owner_document
from druid_reindex.plan.security import needed
from twins import EPOCH

ZIP = S3Uri.parse("s3://certificates/phi.zip")

SUBJECT = DESK.subject(DagRun(DAG, RUN, "failed"))
DEPLOYMENT = DESK.boundaries.deployment_id
LATER = EPOCH + timedelta(days=90)
AWAY = NoAnswerError("ask", resource="it", came_back="nothing", remedy="wait")


@pytest.fixture
def outside() -> Outside:
    """One of each kind of the run, and what is not to be found: of the other side, or of nobody that can be proven."""
    made = Outside()
    for classification in ("phi", "general"):
        tags = names.run_tags(SUBJECT.run_id) | {names.CLASSIFICATION_TAG: classification}
        cluster_id = made.emr.run_job_flow(
            {"Name": classification, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        )
        made.emr.clusters[cluster_id] = replace(made.emr.clusters[cluster_id], state=ClusterState.RUNNING)
    step = {"Name": f"{names.task_prefix('patient_vitals', SUBJECT.run_id)}0_x_g1"}
    made.emr.add_step("j-0000000000001", step)
    claim = Claim("patient_vitals", SUBJECT.run_id, DEPLOYMENT)
    LeaseKeeper(made.store, SUBJECT.boundary, claim, lambda: EPOCH).hold()
    for run_id in (SUBJECT.run_id, RunId.of(DEPLOYMENT, dag_id=DAG, run_id="unproven")):
        folder = names.batch_prefix(SUBJECT.boundary, run_id, 0)
        for name in ("job/spec.json", "job/deep/er.json", "result.json"):
            made.store.put(folder / name, b"{}", kms_key_arn="k")
    owner = document.canonical(owner_document(SUBJECT.run_id, DEPLOYMENT))
    made.store.put(names.owner_uri(SUBJECT.boundary, SUBJECT.run_id), owner, kms_key_arn="k")
    return made


def side(outside: Outside, unread: list[str], classification: Classification = Classification.PHI) -> Leftovers:
    sources = outside.sources
    druid = {"druid_phi": sources.druid, "druid_general": sources.druid}
    return Leftovers(
        DESK.boundaries, classification, sources.emr, sources.store, unread.append, lambda conn_id: druid[conn_id]()
    )


def left(outside: Outside) -> dict[Kind, Orphan]:
    unread: list[str] = []
    found = {each.kind: each for each in orphans(side(outside, unread).find(), (), LATER, Ages())}
    assert not unread
    return found


def take_away(outside: Outside, orphan: Orphan) -> list[str]:
    said: list[str] = []
    side(outside, []).take_away(orphan, by="a test", now=LATER, log=said.append)
    return said


def test_one_of_each_kind_is_found(outside: Outside) -> None:
    found = left(outside)
    assert {kind: each.run_id for kind, each in found.items()} == dict.fromkeys(
        [Kind.CLUSTER, Kind.LEASE, Kind.FILES], SUBJECT.run_id
    )
    assert found[Kind.CLUSTER].name == "j-0000000000001"
    general = side(outside, [], Classification.GENERAL).find()
    assert [cluster.cluster_id for cluster, _ in general.clusters] == ["j-0000000000002"]
    assert (general.leases, general.files) == ((), ())


def test_a_cluster_is_terminated_with_its_steps(outside: Outside) -> None:
    said = take_away(outside, left(outside)[Kind.CLUSTER])
    assert outside.emr.terminated == ["j-0000000000001"]
    assert [step.state for step in outside.emr.list_steps("j-0000000000001")] == [StepState.CANCELLED]
    assert len(said) == 2
    assert Kind.CLUSTER not in left(outside)


def test_a_lease_is_broken_and_kept(outside: Outside) -> None:
    orphan = left(outside)[Kind.LEASE]
    take_away(outside, orphan)
    kept = stored.from_json(outside.store.get(names.lease_uri(SUBJECT.boundary, "patient_vitals")))
    assert kept.broken is not None
    assert (kept.broken.by, kept.fence) == ("a test", 1)
    assert Kind.LEASE not in left(outside)
    with pytest.raises(ConflictError):
        take_away(outside, orphan)


def test_working_files_go_and_records_stay(outside: Outside) -> None:
    take_away(outside, left(outside)[Kind.FILES])
    kept = [
        str(each.uri).rpartition("runs/")[2]
        for each in outside.store.listing(names.run_prefix(SUBJECT.boundary, SUBJECT.run_id))
    ]
    assert kept == [f"{SUBJECT.run_id}/batches/0/result.json", f"{SUBJECT.run_id}/owner.json"]
    assert Kind.FILES not in left(outside)


@pytest.mark.parametrize(
    ("away", "kinds", "times"), [("emr", {Kind.LEASE, Kind.FILES}, 2), ("store", {Kind.CLUSTER}, 4)]
)
def test_what_does_not_answer_hides_nothing_else(outside: Outside, away: str, kinds: set[Kind], times: int) -> None:
    outside.away[away] = AWAY
    unread: list[str] = []
    found = orphans(side(outside, unread).find(), (), LATER, Ages())
    assert ({each.kind for each in found}, unread) == (kinds, [str(AWAY)] * times)


def test_a_lease_that_cannot_be_read_is_said(outside: Outside) -> None:
    outside.store.put(names.lease_uri(SUBJECT.boundary, "patient_labs"), b"{", kms_key_arn="k")
    unread: list[str] = []
    assert [each.datasource for each in side(outside, unread).find().leases] == ["patient_vitals"]
    assert len(unread) == 1


def share(outside: Outside, run_id: RunId) -> GroupShelf:
    """A cluster of a group that the run has joined and launched."""
    shelf = GroupShelf(outside.store, SUBJECT.boundary, "nightly-1", lambda: EPOCH)
    group = shelf.join(DEPLOYMENT, run_id)
    tags = names.run_tags(run_id) | {
        names.CLASSIFICATION_TAG: "phi", names.GROUP_TAG: group.key, names.GENERATION_TAG: str(group.generation),
    }  # fmt: skip
    cluster_id = outside.emr.run_job_flow({"Name": "s", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
    shelf.launched(run_id, group.generation, cluster_id)
    return shelf


def test_a_shared_cluster_is_taken_away_with_its_members_unless_somebody_joined(outside: Outside) -> None:
    shelf = share(outside, SUBJECT.run_id)
    found = side(outside, []).find()
    (orphan,) = (each for each in orphans(found, (), LATER, Ages()) if isinstance(each.thing, SharedCluster))
    newcomer = RunId.of(DEPLOYMENT, dag_id=DAG, run_id="newcomer")
    shelf.join(DEPLOYMENT, newcomer)
    with pytest.raises(ConflictError, match="in use again"):
        take_away(outside, orphan)
    assert outside.emr.terminated == []
    assert [
        each for each in orphans(side(outside, []).find(), {newcomer}, LATER, Ages()) if each.name == orphan.name
    ] == []
    shelf.leave(newcomer)
    take_away(outside, orphan)
    assert outside.emr.terminated == [orphan.name]
    group = shelf.read()
    assert group is not None
    assert (group.members, group.generation) == ((), 2)


def test_a_cluster_of_a_closed_generation_is_taken_away_while_the_next_one_works(outside: Outside) -> None:
    shelf = share(outside, SUBJECT.run_id)
    shelf.leave(SUBJECT.run_id)
    newcomer = RunId.of(DEPLOYMENT, dag_id=DAG, run_id="newcomer")
    share(outside, newcomer)
    found = orphans(side(outside, []).find(), {newcomer}, LATER, Ages())
    (orphan,) = (each for each in found if isinstance(each.thing, SharedCluster))
    take_away(outside, orphan)
    assert outside.emr.terminated == [orphan.name] == ["j-0000000000003"]
    group = shelf.read()
    assert group is not None
    assert group.has(newcomer)


def configured(outside: Outside, classification: Classification) -> str:
    """A security configuration of one side, made."""
    found = needed(ClusterSecurity(name="x", kerberos=None), DESK.boundaries.of(classification), ZIP)
    outside.emr.create_security_configuration(found.name, found.text)
    return found.name


def test_security_configurations_that_no_cluster_uses_are_found_on_their_own_side(outside: Outside) -> None:
    phi, general = configured(outside, Classification.PHI), configured(outside, Classification.GENERAL)
    weak = needed(
        ClusterSecurity(name="x", s3="none", local_disks=False, ebs=False, kerberos=None), SUBJECT.boundary, ZIP
    )
    outside.emr.create_security_configuration(weak.name, weak.text)
    for name in ("theirs", "druid-reindex-by-hand", names_like(phi)):
        outside.emr.create_security_configuration(name, outside.emr.configurations[phi].text.replace("true", "false"))
    assert [each.name for each in side(outside, []).find().unused] == [phi]
    found = side(outside, [], Classification.GENERAL).find().unused
    assert {each.name for each in found} == {general, weak.name}


def names_like(name: str) -> str:
    """A name of our form, which is not the content's."""
    return f"{name[:-1]}{'0' if name[-1] != '0' else '1'}"


def test_one_that_a_living_cluster_uses_is_kept(outside: Outside) -> None:
    name = configured(outside, Classification.PHI)
    first = outside.emr.clusters["j-0000000000001"]
    outside.emr.clusters[first.cluster_id] = replace(first, security_configuration=name)
    assert side(outside, []).find().unused == ()
    outside.emr.clusters[first.cluster_id] = replace(first, state=ClusterState.TERMINATED, security_configuration=name)
    (found,) = [each for each in orphans(side(outside, []).find(), (), LATER, Ages()) if each.name == name]
    assert take_away(outside, found) == [f"deleting security configuration {name}"]
    assert outside.emr.configurations == {}


def test_clusters_that_cannot_be_read_keep_every_security_configuration(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_tag: str) -> list[Cluster]:
        raise AWAY

    configured(outside, Classification.PHI)
    monkeypatch.setattr(outside.emr, "living_clusters", away)
    unread: list[str] = []
    assert side(outside, unread).find().unused == ()
    assert unread


def suspend(outside: Outside, run_id: RunId = SUBJECT.run_id, deployment: UUID = DEPLOYMENT) -> SuspensionShelf:
    """Two supervisors of the datasource, one of which the run has suspended."""
    outside.druid.supervisors = [Supervisor("s0", is_suspended=False), Supervisor("s1", is_suspended=False)]
    shelf = SuspensionShelf(outside.store, SUBJECT.boundary, "patient_vitals")
    mine = Suspension("patient_vitals", deployment, run_id, 1, "druid_phi")
    Suspender(shelf, outside.druid, mine, lambda _said: None, lambda: EPOCH).suspend(["s0"], lambda: None)
    return shelf


def test_supervisors_are_resumed_by_the_connection_that_suspended_them() -> None:
    outside = Outside()
    shelf = suspend(outside)
    orphan = left(outside)[Kind.SUPERVISORS]
    assert orphan.name == "s0"
    assert take_away(outside, orphan) == ["resuming supervisor s0"]
    assert not any(each.is_suspended for each in outside.druid.supervisors)
    record = shelf.read()
    assert record is not None
    assert record.supervisors == ()
    assert Kind.SUPERVISORS not in left(outside)
    assert take_away(outside, orphan) == []


def test_supervisors_are_not_resumed_while_anything_of_the_run_lives(outside: Outside) -> None:
    suspend(outside)
    orphan = left(outside)[Kind.SUPERVISORS]
    with pytest.raises(ConflictError, match="of that run these still live: j-"):
        take_away(outside, orphan)
    assert [each.is_suspended for each in outside.druid.supervisors] == [True, False]
    for cluster_id in outside.emr.terminated:
        outside.emr.describe_cluster(cluster_id)
    assert take_away(outside, orphan)[-1] == "resuming supervisor s0"


def test_what_another_deployment_has_suspended_is_not_looked_at() -> None:
    outside = Outside()
    other = UUID(int=9)
    suspend(outside, RunId.of(other, dag_id=DAG, run_id=RUN), other)
    assert side(outside, []).find().suspended == ()
    assert side(outside, [], Classification.GENERAL).find().suspended == ()
