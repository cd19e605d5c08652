"""Events ingested as the days left them: many small segments, and late rows appended to days that were complete.

The on-time delivery fills every day of the window with several segments, and the late delivery appends one more to
the days that it touches, so that the first night has something to rebuild. Both are native batch tasks that read the
landing zone under the role of Druid's own nodes; only the upload passes through this process.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from druid_reindex.clients.task_end import await_success
from druid_reindex.errors import DeadlineError, IntegrityError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import DruidPort, ObjectStorePort
from druid_reindex.sandbox import events
from druid_reindex.sandbox.distributions import Report
from druid_reindex.sandbox.events import DayFiles, Delivery

SEGMENTS_PER_DAY = 5
TASK_SECONDS = 900.0
SERVED_SECONDS = 300.0
POLL_SECONDS = 1.0
DIMENSIONS = ("patient_token", "encounter_token", "category", "code", "description", "units", "type")
_FIRST_DAY = datetime.combine(events.WINDOW_START, datetime.min.time(), UTC)
WINDOW = Interval(_FIRST_DAY, _FIRST_DAY + timedelta(days=events.WINDOW_DAYS))


@dataclass(frozen=True)
class IngestSummary:
    """What Druid serves; a day is fragmented when it has more than one segment."""

    datasource: str
    days: int
    fragmented_days: int
    segments: int
    rows: int
    value_sum: float


@dataclass(frozen=True)
class Landing:
    """The prefix where events land before Druid reads them, and the key that every object there is encrypted with."""

    store: ObjectStorePort
    prefix: S3Uri
    kms_key_arn: str

    def receive(self, datasource: str, delivery: Delivery) -> tuple[S3Uri, ...]:
        """Put the delivery's files, one in memory at a time, and return their addresses."""
        folder = self.prefix / datasource / delivery.name
        for file in delivery.files:
            self.store.put(folder / file.name, file.read_bytes(), kms_key_arn=self.kms_key_arn)
        return tuple(folder / file.name for file in delivery.files)


@dataclass(frozen=True)
class Ingestion:
    """Brings one datasource to hold exactly the events it is given.

    Interrupted and called again, it attaches to the task that runs and repeats none that succeeded, so that no row is
    appended twice.
    """

    druid: DruidPort
    landing: Landing
    datasource: str
    report: Report

    def complete(self, days: DayFiles) -> IngestSummary:
        """Return once Druid serves `days`; does nothing when it already does.

        Raises ReindexFailedError, DeadlineError, IntegrityError and what the clients raise.
        """
        if self.served()[0] != days.rows:
            rows_per_segment = math.ceil(days.on_time.rows / events.WINDOW_DAYS / SEGMENTS_PER_DAY)
            self._deliver(days.on_time, rows_per_segment)
            self._deliver(days.late, None)
            self._await_served(days)
        summary = self.summary()
        self.report(f"{self.datasource}: {summary.rows} rows in {summary.segments} segments of {summary.days} days")
        return summary

    def served(self) -> tuple[int, float]:
        """Return the rows that Druid serves and the sum of their values; zeros for a datasource it does not know."""
        tables = "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA='druid' AND TABLE_NAME=?"
        if not self.druid.query(tables, [_text(self.datasource)]):
            return 0, 0.0
        quoted = self.datasource.replace('"', '""')
        sums = f'SELECT SUM("events") AS row_count, SUM("value_sum") AS value_sum FROM "{quoted}"'  # noqa: S608
        (totals,) = self.druid.query(sums)
        return int(totals["row_count"] or 0), float(totals["value_sum"] or 0.0)

    def summary(self) -> IngestSummary:
        """Return what Druid serves, without the segments that newer ones overshadow."""
        by_day = self.druid.query(
            'SELECT "start", COUNT(*) AS segments FROM sys.segments '
            'WHERE datasource = ? AND is_published = 1 AND is_overshadowed = 0 GROUP BY "start"',
            [_text(self.datasource)],
        )
        counts = [int(day["segments"]) for day in by_day]
        rows, value_sum = self.served()
        fragmented_days = sum(count > 1 for count in counts)
        return IngestSummary(self.datasource, len(counts), fragmented_days, sum(counts), rows, value_sum)

    def _deliver(self, delivery: Delivery, rows_per_segment: int | None) -> None:
        task_id, state = self._latest_task(delivery)
        if state is TaskState.ABSENT:
            self.report(f"{self.datasource}: delivery {delivery.name}, {delivery.rows} rows")
            uris = self.landing.receive(self.datasource, delivery)
            self.druid.submit_task({"id": task_id, **ingestion_task(self.datasource, uris, rows_per_segment)})
        await_success(
            self.druid,
            task_id,
            attempted="Ingesting patients",
            limit_seconds=TASK_SECONDS,
            poll_seconds=POLL_SECONDS,
        )

    def _latest_task(self, delivery: Delivery) -> tuple[str, TaskState]:
        """Return the delivery's first task that has not failed; ids follow from the content and the attempt."""
        digest = hashlib.sha256()
        for file in delivery.files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        attempt = 1
        while True:
            task_id = f"patients-{self.datasource}-{delivery.name}-{digest.hexdigest()[:12]}-{attempt}"
            state = self.druid.task_status(task_id).state
            if state is not TaskState.FAILED:
                return task_id, state
            attempt += 1

    def _await_served(self, days: DayFiles) -> None:
        deadline = time.monotonic() + SERVED_SECONDS
        segments_left = self.druid.load_status(self.datasource, WINDOW, refresh=True).segments_left
        while segments_left != 0 or self.served()[0] != days.rows:
            if time.monotonic() > deadline:
                raise DeadlineError(
                    "Waiting for Druid to serve the patients",
                    resource=self.datasource,
                    came_back=f"{segments_left} segments not loaded, {self.served()[0]} of {days.rows} rows",
                    remedy="see whether the historical runs and has room; `druid-reindex sandbox reset` starts afresh",
                )
            time.sleep(POLL_SECONDS)
            segments_left = self.druid.load_status(self.datasource, WINDOW, refresh=False).segments_left
        value_sum = self.served()[1]
        if not math.isclose(value_sum, days.value_sum, rel_tol=1e-9):
            raise IntegrityError(
                "Comparing what Druid serves with what was delivered",
                resource=self.datasource,
                came_back=f"the values add up to {value_sum}, not to {days.value_sum}",
                remedy="`druid-reindex sandbox reset` starts afresh",
            )


def ingestion_task(datasource: str, uris: Sequence[S3Uri], rows_per_segment: int | None) -> dict[str, Any]:
    """Return the native batch task for one delivery.

    It replaces the days that it holds with segments of `rows_per_segment`; without that number it appends to them.
    Source: https://druid.apache.org/docs/25.0.0/ingestion/native-batch.html
    """
    limit = {} if rows_per_segment is None else {"maxRowsPerSegment": rows_per_segment}
    return {
        "type": "index_parallel",
        "spec": {
            "dataSchema": _data_schema(datasource),
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "s3", "uris": [str(uri) for uri in uris]},
                "inputFormat": {"type": "json"},
                "appendToExisting": rows_per_segment is None,
            },
            "tuningConfig": {
                "type": "index_parallel",
                "partitionsSpec": {"type": "dynamic", **limit},
                "maxParseExceptions": 0,
            },
        },
    }


def _data_schema(datasource: str) -> Mapping[str, Any]:
    return {
        "dataSource": datasource,
        "timestampSpec": {"column": "timestamp", "format": "iso"},
        "dimensionsSpec": {"dimensions": list(DIMENSIONS)},
        "metricsSpec": [
            {"type": "count", "name": "events"},
            {"type": "doubleSum", "name": "value_sum", "fieldName": "value"},
        ],
        "granularitySpec": {
            "segmentGranularity": "DAY",
            "queryGranularity": "MINUTE",
            "rollup": False,
            "intervals": [str(WINDOW)],
        },
    }


def _text(value: str) -> dict[str, str]:
    return {"type": "VARCHAR", "value": value}
