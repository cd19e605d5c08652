"""External names, all made from the run's identity, so that a retry finds what an earlier try made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.identity import digest as sha256
from druid_reindex.model.journal import FOLDER, SUFFIX
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri, StoredObject

RUN_TAG = "druid-reindex:run-id"
PIPELINE_TAG = "druid-reindex:pipeline"
CLASSIFICATION_TAG = "druid-reindex:classification"
GROUP_TAG = "druid-reindex:group"
GENERATION_TAG = "druid-reindex:group-generation"
DAG_TAG = "druid-reindex:dag-id"
DAG_RUN_TAG = "druid-reindex:dag-run-id"
OWNER_FILE = "owner.json"
STATEMENTS = "drx_"
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{1,256}")


def cluster_name(pipeline: Pipeline, run_id: RunId) -> str:
    """The EMR cluster's name."""
    return f"druid-reindex-{pipeline.datasource}-{run_id.short}"


def run_tags(run_id: RunId) -> dict[str, str]:
    """The tags that say whose a cluster is; DAG and run stay out where AWS would refuse their characters.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
    """
    told = {DAG_TAG: run_id.dag_id, DAG_RUN_TAG: run_id.dag_run_id}
    readable = all(_TAG_VALUE.fullmatch(value) for value in told.values())
    return {RUN_TAG: str(run_id)} | (told if readable else {})


def run_of_tags(tags: Mapping[str, str], deployment_id: UUID) -> RunId | None:
    """The run of this deployment that the tags name; None for another deployment's, or where they do not say."""
    run_id = RunId.of(deployment_id, dag_id=tags.get(DAG_TAG, ""), run_id=tags.get(DAG_RUN_TAG, ""))
    return run_id if str(run_id) == tags.get(RUN_TAG) else None


def group_key(pipeline: Pipeline, deployment_id: UUID) -> str | None:
    """The name of the pipeline's group, and a digest of all that those who share a cluster must have in common."""
    if pipeline.cluster.group is None:
        return None
    common = (deployment_id, *shared_choices(pipeline).values())
    return f"{pipeline.cluster.group}-{sha256(' '.join(map(str, common)).encode())[:8]}"


def shared_choices(pipeline: Pipeline) -> dict[str, str]:
    """What pipelines that share a cluster must have in common, by field: the key and roles follow from it."""
    return {
        "classification": pipeline.classification.value,
        "cluster.profile": pipeline.cluster.profile,
        "submit": pipeline.submit.value,
        "loads": "of exports" if pipeline.exports else "none of exports",
        "connections.aws": pipeline.connections.aws or "the boundary's",
    }


def generation(tags: Mapping[str, str]) -> int:
    """The generation of its group that a shared cluster's tags name; 0 where they do not say."""
    told = tags.get(GENERATION_TAG, "")
    return int(told) if told.isdecimal() else 0


def task_id(pipeline: Pipeline, run_id: RunId, *, batch: int, digest: str, generation: int) -> str:
    """The Druid task's id: the run, the unit of work, the payload's digest, and how many attempts died before (+1)."""
    return step_name(pipeline, run_id, f"b{batch}", digest=digest, generation=generation)


def task_prefix(datasource: str, run_id: RunId) -> str:
    """What the ids of all Druid tasks and the names of all EMR steps of one run start with."""
    return f"drx_{datasource}_{run_id.short}_"


def step_name(pipeline: Pipeline, run_id: RunId, unit: str, *, digest: str, generation: int) -> str:
    """The name of an EMR step, ``unit`` such as ``b0`` for a batch, whose Druid task has this very id."""
    return f"{task_prefix(pipeline.datasource, run_id)}{unit}_{digest[:8]}_g{generation}"


class RunsPlace(Protocol):
    """What says where nights keep their own files: a boundary, or what a trigger was stored with."""

    @property
    def runs_uri(self) -> str:
        """``s3://bucket/prefix``."""


def lease_uri(place: RunsPlace, datasource: str) -> S3Uri:
    """The lease of ``datasource``: deployments that share it must share the boundary's ``runs_uri``."""
    return S3Uri.parse(place.runs_uri) / f"leases/{datasource}.json"


def suspensions_uri(place: RunsPlace) -> S3Uri:
    """Where it is kept which supervisors nights have suspended."""
    return S3Uri.parse(place.runs_uri) / "suspended"


def suspension_uri(place: RunsPlace, datasource: str) -> S3Uri:
    """Which supervisors of ``datasource`` are suspended."""
    return suspensions_uri(place) / f"{datasource}.json"


def groups_uri(place: RunsPlace) -> S3Uri:
    """Where the groups of clusters are kept."""
    return S3Uri.parse(place.runs_uri) / "groups"


def group_uri(place: RunsPlace, key: str) -> S3Uri:
    """The group of that key."""
    return groups_uri(place) / f"{key}.json"


def step_journal_uri(boundary: Boundary, run_id: RunId, step_name: str) -> S3Uri:
    """The journal of what a step of the run's cluster asks AWS, beside those of the run's tasks."""
    return run_prefix(boundary, run_id) / f"{FOLDER}/{step_name}{SUFFIX}"


def run_prefix(boundary: Boundary, run_id: RunId) -> S3Uri:
    """Where the run keeps its plan, specs and results."""
    return S3Uri.parse(boundary.runs_uri) / str(run_id)


def owner_uri(boundary: Boundary, run_id: RunId) -> S3Uri:
    """Where it is said whose the run's prefix is."""
    return run_prefix(boundary, run_id) / OWNER_FILE


def built_uri(place: RunsPlace, datasource: str) -> S3Uri:
    """What the chunks of ``datasource`` were built from."""
    return S3Uri.parse(place.runs_uri) / f"built/{datasource}.json"


def withheld_uri(place: RunsPlace, datasource: str) -> S3Uri:
    """Which keys' rows are kept out of what the nights of ``datasource`` unload."""
    return S3Uri.parse(place.runs_uri) / f"withheld/{datasource}.json"


def disposals_uri(place: RunsPlace, datasource: str) -> S3Uri:
    """Where it is kept what was disposed of ``datasource``, a record for each run that did so."""
    return S3Uri.parse(place.runs_uri) / f"disposals/{datasource}"


def disposal_uri(place: RunsPlace, datasource: str, run_id: RunId) -> S3Uri:
    """What the run has disposed of ``datasource``."""
    return disposals_uri(place, datasource) / f"{run_id}.json"


def plan_uri(boundary: Boundary, run_id: RunId) -> S3Uri:
    """The stored plan."""
    return run_prefix(boundary, run_id) / "plan.json"


def plan_page_uri(boundary: Boundary, run_id: RunId) -> S3Uri:
    """The stored plan as a page for people."""
    return run_prefix(boundary, run_id) / "plan.html"


def posture_uri(boundary: Boundary, run_id: RunId) -> S3Uri:
    """What was judged of the account before the night."""
    return run_prefix(boundary, run_id) / "posture.json"


def attestation_uri(boundary: Boundary, run_id: RunId) -> S3Uri:
    """What was judged of the run's live cluster."""
    return run_prefix(boundary, run_id) / "attestation.json"


def attestation_prefix(place: RunsPlace, launched_by: str) -> S3Uri:
    """Where the nodes of the cluster that the run ``launched_by`` launched leave their reports."""
    return S3Uri.parse(place.runs_uri) / f"{launched_by}/attestation"


def attestation_nonce(launched_by: str) -> str:
    """What the nodes of that cluster put into their reports.

    A report names its cluster too, which tells those of a run's successive clusters (their generations) apart.
    """
    return sha256(f"attestation {launched_by}".encode())


def batch_prefix(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """Where one batch keeps its spec and results."""
    return run_prefix(boundary, run_id) / f"batches/{batch}"


def result_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """The record of a batch that was carried out."""
    return batch_prefix(boundary, run_id, batch) / "result.json"


def before_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """What was served before a batch's first try."""
    return batch_prefix(boundary, run_id, batch) / "before.json"


def verdict_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """What was judged of a batch; nothing is there where nobody judged it."""
    return batch_prefix(boundary, run_id, batch) / "verdict.json"


def holdings_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """What each new segment's object of a batch holds, in counts."""
    return batch_prefix(boundary, run_id, batch) / "holdings.json"


def expectations_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """Great Expectations' results of a batch, in its own JSON."""
    return batch_prefix(boundary, run_id, batch) / "expectations.json"


def expectations_page_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """The same as a page for people, in Great Expectations' Data Docs."""
    return batch_prefix(boundary, run_id, batch) / "expectations.html"


def rollback_uri(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """What of a batch was taken back, and what is served since."""
    return batch_prefix(boundary, run_id, batch) / "rollback.json"


def purge_prefix(boundary: Boundary, run_id: RunId, batch: int) -> S3Uri:
    """Where the steps of a purge keep what they are told, what they counted and a batch's rows without the keys."""
    return run_prefix(boundary, run_id) / f"purge/{batch}"


def disposed_uri(record: StoredObject) -> S3Uri:
    """Where it is kept that all is gone that a batch's ``record``, as it was written then, says to be replaced."""
    folder, _, name = record.uri.key.rpartition("/")
    return S3Uri(record.uri.bucket, f"{folder}/disposed/{name.removesuffix('.json')}-{record.etag}.json")


def statements_prefix(datasource: str, run_id: RunId) -> str:
    """What the names of all statements start with that one run has Redshift run."""
    return f"{STATEMENTS}{datasource}_{run_id.short}_"


def statement_name(datasource: str, run_id: RunId, unit: str, *, digest: str, generation: int) -> str:
    """The name of a batch of statements; the same parts as a Druid task's id, ``unit`` such as ``unload_claims``."""
    return f"{statements_prefix(datasource, run_id)}{unit}_{digest[:8]}_g{generation}"


def unload_prefix(boundary: Boundary, run_id: RunId, name: str) -> S3Uri:
    """Where the generations of one unload lie, and its record."""
    return run_prefix(boundary, run_id) / f"unload/{name}"


def prepared_prefix(boundary: Boundary, run_id: RunId, name: str) -> S3Uri:
    """Where the files of one unload lie once their identifiers are tokens, and the record of it."""
    return run_prefix(boundary, run_id) / f"prepared/{name}"


def export_prefix(boundary: Boundary, run_id: RunId, name: str) -> S3Uri:
    """Where the generations of what the night exports for the load ``name`` lie, and the record of it."""
    return run_prefix(boundary, run_id) / f"export/{name}"


def export_manifest_uri(boundary: Boundary, run_id: RunId, name: str) -> S3Uri:
    """The manifest of what the night exported for the load ``name``, in the form of UNLOAD's verbose manifest."""
    return export_prefix(boundary, run_id, name) / "manifest"


def load_prefix(boundary: Boundary, run_id: RunId, name: str) -> S3Uri:
    """Where the manifests that COPY is given lie, and the load's record."""
    return run_prefix(boundary, run_id) / f"load/{name}"
