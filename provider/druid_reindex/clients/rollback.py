"""Takes one batch back: its segments out of service, the ones from before into it, until Druid answers as it did.

Each part finds what was done before, so that all of it may be begun again after any call: the record is written before
the first mark, what is to be marked is decided anew from what is used, and the batch's result is deleted last. From
then on the batch counts as one that was not carried out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from druid_reindex.clients.batch_jobs import Versions, steps_of, tasks_of
from druid_reindex.clients.measured import columns_of, measured
from druid_reindex.errors import IntegrityError, NotFoundError, RefusedError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import umbrella
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.record import PROTOCOL
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document, measure, names
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.rollback import Published, Rollback, additions, decide, is_kept, unfinished
from druid_reindex.plan.timeline import visible
from druid_reindex.ports import DruidPort, ObjectStorePort

BEGUN, DONE = "begun", "done"
Record = dict[str, Any]


@dataclass(frozen=True)
class Night:
    """The run whose batches are taken back, and where; ``require`` raises when its lease is lost."""

    run_id: RunId
    pipeline: Pipeline
    boundary: Boundary
    plan_sha256: str
    druid: DruidPort
    store: ObjectStorePort
    require: Callable[[], None]
    log: Callable[[str], None]

    def record(self, uri: S3Uri) -> Record | None:
        """The record at ``uri``; None when there is none, or when it is of a plan that the cleared run had before."""
        found: Record | None = json.loads(self.store.get(uri)) if self.store.exists(uri) else None
        return found if found and found.get("plan_sha256", self.plan_sha256) == self.plan_sha256 else None


@dataclass(frozen=True)
class BatchRollback:
    """One batch of a night, and what is done to take it back."""

    night: Night
    batch: Batch

    @property
    def result(self) -> Record | None:
        """The record of the batch, which is there until it has been taken back."""
        return self.night.record(names.result_uri(self.night.boundary, self.night.run_id, self.batch.number))

    @property
    def has_begun(self) -> bool:
        """Whether a try of the batch has recorded what was served before it: without that, nothing was submitted."""
        return self._before is not None

    @property
    def is_kept(self) -> bool:
        """Whether the batch has passed, so that it stays."""
        night = self.night
        return is_kept(night.record(names.verdict_uri(night.boundary, night.run_id, self.batch.number)))

    def record(self) -> Record | None:
        """What was taken back of the batch; None where nothing was, or where the batch has been carried out since."""
        night = self.night
        found = night.record(names.rollback_uri(night.boundary, night.run_id, self.batch.number))
        result = self.result
        return None if found and found["state"] == DONE and result not in (None, found["result"]) else found

    def decided(self) -> Rollback:
        """What is to be marked now. Nothing is changed."""
        return self._decide(self._jobs(), self.result)

    def begin(self) -> Record | None:
        """The record of what is taken back, kept before anything is marked; None where the batch left nothing.

        Raises IntegrityError, before anything is marked, where a segment from before is gone for good.
        """
        known, result, jobs = self.record(), self.result, self._jobs()
        told = known or {"protocol": PROTOCOL, "batch": self.batch.number, "state": BEGUN, "result": result, "jobs": {}}
        jobs = {**told["jobs"], **jobs}
        todo = self._decide(jobs, result or told["result"])
        if known and known["state"] == DONE and not todo.chunks:
            return known
        if known is None and not (todo.chunks or todo.refused):
            return None
        marks = {"chunks": todo.chunks, "unused": todo.unused, "used": todo.used, "refused": todo.refused}
        record = told | {name: list(dict.fromkeys([*told.get(name, ()), *ids])) for name, ids in marks.items()}
        self._require_known(todo)
        record |= {"state": BEGUN, "jobs": jobs}
        self._put(record)
        return record

    def pending(self, record: Record) -> str:
        """What is still to happen until all is served again, after marking what is not marked yet; empty for nothing.

        Marked again is also what the Coordinator, by what it knew before, has taken for overshadowed in between.
        """
        datasource, druid = self.night.pipeline.datasource, self.night.druid
        self._mark(record)
        used = self._used()
        if open_chunks := unfinished(self.batch, record["chunks"], used):
            return f"{len(open_chunks)} chunks do not have the segments from before yet"
        chunks = self._chunks(record)
        if not chunks:
            return ""
        left = druid.load_status(datasource, umbrella(c.interval for c in chunks), refresh=True).segments_left
        if left:
            return f"{left} segments left to load"
        intervals = [chunk.interval for chunk in chunks]
        if late := druid.announced(datasource, intervals) & set(record["unused"]):
            return f"{len(late)} segments are not dropped yet"
        served = druid.segment_rows(datasource, intervals)
        wanted = {s.segment_id for chunk in chunks for s in chunk.segments if s.shard_spec_type != TOMBSTONE}
        missing = {s.segment_id for s in used if s.segment_id in wanted and s.segment_id not in served}
        if missing:
            return f"{len(missing)} segments not counted by a Broker"
        known = not wanted or columns_of(druid, datasource)
        return "" if known else f"{datasource} is not known to a Broker"

    def finish(self, record: Record) -> Record:
        """The record of a batch that is taken back, once Druid's answer equals the one that was recorded before.

        Raises IntegrityError, naming chunk and metric, where it does not.
        """
        night = self.night
        if record["state"] != DONE:
            self._verify(record)
            record |= {"state": DONE, "serving": self._serving(record)}
            self._put(record)
        night.require()
        night.store.delete(names.result_uri(night.boundary, night.run_id, self.batch.number))
        return record

    def _mark(self, record: Record) -> None:
        """Out with the new ones, then in with the old ones: Druid puts back only what nothing overshadows."""
        if record["state"] == DONE:
            return
        night = self.night
        for _ in range(2):
            todo = self._decide(record["jobs"], record["result"])
            if todo.unused:
                night.require()
                changed = night.druid.mark_unused(night.pipeline.datasource, todo.unused)
                night.log(f"batch {self.batch.number}: {changed} of {len(todo.unused)} segments marked unused")
            if todo.used:
                night.require()
                changed = night.druid.mark_used(night.pipeline.datasource, todo.used)
                night.log(f"batch {self.batch.number}: {changed} of {len(todo.used)} segments marked used")

    def _require_known(self, todo: Rollback) -> None:
        """Ask Druid for what it still overshadows, which changes nothing unless it does not know one of them."""
        if not todo.used:
            return
        self.night.require()
        datasource = self.night.pipeline.datasource
        try:
            self.night.druid.mark_used(datasource, todo.used)
        except (NotFoundError, RefusedError) as gone:
            raise IntegrityError(
                "take a batch back",
                resource=f"{datasource} batch {self.batch.number}",
                came_back=f"segments that served before are gone for good: {gone.came_back}",
                remedy="the batch stays as it is: rebuild its chunks from their source, and turn off what kills unused "
                "segments before the verdict (rule DRU-16)",
            ) from gone

    def _verify(self, record: Record) -> None:
        used, chunks = self._used(), [chunk for chunk in self._chunks(record) if chunk.segments]
        if not chunks:
            return
        pipeline, druid = self.night.pipeline, self.night.druid
        found = measured(druid, pipeline, [chunk.interval for chunk in chunks], pipeline.datasource).sums
        rows = druid.segment_rows(pipeline.datasource, [chunk.interval for chunk in chunks])
        wrong, more, before = [], additions(self.batch, used), (self._before or {}).get("served", {})
        for name in (str(chunk.interval) for chunk in chunks):
            added = [rows.get(each.segment_id, 0) for each in more.get(name, ())]
            wanted = _wanted(before.get(name, {}), added)
            wrong += [f"{name}: {each}" for each in measure.differences(wanted, found[name])]
        if wrong:
            raise IntegrityError(
                "verify what is served after a rollback",
                resource=f"{pipeline.datasource} batch {self.batch.number}",
                came_back="; ".join(wrong[:5]),
                remedy="the segments from before are in service: find out what else wrote these chunks, or when the "
                "answer was recorded",
            )

    def _serving(self, record: Record) -> dict[str, dict[str, Any]]:
        """Versions and rows of each chunk, as Druid serves it now."""
        chunks, datasource = self._chunks(record), self.night.pipeline.datasource
        if not chunks:
            return {}
        sets = visible(self._used())
        rows = self.night.druid.segment_rows(datasource, [chunk.interval for chunk in chunks])
        serving = {}
        for chunk in chunks:
            found = [each for each in sets if each.interval.overlaps(chunk.interval)]
            ids = [segment.segment_id for each in found for segment in each.segments]
            versions = sorted({each.version for each in found})
            serving[str(chunk.interval)] = {"versions": versions, "rows": sum(rows.get(each, 0) for each in ids)}
        return serving

    @property
    def _before(self) -> Record | None:
        return self.night.record(names.before_uri(self.night.boundary, self.night.run_id, self.batch.number))

    def _decide(self, jobs: Mapping[str, Versions], result: Record | None) -> Rollback:
        told = result or {}
        published = Published(
            ids=frozenset(each for ids in told.get("after", {}).values() for each in ids),
            versions=tuple((first, last) for first, last in jobs.values()),
            appended=told.get("appended", {}),
        )
        return decide(self.batch, published, self._used())

    def _jobs(self) -> dict[str, Versions]:
        night, number = self.night, self.batch.number
        if night.pipeline.submit is Submission.EMR_STEP:
            return steps_of(night.store, night.boundary, night.run_id, number)
        return tasks_of(night.druid, night.pipeline, night.run_id, number)

    def _used(self) -> list[Segment]:
        return self.night.druid.used_segments(self.night.pipeline.datasource, self.batch.intervals)

    def _chunks(self, record: Record) -> list[Chunk]:
        return [chunk for chunk in self.batch.chunks if str(chunk.interval) in record["chunks"]]

    def _put(self, record: Record) -> None:
        night = self.night
        night.require()
        body = document.canonical(record | {"plan_sha256": night.plan_sha256})
        uri = names.rollback_uri(night.boundary, night.run_id, self.batch.number)
        night.store.put(uri, body, kms_key_arn=night.boundary.kms_key_arn)


def _wanted(served: measure.Sums, added_rows: Collection[int]) -> measure.Sums:
    """What was recorded of a chunk before; its rows alone, and those that came, where rows were added since."""
    if added_rows and measure.STORED_ROWS in served:
        return {measure.STORED_ROWS: served[measure.STORED_ROWS] + sum(added_rows)}
    return served
