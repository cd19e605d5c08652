"""External names: equal for every try of a run, different for what is different."""

from __future__ import annotations

import re
from uuid import UUID

from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification, ClusterChoice, Connections, Submission
from druid_reindex.plan import names
from timelines import RUN, boundaries, pipeline

PHI = boundaries().phi
OTHER = RunId.of(boundaries().deployment_id, dag_id="nightly_reindex__patient_vitals", run_id="manual__2")


def test_a_task_id_changes_with_each_of_its_parts() -> None:
    parts = {"batch": 0, "digest": "a" * 64, "generation": 1}
    first = names.task_id(pipeline(), RUN, **parts)
    others = [
        names.task_id(pipeline(), OTHER, **parts),
        names.task_id(pipeline(), RUN, **parts | {"batch": 1}),
        names.task_id(pipeline(), RUN, **parts | {"digest": "b" * 64}),
        names.task_id(pipeline(), RUN, **parts | {"generation": 2}),
    ]
    assert len({first, *others}) == 5
    assert first == names.task_id(pipeline(), RUN, **parts)
    assert first == f"drx_patient_vitals_{RUN.short}_b0_aaaaaaaa_g1"


def test_a_task_id_is_one_that_druid_takes() -> None:
    """Druid wants no slash, no leading dot, no white space; the id is part of paths and rows (255 characters)."""
    longest = pipeline(datasource="p" * 100)
    made = names.task_id(longest, RUN, batch=999, digest="f" * 64, generation=99)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", made)


def test_a_batchs_step_has_the_tasks_name() -> None:
    parts = {"batch": 2, "digest": "c" * 64, "generation": 3}
    made = names.step_name(pipeline(), RUN, "b2", digest="c" * 64, generation=3)
    assert made == names.task_id(pipeline(), RUN, **parts)


def test_all_that_a_run_has_others_do_begins_alike() -> None:
    made = names.step_name(pipeline(), RUN, "prepare_claims", digest="c" * 64, generation=1)
    assert made == f"{names.task_prefix('patient_vitals', RUN)}prepare_claims_cccccccc_g1"


def test_a_runs_objects_lie_below_its_prefix() -> None:
    prefix = names.run_prefix(PHI, RUN)
    assert str(prefix) == f"s3://drx-phi-111122223333/runs/{RUN}"
    assert str(names.plan_uri(PHI, RUN)) == f"{prefix}/plan.json"
    assert str(names.result_uri(PHI, RUN, 7)) == f"{names.batch_prefix(PHI, RUN, 7)}/result.json"
    assert prefix.covers(names.result_uri(PHI, RUN, 7))
    for name in ("before", "verdict", "rollback"):
        assert str(getattr(names, f"{name}_uri")(PHI, RUN, 7)) == f"{prefix}/batches/7/{name}.json"
    assert not names.run_prefix(PHI, OTHER).covers(names.result_uri(PHI, RUN, 7))


def test_a_cluster_is_named_after_its_run() -> None:
    assert names.cluster_name(pipeline(), RUN) == f"druid-reindex-patient_vitals-{RUN.short}"


def test_a_clusters_tags_lead_back_to_its_run() -> None:
    found = names.run_of_tags(names.run_tags(RUN), boundaries().deployment_id)
    assert found is not None
    assert (found, found.dag_id, found.dag_run_id) == (RUN, RUN.dag_id, RUN.dag_run_id)


def test_tags_of_another_deployment_name_no_run_of_this_one() -> None:
    assert names.run_of_tags(names.run_tags(RUN), UUID(int=1)) is None
    assert names.run_of_tags({names.RUN_TAG: str(RUN)}, boundaries().deployment_id) is None
    assert names.run_of_tags({}, boundaries().deployment_id) is None


def test_a_run_whose_name_aws_would_refuse_is_tagged_with_its_identity_alone() -> None:
    odd = RunId.of(boundaries().deployment_id, dag_id="d", run_id="what~ever")
    assert names.run_tags(odd) == {names.RUN_TAG: str(odd)}


def test_what_a_run_submits_starts_with_its_prefix() -> None:
    made = names.task_id(pipeline(), RUN, batch=3, digest="d" * 64, generation=1)
    assert made.startswith(names.task_prefix(pipeline().datasource, RUN))
    assert not made.startswith(names.task_prefix(pipeline().datasource, OTHER))
    assert not made.startswith(names.task_prefix("patient", RUN))


def test_a_datasource_has_one_lease_whatever_the_run() -> None:
    assert str(names.lease_uri(PHI, "patient_vitals")) == "s3://drx-phi-111122223333/runs/leases/patient_vitals.json"


def test_a_group_holds_only_pipelines_that_can_share_a_cluster() -> None:
    own = {"profile": "small", "group": "nightly"}
    alike = [
        pipeline(cluster=ClusterChoice(**own)),
        pipeline(cluster=ClusterChoice(**own), datasource="patient_labs", owner="others"),
    ]
    unlike = [
        pipeline(cluster=ClusterChoice(**own | {"profile": "big"})),
        pipeline(cluster=ClusterChoice(**own), submit=Submission.EMR_STEP),
        pipeline(cluster=ClusterChoice(**own), classification=Classification.GENERAL),
        pipeline(cluster=ClusterChoice(**own), connections=Connections(aws="another")),
        pipeline(cluster=ClusterChoice(**own | {"group": "weekly"})),
    ]
    deployment = boundaries().deployment_id
    keys = {names.group_key(each, deployment) for each in alike}
    assert len(keys) == 1
    assert len(keys | {names.group_key(each, deployment) for each in unlike}) == 6
    assert names.group_key(alike[0], UUID(int=1)) not in keys
    assert names.group_key(pipeline(), deployment) is None


def test_a_generation_that_a_tag_does_not_say_is_none_of_any_group() -> None:
    assert [names.generation(tags) for tags in ({names.GENERATION_TAG: "7"}, {names.GENERATION_TAG: "x"}, {})] == [
        7,
        0,
        0,
    ]


def test_reports_lie_below_the_run_that_launched_and_answer_to_it() -> None:
    prefix = names.run_prefix(PHI, RUN)
    assert names.attestation_prefix(PHI, str(RUN)) == prefix / "attestation"
    assert not names.attestation_prefix(PHI, str(RUN)).covers(names.attestation_uri(PHI, RUN))
    assert names.posture_uri(PHI, RUN) == prefix / "posture.json"
    assert names.attestation_nonce(str(RUN)) != names.attestation_nonce(str(OTHER))


def test_statements_are_named_as_tasks_are() -> None:
    name = names.statement_name("patient_vitals", RUN, "unload_claims", digest="0123456789abcdef", generation=2)
    assert name == f"drx_patient_vitals_{RUN.short}_unload_claims_01234567_g2"
    assert name.startswith(names.statements_prefix("patient_vitals", RUN))


def test_what_redshift_writes_and_reads_lies_below_the_run() -> None:
    prefix = names.run_prefix(PHI, RUN)
    assert names.unload_prefix(PHI, RUN, "claims") == prefix / "unload/claims"
    assert names.load_prefix(PHI, RUN, "snapshot") == prefix / "load/snapshot"
    assert names.export_manifest_uri(PHI, RUN, "snapshot") == prefix / "export/snapshot/manifest"
