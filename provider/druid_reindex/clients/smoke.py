"""Does what a synthetic night needs besides the night itself: fills a datasource of Druid, and takes all away again.

Everything here may be done again: a teardown that was cut short is finished by the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from druid_reindex.clients.task_end import await_success
from druid_reindex.errors import ConflictError, DeadlineError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.plan import names, smoke
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort

POLL_SECONDS = 1.0
TASK_SECONDS = 900.0
SERVED_SECONDS = 300.0
ALL_TIME = Interval.parse("1000-01-01/3000-01-01")


@dataclass(frozen=True)
class SmokeGround:
    """The datasource that a synthetic night fills, and the account around it; ``report`` hears what is done.

    ``stamp`` tells this night's tasks from another's.
    """

    pipeline: Pipeline
    boundary: Boundary
    interval: Interval
    stamp: str
    druid: DruidPort
    emr: EmrPort
    store: ObjectStorePort
    report: Callable[[str], None]

    @property
    def datasource(self) -> str:
        """The datasource's name."""
        return self.pipeline.datasource

    def refuse_if_used(self) -> None:
        """Raise ConflictError unless the datasource is empty: all that is in it at the end is deleted."""
        segments = self.druid.used_segments(self.datasource, [ALL_TIME])
        tasks = [task.task_id for task in self.druid.active_tasks(self.datasource)]
        if segments or tasks:
            raise ConflictError(
                "run a synthetic night",
                resource=f"datasource {self.datasource}",
                came_back=f"it has {len(segments)} segments, and these tasks work on it: {', '.join(tasks) or 'none'}",
                remedy="name an empty datasource: everything in it is deleted at the end; or mark its segments unused "
                "in Druid's console, if an earlier synthetic night was killed",
            )

    def fill(self) -> None:
        """Return once Druid serves the made-up rows. Raises what ``await_success`` raises, and DeadlineError."""
        task = smoke.ingestion_task(self.pipeline, self.interval, f"smoke-{self.datasource}-{self.stamp}")
        self.report(f"ingesting {smoke.CHUNKS * smoke.ROWS_PER_CHUNK} made-up rows into {self.datasource}")
        self._run(self.druid.submit_task(task), "ingest made-up rows")
        deadline = time.monotonic() + SERVED_SECONDS
        while (left := self._left_to_load()) != 0:
            if time.monotonic() > deadline:
                raise DeadlineError(
                    "wait for Druid to serve the made-up rows",
                    resource=self.datasource,
                    came_back=f"after {SERVED_SECONDS:g} s {'none' if left is None else left} of its segments to load",
                    remedy="see in Druid's console whether the historicals have room, and which load rules apply",
                )
            time.sleep(POLL_SECONDS)

    def empty(self) -> None:
        """Return once the datasource has no segments, in deep storage neither, and no task works on it."""
        self._end_tasks()
        ids = [segment.segment_id for segment in self.druid.used_segments(self.datasource, [ALL_TIME])]
        self.druid.mark_unused(self.datasource, ids)
        self.report(f"deleting the segments of {self.datasource}, {len(ids)} of them in service")
        task = smoke.removal_task(self.datasource, self.interval, f"smoke-removal-{self.datasource}-{self.stamp}")
        self._run(self.druid.submit_task(task), "delete the made-up rows' segments")
        if left := self.druid.used_segments(self.datasource, [ALL_TIME]):
            raise ConflictError(
                "delete the made-up rows' segments",
                resource=self.datasource,
                came_back=f"{len(left)} segments are in service still, the first {left[0].segment_id}",
                remedy="see in Druid's console which task made them, and mark them unused",
            )

    def delete_files(self, run_id: RunId) -> None:
        """Delete what the run left below its prefix; in a bucket with versions they are hidden, and expire."""
        prefix = names.run_prefix(self.boundary, run_id)
        found = self.store.listing(prefix)
        self.report(f"deleting {len(found)} objects below {prefix}")
        for each in found:
            self.store.delete(each.uri)

    def delete_configuration(self, name: str, before: Collection[str]) -> None:
        """Delete the security configuration ``name``, unless it was there ``before`` or a cluster runs under it."""
        if name in before or self.emr.security_configuration(name) is None:
            return
        users = [
            each.cluster_id for each in self.emr.living_clusters(names.RUN_TAG) if each.security_configuration == name
        ]
        if users:
            self.report(f"keeping security configuration {name}: {', '.join(users)} run under it, too")
            return
        self.report(f"deleting security configuration {name}")
        self.emr.delete_security_configuration(name)

    def _left_to_load(self) -> int | None:
        return self.druid.load_status(self.datasource, self.interval, refresh=True).segments_left

    def _end_tasks(self) -> None:
        deadline = time.monotonic() + TASK_SECONDS
        while tasks := self.druid.active_tasks(self.datasource):
            for task in tasks:
                self.report(f"stopping task {task.task_id}")
                self.druid.shutdown_task(task.task_id)
            if time.monotonic() > deadline:
                raise DeadlineError(
                    "stop the datasource's tasks",
                    resource=self.datasource,
                    came_back=f"{', '.join(task.task_id for task in tasks)} after {TASK_SECONDS:g} s",
                    remedy="stop them in Druid's console",
                )
            time.sleep(POLL_SECONDS)

    def _run(self, task_id: str, attempted: str) -> None:
        await_success(self.druid, task_id, attempted=attempted, limit_seconds=TASK_SECONDS, poll_seconds=POLL_SECONDS)
