"""``reindex``: carries one batch of the plan out, and records what was served before and after it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConflictError, IntegrityError, NotFoundError
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Submission
from druid_reindex.operators import links
from druid_reindex.operators.attest import require_attested
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.plan import measure, names
from druid_reindex.plan.night import Batch
from druid_reindex.plan.timeline import PartitionSet, visible

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.cluster import Cluster
    from druid_reindex.model.identity import RunId
    from druid_reindex.operators.jobs import Job, Work
    from druid_reindex.operators.sharing import Sharing

RECORD_PROTOCOL = 1


class ReindexSegmentsOperator(NightOperator):
    """One batch rebuilt and published; mapped over the plan's batches, which run one after the other.

    Returns ``batch``, ``submitted``, the ids of what ran, ``intervals``, ``segments_before``, ``segments_after`` and
    ``result_uri``.

    :param batch: the number of the batch in the plan
    """

    operator_extra_links = links.REINDEX_LINKS

    def __init__(self, *, batch: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self._job: Job | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Run the batch, or return the record of the time it ran."""
        self.hold(context)
        run_id = self.run_identity(context)
        batch = self.stored_plan(context).batches[self.batch]
        uri = names.result_uri(self.settings.boundary, run_id, batch.number)
        self._require_earlier(context, run_id, batch)
        record = self.get_record(context, uri)
        if record is None:
            record = self._run(context, run_id, batch)
            self.put_record(context, uri, record)
        return {
            "batch": batch.number,
            "submitted": record["submitted"],
            **record["ran"],
            "intervals": len(batch.chunks),
            "segments_before": sum(len(ids) for ids in record["before"].values()),
            "segments_after": sum(len(ids) for ids in record["after"].values()),
            "result_uri": str(uri),
        }

    def on_kill(self) -> None:
        """Stop the Druid task or the step that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    def _require_earlier(self, context: Context, run_id: RunId, batch: Batch) -> None:
        """A failure stops later batches: the one before, of those that run, must have left its result."""
        before = [number for number in planned_night(context)["batches"] if number < batch.number]
        if not before:
            return
        earlier = names.result_uri(self.settings.boundary, run_id, before[-1])
        if self.get_record(context, earlier) is None:
            raise ConflictError(
                "start a batch",
                resource=f"batch {batch.number}",
                came_back=f"batch {before[-1]} has left no result at {earlier}",
                remedy=f"clear the task of batch {before[-1]} first",
            )

    def _cluster(self, context: Context) -> Cluster:
        cluster_id = context["ti"].xcom_pull(task_ids="cluster_up")["cluster_id"]
        if cluster_id is None:
            raise _without_cluster("cluster_up", "it found nothing left to do")
        return self.emr.describe_cluster(cluster_id)

    def _may_submit(self, context: Context, cluster: Cluster, sharing: Sharing | None) -> None:
        """Raises NotFoundError when the cluster has ended, or was left, as it was before a clear without cluster_up.

        Raises NotProtectedError when a node that joined it is not attested.
        """
        if cluster.state.is_over:
            raise _without_cluster(cluster.cluster_id, cluster.state.value)
        if sharing is not None and not sharing.uses(cluster.cluster_id):
            raise _without_cluster(cluster.cluster_id, "this run is not one of those any more that share it")
        require_attested(self, context, cluster.cluster_id)
        self.require()

    def _run(self, context: Context, run_id: RunId, batch: Batch) -> dict[str, Any]:
        before = self._before(context, run_id, batch)
        cluster = self._cluster(context)
        from druid_reindex.operators.jobs import Work  # noqa: PLC0415

        self._job = self._job_of(Work(
            settings=self.asked_settings(context), run_id=run_id, batch=batch, waiting=self.waiting, log=self.log.info,
            require=partial(self._may_submit, context, cluster, self.sharing(context)),
            started=partial(links.tell_job, context, self.settings, cluster.cluster_id),
        ))  # fmt: skip
        ran = self._job.run(cluster)
        require_attested(self, context, cluster.cluster_id)
        return {
            "protocol": RECORD_PROTOCOL,
            "batch": batch.number,
            "submitted": self.settings.pipeline.submit.value,
            "ran": ran,
            "rows_before": before["rows"],
            "before": before["segments"],
            "after": self._published(batch, before["segments"]),
        }

    def _job_of(self, work: Work) -> Job:
        from druid_reindex.operators.jobs import OverlordJob, StepJob  # noqa: PLC0415

        match self.settings.pipeline.submit:
            case Submission.OVERLORD:
                return OverlordJob(work, self.druid)
            case Submission.EMR_STEP:
                return StepJob(work, self.emr, self.store)

    def _before(self, context: Context, run_id: RunId, batch: Batch) -> dict[str, Any]:
        """What was served before the batch's first try: segment ids and rows per chunk; written once, then kept."""
        uri = names.batch_prefix(self.settings.boundary, run_id, batch.number) / "before.json"
        kept = self.get_record(context, uri)
        if kept is not None:
            return kept
        sql, parameters = measure.rows_query(self.settings.pipeline, batch.intervals)
        record = {
            "protocol": RECORD_PROTOCOL,
            "segments": {str(c.interval): [s.segment_id for s in c.segments] for c in batch.chunks},
            "rows": measure.rows_by_interval(self.druid.query(sql, parameters), batch.intervals),
        }
        self.put_record(context, uri, record)
        return record

    def _published(self, batch: Batch, before: dict[str, list[str]]) -> dict[str, list[str]]:
        """The visible segments per chunk after the job. Raises IntegrityError where the old ones still stand."""
        used = self.druid.used_segments(self.settings.pipeline.datasource, batch.intervals)
        after = ids_by_interval(visible(used), batch.intervals)
        stale = [text for text, ids in after.items() if not set(ids) - set(before[text])]
        if stale:
            raise IntegrityError(
                "publish the rebuilt segments",
                resource=f"{self.settings.pipeline.datasource} {', '.join(stale)}",
                came_back="the job succeeded, and only segments from before are visible",
                remedy="look in the job's log for how many rows it read, and for another writer of these chunks",
            )
        return after


def _without_cluster(resource: str, came_back: str) -> NotFoundError:
    return NotFoundError(
        "reindex on the run's cluster",
        resource=resource,
        came_back=came_back,
        remedy="clear cluster_up with its downstream tasks, so that the run gets a cluster",
    )


def ids_by_interval(sets: list[PartitionSet], intervals: tuple[Interval, ...]) -> dict[str, list[str]]:
    """The ids of the visible segments within each of ``intervals``."""
    return {
        str(interval): [s.segment_id for entry in sets if interval.overlaps(entry.interval) for s in entry.segments]
        for interval in intervals
    }
