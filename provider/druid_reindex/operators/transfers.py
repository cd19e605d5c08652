"""What the tasks that move tables share: how they begin, as whom Redshift acts, and what a manifest must be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.evidence.night_state import PREPARE_TASKS, UNLOAD_TASKS
from druid_reindex.model.interval import umbrella
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.encryption import refuse_other_keys
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.statements import StatementJob
    from druid_reindex.plan.manifest import Manifest
    from druid_reindex.plan.redshift import Route


def entered(task: NightOperator, context: Context, *, leased: bool) -> str:
    """The digest of the plan that the task works under, its lease held; empty for a task that is not ``leased``.

    Raises AirflowSkipException when the night has nothing to do.
    """
    if not leased:
        return ""
    night = planned_night(context)
    if not night["batches"]:
        raise AirflowSkipException(night["explanation"])
    task.hold(context)
    return str(night["plan_sha256"])


def night_values(task: NightOperator, context: Context) -> dict[str, str]:
    """``interval_start`` and ``interval_end``: the ends, in UTC, of all that the planned night rebuilds."""
    chosen = planned_night(context)["batches"]
    batches = [batch for batch in task.stored_plan(context).batches if batch.number in chosen]
    whole = umbrella([interval for batch in batches for interval in batch.intervals])
    ends = {"interval_start": whole.start, "interval_end": whole.end}
    return {name: f"{end:%Y-%m-%d %H:%M:%S}" for name, end in ends.items()}


def route_of(task: NightOperator) -> Route:
    """How Redshift reaches S3. Raises ConfigurationError where the boundary names no Redshift."""
    from druid_reindex.plan.redshift import Route  # noqa: PLC0415

    settings = task.settings
    return Route(settings.warehouse, settings.boundaries.region, settings.boundary.kms_key_arn)


def job_of(task: NightOperator, context: Context) -> StatementJob:
    """What has the boundary's Redshift run the task's scripts."""
    from druid_reindex.operators.statements import StatementJob  # noqa: PLC0415

    run_id = task.run_identity(context)
    return StatementJob(task.settings, run_id, task.redshift, task.waiting, task.log.info, task.require)


def read_whole(task: NightOperator, uri: S3Uri, *, below: S3Uri) -> Manifest:
    """The manifest, each of its files there and under the boundary's key.

    Raises NotFoundError for one that is not, IntegrityError for another key or counts that disagree.
    """
    from druid_reindex.plan.manifest import read_manifest  # noqa: PLC0415

    manifest = read_manifest(uri, task.store.get(uri), below=below)
    remedy = "find out who wrote it, or what overrides the key; do not use it"
    key = task.settings.boundary.kms_key_arn
    refuse_other_keys(task.store, [uri, *(file.uri for file in manifest.files)], key, remedy=remedy)
    return manifest


def unloaded(task: NightOperator, context: Context, name: str) -> Manifest:
    """The manifest of what the run's unload ``name`` wrote, as it was recorded.

    Raises NotFoundError where there is no record, IntegrityError where the manifest is another one by now.
    """
    place = names.unload_prefix(task.settings.boundary, task.run_identity(context), name) / "result.json"
    return _recorded(task, place, task.get_json(place), f"{UNLOAD_TASKS}{name}")


def prepared(task: NightOperator, context: Context, name: str) -> Manifest:
    """The manifest of the files of the run's unload ``name``, their identifiers being tokens by now.

    Raises NotFoundError where they were not made of what is unloaded now, IntegrityError as for ``unloaded``.
    """
    boundary, run_id = task.settings.boundary, task.run_identity(context)
    place = names.prepared_prefix(boundary, run_id, name) / "result.json"
    record, source = task.get_json(place), task.get_json(names.unload_prefix(boundary, run_id, name) / "result.json")
    if record and (source is None or record["source_sha256"] != source["manifest_sha256"]):
        record = None
    return _recorded(task, place, record, f"{PREPARE_TASKS}{name}")


def _recorded(task: NightOperator, place: S3Uri, record: dict[str, Any] | None, task_id: str) -> Manifest:
    if record is None:
        raise NotFoundError(
            "find the files that a task of the night left",
            resource=str(place),
            came_back="no record",
            remedy=f"clear {task_id} with its downstream tasks",
        )
    below = S3Uri.parse(task.settings.boundary.data_uri)
    manifest = read_whole(task, S3Uri.parse(record["manifest_uri"]), below=below)
    if manifest.sha256 != record["manifest_sha256"]:
        raise IntegrityError(
            "read a manifest",
            resource=str(manifest.uri),
            came_back=f"SHA-256 {manifest.sha256}, where {record['manifest_sha256']} was recorded",
            remedy="find out in S3's versions and CloudTrail who wrote it; do not use it",
        )
    return manifest
