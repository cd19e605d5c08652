"""``reindex``: carries one batch of the plan out, and records what was served before and after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConflictError, IntegrityError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.evidence.lineage_tasks import Rebuilt
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Submission
from druid_reindex.operators import links
from druid_reindex.operators.alone import require_alone
from druid_reindex.operators.attest import require_attested
from druid_reindex.operators.inputs import Read, keep_built, read_inputs
from druid_reindex.operators.lineage import planned_of, site_of
from druid_reindex.operators.measured import measured_now
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.operators.purging import Purging
from druid_reindex.operators.run_cluster import cluster_of, may_submit
from druid_reindex.operators.shaped import shaped_now
from druid_reindex.plan import names
from druid_reindex.plan.night import Batch, NightPlan
from druid_reindex.plan.purge import of_itself
from druid_reindex.plan.rollback import appended
from druid_reindex.plan.slipped import refuse_slipped
from druid_reindex.plan.timeline import PartitionSet, visible

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.cluster import Cluster
    from druid_reindex.model.identity import RunId
    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.jobs import Job, Work
    from druid_reindex.operators.scripts import ScriptJob

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
        self._job: Job | ScriptJob | None = None
        self._rebuilt = Rebuilt()

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Run the batch, or return the record of the time it ran."""
        self.hold(context)
        run_id = self.run_identity(context)
        plan = self.stored_plan(context)
        batch = plan.batches[self.batch]
        self._rebuilt = Rebuilt({str(chunk.interval): _ids(chunk.read) for chunk in batch.chunks})
        uri = names.result_uri(self.settings.boundary, run_id, batch.number)
        self._require_earlier(context, run_id, batch)
        record = self.get_record(context, uri)
        if record is None:
            record = self._run(context, run_id, plan, batch)
            self.put_record(context, uri, record)
        self._rebuilt = replace(
            self._rebuilt,
            published=record["after"],
            manifests=tuple(record.get("manifests", ())),
            size_bytes=record.get("size_bytes"),
            replaced=any(record["before"].values()),
        )
        return {
            "batch": batch.number,
            "submitted": record["submitted"],
            **record["ran"],
            "intervals": len(batch.chunks),
            "segments_before": sum(len(ids) for ids in record["before"].values()),
            "segments_after": sum(len(ids) for ids in record["after"].values()),
            "result_uri": str(uri),
        }

    def lineage(self) -> Lineage:
        """What the batch is built from, and the datasource; a purge is built from that alone."""
        site = site_of(self)
        if planned_of(self.night).get("purge"):
            site = replace(site, pipeline=of_itself(site.pipeline))
        return lineage_tasks.rebuild(site, self._rebuilt)

    def on_kill(self) -> None:
        """Stop the Druid task or the step that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    def _begun(self, job: ScriptJob) -> None:
        self._job = job

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

    def _run(self, context: Context, run_id: RunId, plan: NightPlan, batch: Batch) -> dict[str, Any]:
        cluster = cluster_of(self, context)
        purging = Purging.of(self, context, cluster, self._begun)
        source = self.settings.pipeline.datasource if purging else self.settings.pipeline.source
        before = self._before(context, run_id, batch, source)
        read = Read(self.settings.pipeline, 0) if purging else read_inputs(self, context)
        self._rebuilt = replace(self._rebuilt, manifests=read.manifests)
        from druid_reindex.operators.jobs import StepJob, Work  # noqa: PLC0415

        if self.settings.pipeline.submit is Submission.EMR_STEP:
            self._used_before(context, run_id, batch)
        kept = purging.sift(batch, before["rows"]) if purging else None
        rebuilt, pipeline = (kept.batch, kept.pipeline) if kept else (batch, read.pipeline)
        job = self._job = self._job_of(Work(
            settings=replace(self.asked_settings(context), pipeline=pipeline),
            run_id=run_id, batch=rebuilt, files_alone=kept is not None,
            waiting=self.waiting, log=self.log.info,
            require=partial(self._may_submit, context, cluster),
            started=partial(links.tell_job, context, self.settings, cluster.cluster_id),
            void=self._taken_back(context, run_id, batch),
        ))  # fmt: skip
        ran = job.run(cluster) if rebuilt.chunks else {}
        require_attested(self, context, cluster.cluster_id)
        require_alone(self, context)
        used = self.druid.used_segments(self.settings.pipeline.datasource, batch.intervals)
        after = self._published(rebuilt, before["segments"], used)
        if isinstance(job, StepJob):
            before_all = self._used_before(context, run_id, batch)
            refuse_slipped(rebuilt, used, used_before=before_all, ours=job.versions())
        purged = {"purge": purging.finish(kept, after)} if purging and kept else {}
        built = {"datasource": plan.datasource, "built": keep_built(self, pipeline, plan, rebuilt, after)}
        found = {"appended": appended(batch, used), "ran": ran}
        return self._record(batch, before, read, after) | built | found | purged

    def _taken_back(self, context: Context, run_id: RunId, batch: Batch) -> frozenset[str]:
        """The names of the batch's jobs whose segments were taken back."""
        found = self.get_record(context, names.rollback_uri(self.settings.boundary, run_id, batch.number))
        return frozenset(found["jobs"]) if found else frozenset()

    def _may_submit(self, context: Context, cluster: Cluster) -> None:
        may_submit(self, context, cluster, self.sharing(context))
        require_alone(self, context)

    def _record(
        self, batch: Batch, before: dict[str, Any], read: Read, after: dict[str, list[Segment]]
    ) -> dict[str, Any]:
        """What was served before and after, in bytes too; ``file_rows`` are those of files, None where nobody counted.

        Beside them, ``appended`` are the ids that others have added to an old version of a chunk since: they are hidden
        with it; ``built`` is what the ledger has of the batch's chunks, ``purge`` what a purge left out of it.
        """
        return {
            "protocol": RECORD_PROTOCOL,
            "batch": batch.number,
            "submitted": self.settings.pipeline.submit.value,
            "rows_before": before["rows"],
            "file_rows": read.file_rows,
            "manifests": [*read.manifests],
            "before": before["segments"],
            "after": {str(chunk): _ids(after.get(str(chunk), [])) for chunk in batch.intervals},
            "size_bytes": sum(segment.size_bytes for found in after.values() for segment in found),
        }

    def _job_of(self, work: Work) -> Job:
        from druid_reindex.operators.jobs import OverlordJob, StepJob  # noqa: PLC0415

        match self.settings.pipeline.submit:
            case Submission.OVERLORD:
                return OverlordJob(work, self.druid)
            case Submission.EMR_STEP:
                return StepJob(work, self.emr, self.store)

    def _used_before(self, context: Context, run_id: RunId, batch: Batch) -> list[str]:
        """The ids of what was used in the batch's chunks before its first try; written once, then kept."""
        uri = names.batch_prefix(self.settings.boundary, run_id, batch.number) / "used.json"
        kept = self.get_record(context, uri)
        if kept is None:
            used = self.druid.used_segments(self.settings.pipeline.datasource, batch.intervals)
            kept = {"protocol": RECORD_PROTOCOL, "used": sorted(segment.segment_id for segment in used)}
            self.put_record(context, uri, kept)
        return list(kept["used"])

    def _before(self, context: Context, run_id: RunId, batch: Batch, source: str) -> dict[str, Any]:
        """What was served before the batch's first try; written once, then kept.

        ``segments`` are ids per chunk; ``rows`` and ``sums`` are those of ``source``, the datasource that the chunk is
        built from; ``served`` is what the pipeline's own datasource answered, ``shape`` how its rows looked.
        """
        uri = names.before_uri(self.settings.boundary, run_id, batch.number)
        kept = self.get_record(context, uri)
        if kept is not None:
            return kept
        read = measured_now(self, batch.intervals, source)
        record = {
            "protocol": RECORD_PROTOCOL,
            "segments": {str(c.interval): [s.segment_id for s in c.segments] for c in batch.chunks},
            "rows": read.rows,
            "sums": read.metrics,
            "served": read.sums if source == self.settings.pipeline.datasource else self._served(batch),
            **shaped_now(self, batch.intervals, of_rows=source).to_record(),
        }
        self.put_record(context, uri, record)
        return record

    def _served(self, batch: Batch) -> dict[str, dict[str, float]]:
        """What is measured of a datasource that is not the one that is read; nothing where it serves no chunk yet."""
        if not any(chunk.segments for chunk in batch.chunks):
            return {str(chunk.interval): {} for chunk in batch.chunks}
        return measured_now(self, batch.intervals, self.settings.pipeline.datasource).sums

    def _published(self, batch: Batch, before: dict[str, list[str]], used: list[Segment]) -> dict[str, list[Segment]]:
        """The visible segments per chunk after the job. Raises IntegrityError where the old ones still stand."""
        after = by_interval(visible(used), batch.intervals)
        stale = [chunk for chunk, found in after.items() if not {s.segment_id for s in found} - set(before[chunk])]
        if stale:
            raise IntegrityError(
                "publish the rebuilt segments",
                resource=f"{self.settings.pipeline.datasource} {', '.join(stale)}",
                came_back="the job succeeded, and only segments from before are visible",
                remedy="look in the job's log for how many rows it read, and for another writer of these chunks",
            )
        return after


def _ids(segments: Iterable[Segment]) -> list[str]:
    return [segment.segment_id for segment in segments]


def by_interval(sets: list[PartitionSet], intervals: tuple[Interval, ...]) -> dict[str, list[Segment]]:
    """The visible segments within each of ``intervals``."""
    return {
        str(interval): [s for entry in sets if interval.overlaps(entry.interval) for s in entry.segments]
        for interval in intervals
    }
