"""Druid's Overlord, Coordinator and Broker as ``ports.DruidPort``.

Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self
from urllib.parse import quote

import httpx

from druid_reindex.clients.druid_answers import json_object, json_objects, json_rows, text
from druid_reindex.clients.druid_errors import quoted
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace, unknown_form
from druid_reindex.clients.druid_statuses import FOUND_OR_NOT, read_status, task_of
from druid_reindex.clients.druid_versions import release_of, require_engine
from druid_reindex.clients.druid_writers import supervisors_of, turn, versions_of
from druid_reindex.clients.task_failure import report_text, root_cause
from druid_reindex.clients.used_sets import counted
from druid_reindex.errors import DruidReindexError, NotFoundError, RefusedError
from druid_reindex.model.druid_task import LoadStatus, TaskState, TaskStatus
from druid_reindex.model.interval import Interval, format_instant, umbrella
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.segment import SEVERAL, Segment
from druid_reindex.model.used_set import UsedSet
from druid_reindex.model.writers import SupervisorVersion, Writers

_LOG_TAIL_BYTES = 200_000
_CLOCKS_APART = timedelta(minutes=1)
_MOST_SPANS = 40  # in one query; beyond that all that lies between is asked for too
_SERVED = 'FROM sys.segments WHERE "datasource" = ? AND "is_available" = 1 AND ({spans})'
_SERVED_SQL = f'SELECT "segment_id", "start", "end", "num_rows" {_SERVED}'
_ROWS_SQL = f'{_SERVED_SQL} AND "num_rows" > 0'
_SETS_SQL = (
    'SELECT "start", "end", "version", COUNT(*) AS "segments", SUM("num_rows") AS "num_rows" '
    f'{_SERVED} AND "num_rows" > 0 GROUP BY 1, 2, 3'
)


class DruidClient:
    """A Druid cluster behind three URLs; a context manager that closes its connections."""

    def __init__(
        self, config: DruidConfig, *, transport: httpx.BaseTransport | None = None, pace: Pace | None = None
    ) -> None:
        self._overlord = config.overlord_url.rstrip("/")
        self._coordinator = config.coordinator_url.rstrip("/")
        self._broker = config.broker_url.rstrip("/")
        self._http = DruidHttp(config, transport=transport, pace=pace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def check_engine(self, engine: Engine) -> str:
        """The Overlord's version, once its release is known to run ``engine``. Raises ConfigurationError otherwise."""
        version = self._version()
        require_engine(engine, version, server=self._overlord)
        return version

    def submit_task(self, payload: Mapping[str, Any]) -> str:
        """The id of the task, once the Overlord has accepted it, now or before.

        Only a payload with an ``id`` is repeated after a failure: the Overlord refuses an id that it knows, in a form
        that differs between releases, so a refusal counts as acceptance when the Overlord knows that very id.
        """
        task_id = payload.get("id")
        ask = Ask("submit a task", "POST", f"{self._overlord}/druid/indexer/v1/task", body=payload,
                  repeatable=task_id is not None)  # fmt: skip
        try:
            accepted = self._object(ask).get("task")
        except RefusedError:
            if task_id is None or self.task_status(str(task_id)).state is TaskState.ABSENT:
                raise
            return str(task_id)
        if not isinstance(accepted, str):
            raise unknown_form(ask, "an answer without a task id")
        return accepted

    def task_status(self, task_id: str) -> TaskStatus:
        """The task's status; state ABSENT when the Overlord itself says that it does not know the task."""
        ask = Ask("read a task's status", "GET", self._task_url(task_id, "status"), expected=FOUND_OR_NOT)
        return self._http.run(ask, partial(read_status, ask=ask, task_id=task_id))

    def task_failure(self, task_id: str) -> str:
        """The real reason why a task failed, and where the whole log is. Raises NotFoundError for an unknown task.

        What cannot be read does not hide the failure: it is said instead.
        """
        status = self.task_status(task_id)
        if status.state is TaskState.ABSENT:
            raise NotFoundError(
                "read why a task failed",
                resource=task_id,
                came_back="the Overlord does not know the task",
                remedy="check the task's id, or whether Druid's task history was cleared",
            )
        unread: list[str] = []
        report = self._readable(unread, lambda: self._report(task_id))
        log = self._readable(unread, lambda: self._log_tail(task_id))
        reason = root_cause(report, log) or quoted(status.error_message) or "Druid gives no reason"
        return " ".join([reason, *unread, f"(whole log: {self._task_url(task_id, 'log')})"])

    def shutdown_task(self, task_id: str) -> None:
        """Ask the Overlord to stop the task; a task that has ended or that it does not know is left as it is."""
        url = self._task_url(task_id, "shutdown")
        self._http.run(Ask("stop a task", "POST", url, expected=FOUND_OR_NOT), lambda response: response.status_code)

    def active_tasks(self, datasource: str) -> list[TaskStatus]:
        """The tasks of ``datasource`` that wait, are pending or run; each once.

        A task that moves on between the three requests is seen at least once, because they are made in that order.
        Raises NotAuthorizedError without READ on the datasource.
        Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#tasks
        """
        found: dict[str, TaskStatus] = {}
        for state in ("waiting", "pending", "running"):
            ask = Ask("list active tasks", "GET", f"{self._overlord}/druid/indexer/v1/tasks",
                      params={"state": state, "datasource": datasource})  # fmt: skip
            listed = self._http.run(ask, partial(json_rows, attempted=ask.attempted))
            found |= {status.task_id: status for status in (task_of(row, ask) for row in listed)}
        return [status for status in found.values() if not status.state.is_ended]

    def writers(self, datasource: str, *, since: datetime | None = None) -> Writers:
        """Who else may write the datasource, and the tasks that succeeded of those created after ``since``.

        A minute before it counts too, for two clocks differ. Raises NotAuthorizedError without READ on Druid's
        configuration.
        Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#supervisors
        """
        ask = Ask("list supervisors", "GET", f"{self._overlord}/druid/indexer/v1/supervisor?full")
        supervisors = self._http.run(
            ask, lambda response: supervisors_of(json_rows(response, ask.attempted), datasource, ask)
        )
        path = release_of(self._version(), server=self._overlord).compaction_path
        url = self._coordinator + path.format(datasource=quote(datasource, safe=""))
        compaction = Ask("read automatic compaction", "GET", url, expected=FOUND_OR_NOT)
        compacted = self._http.run(compaction, lambda response: response.status_code) == httpx.codes.OK
        succeeded = self._succeeded(datasource, since) if since else ()
        active = tuple(task.task_id for task in self.active_tasks(datasource))
        return Writers(supervisors, compacted, active, succeeded)

    def supervisor_versions(self, supervisor_id: str) -> list[SupervisorVersion]:
        """The supervisor's history, newest first; nothing of one that Druid has never had."""
        return versions_of(self._http, self._overlord, supervisor_id)

    def suspend_supervisor(self, supervisor_id: str) -> bool:
        """Whether this very call suspended it, and no other; an answer that is lost is a NoAnswerError.

        Its tasks publish what they have read, and end.
        """
        return turn(self._http, self._overlord, supervisor_id, "suspend")

    def resume_supervisor(self, supervisor_id: str) -> bool:
        """Whether it was suspended until this call; one that runs, or is not there, is left so."""
        return turn(self._http, self._overlord, supervisor_id, "resume")

    def _succeeded(self, datasource: str, since: datetime) -> tuple[str, ...]:
        created = f"{format_instant(since - _CLOCKS_APART)}_{format_instant(datetime.now(UTC) + _CLOCKS_APART)}"
        parameters = {"state": "complete", "datasource": datasource, "createdTimeInterval": created}
        ask = Ask("list ended tasks", "GET", f"{self._overlord}/druid/indexer/v1/tasks", params=parameters)
        listed = self._http.run(ask, partial(json_rows, attempted=ask.attempted))
        found = [task_of(row, ask) for row in listed]
        return tuple(task.task_id for task in found if task.state is TaskState.SUCCESS)

    def used_segments(self, datasource: str, intervals: Sequence[Interval]) -> list[Segment]:
        """The used segments that overlap any of ``intervals``, overshadowed ones included, read as they arrive.

        Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#metadata-store-information
        """
        if not intervals:
            return []
        body = [str(each) for each in intervals]
        ask = Ask("list used segments", "POST", self._segments_url(datasource), body=body)
        return self._http.run(ask, lambda response: [
            _segment(payload, ask) for payload in json_objects(response, ask.attempted)
        ])  # fmt: skip

    def used_sets(self, datasource: str, interval: Interval) -> list[UsedSet]:
        """The used segments that overlap ``interval``, counted as they arrive, by interval and version.

        Their rows are known where a Broker has counted each of a set's segments, and no others of that version.
        """
        ask = Ask("count used segments", "POST", self._segments_url(datasource), body=[str(interval)])
        try:
            sets = self._http.run(ask, lambda response: counted(response, ask.attempted))
            rows = {
                (Interval.parse(f"{row['start']}/{row['end']}"), str(row["version"])): row
                for row in self.query(*_within(_SETS_SQL, datasource, [interval]))
            }
            for used in sets:
                row = rows.get((used.interval, used.version), {})
                used.num_rows = int(row["num_rows"]) if row.get("segments") == used.segments else None
        except (KeyError, ValueError, TypeError) as error:
            raise unknown_form(ask, f"a segment without a usable {error}") from error
        return sets

    def segment_rows(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, int]:
        """Rows by segment id, as ``sys.segments`` reports them.

        Absent is what nobody serves, and what a Broker has not counted yet: it says zero until then.
        Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#segments-table
        """
        return self._served(_ROWS_SQL, datasource, intervals)

    def announced(self, datasource: str, intervals: Sequence[Interval]) -> frozenset[str]:
        """The ids of the segments that a Broker knows to be served, tombstones and what it has not counted included."""
        return frozenset(self._served(_SERVED_SQL, datasource, intervals))

    def _served(self, sql: str, datasource: str, intervals: Sequence[Interval]) -> dict[str, int]:
        if not intervals:
            return {}
        rows = self.query(*_within(sql, datasource, intervals))
        try:
            return {
                str(row["segment_id"]): int(row["num_rows"])
                for row in rows
                if any(Interval.parse(f"{row['start']}/{row['end']}").overlaps(each) for each in intervals)
            }
        except (KeyError, ValueError, TypeError) as error:
            ask = Ask("count rows by segment", "POST", f"{self._broker}/druid/v2/sql")
            raise unknown_form(ask, f"a row without a usable {error}") from error

    def mark_unused(self, datasource: str, segment_ids: Sequence[str]) -> int:
        """How many of these segments were taken out of service, by their ids alone.

        An interval or a version would take others, too. The segments stay in deep storage.
        Source: https://druid.apache.org/docs/latest/api-reference/data-management-api/
        """
        return self._mark(datasource, segment_ids, used=False)

    def mark_used(self, datasource: str, segment_ids: Sequence[str]) -> int:
        """How many of these segments were put back into service, by their ids alone.

        One that a used segment overshadows is left as it is. Raises NotFoundError or RefusedError, before anything
        changes, when Druid does not know one of them.
        Source: https://github.com/apache/druid/blob/25.0.0/server/src/main/java/org/apache/druid/metadata/SqlSegmentsMetadataManager.java
        """
        return self._mark(datasource, segment_ids, used=True)

    def load_status(self, datasource: str, interval: Interval, *, refresh: bool) -> LoadStatus:
        """How many used segments of ``interval`` no Historical serves yet; 204 means that there are no used segments.

        Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#segment-loading-by-datasource
        """
        path = f"/druid/coordinator/v1/datasources/{quote(datasource, safe='')}/loadstatus"
        params = {"simple": "true", "forceMetadataRefresh": str(refresh).lower(), "interval": str(interval)}
        ask = Ask(
            "read the load status", "GET", self._coordinator + path, params=params, expected=frozenset({200, 204})
        )
        body = self._http.run(
            ask, lambda response: None if response.status_code == 204 else json_object(response, ask.attempted)
        )
        if body is None:
            return LoadStatus(datasource, None)
        left = body.get(datasource)
        if not isinstance(left, int):
            raise unknown_form(ask, "no count of segments")
        return LoadStatus(datasource, left)

    def query(self, sql: str, parameters: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        """The rows of a Druid SQL SELECT, which is safe to repeat.

        Source: https://druid.apache.org/docs/25.0.0/querying/sql-api.html
        """
        body = {"query": sql, "resultFormat": "object", "parameters": list(parameters)}
        ask = Ask("query Druid", "POST", f"{self._broker}/druid/v2/sql", body=body)
        return self._http.run(ask, lambda response: json_rows(response, ask.attempted))

    def _version(self) -> str:
        ask = Ask("read Druid's version", "GET", f"{self._overlord}/status")
        return str(self._object(ask).get("version", ""))

    def column_types(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, str]:
        """Druid's types by column in the segments that serve ``intervals``; SEVERAL where they differ among themselves.

        A column that no segment stores is absent.
        Source: https://druid.apache.org/docs/25.0.0/querying/segmentmetadataquery.html
        """
        body = {"queryType": "segmentMetadata", "dataSource": datasource, "intervals": [str(i) for i in intervals],
                "merge": True, "analysisTypes": []}  # fmt: skip
        ask = Ask("read the columns' types", "POST", f"{self._broker}/druid/v2", body=body)
        merged = self._http.run(ask, lambda response: json_rows(response, ask.attempted))
        try:
            return {name: _type(told) for each in merged for name, told in each["columns"].items()}
        except (KeyError, AttributeError, TypeError) as error:
            raise unknown_form(ask, f"columns without a usable {error}") from error

    def kills_by_version(self) -> bool:
        """Whether this release's kill tasks heed ``versions``."""
        return release_of(self._version(), server=self._overlord).kill_takes_versions

    def _mark(self, datasource: str, segment_ids: Sequence[str], *, used: bool) -> int:
        """How many of the segments changed. Releases before 26 answer 204 where no server serves the datasource."""
        if not segment_ids:
            return 0
        release = release_of(self._version(), server=self._overlord)
        base = {"coordinator": self._coordinator, "overlord": self._overlord}[release.marks_served_by]
        path = release.mark_used_path if used else release.mark_unused_path
        url = base + path.format(datasource=quote(datasource, safe=""))
        attempted = "mark segments used" if used else "mark segments unused"
        ask = Ask(attempted, "POST", url, body={"segmentIds": list(segment_ids)}, expected=frozenset({200, 204}))
        changed = self._http.run(ask, lambda response: _changed(response, ask))
        if changed is None and release.mark_silent_when_nothing_is_served:
            return sum(self._mark_one(datasource, each, used=used) for each in segment_ids)
        return changed or 0

    def _mark_one(self, datasource: str, segment_id: str, *, used: bool) -> bool:
        """Whether the one segment changed; asked of the metadata alone, whatever is served.

        Source: https://github.com/apache/druid/blob/25.0.0/server/src/main/java/org/apache/druid/server/http/DataSourcesResource.java
        """
        path = f"/druid/coordinator/v1/datasources/{quote(datasource, safe='')}/segments/{quote(segment_id, safe='')}"
        attempted, method = ("mark a segment used", "POST") if used else ("mark a segment unused", "DELETE")
        return self._object(Ask(attempted, method, self._coordinator + path)).get("segmentStateChanged") is True

    def _report(self, task_id: str) -> str:
        ask = Ask("read a task's report", "GET", self._task_url(task_id, "reports"), expected=FOUND_OR_NOT)
        report = self._http.run(
            ask, lambda response: {} if response.status_code == 404 else json_object(response, ask.attempted)
        )
        return report_text(report)

    def _log_tail(self, task_id: str) -> str:
        ask = Ask("read a task's log", "GET", self._task_url(task_id, "log"),
                  params={"offset": str(-_LOG_TAIL_BYTES)}, expected=FOUND_OR_NOT)  # fmt: skip
        return self._http.run(ask, lambda response: "" if response.status_code == 404 else text(response))

    def _readable(self, unread: list[str], read: Callable[[], str]) -> str:
        try:
            return read()
        except DruidReindexError as error:
            unread.append(f"(could not {error.attempted}: {error.came_back})")
            return ""

    def _object(self, ask: Ask) -> dict[str, Any]:
        return self._http.run(ask, lambda response: json_object(response, ask.attempted))

    def _segments_url(self, datasource: str) -> str:
        path = f"/druid/coordinator/v1/metadata/datasources/{quote(datasource, safe='')}/segments?full"
        return self._coordinator + path

    def _task_url(self, task_id: str, part: str) -> str:
        return f"{self._overlord}/druid/indexer/v1/task/{quote(task_id, safe='')}/{part}"


def _changed(response: httpx.Response, ask: Ask) -> int | None:
    """``numChangedSegments``; None for 204."""
    if response.status_code == 204:
        return None
    changed = json_object(response, ask.attempted).get("numChangedSegments")
    if isinstance(changed, int):
        return changed
    raise unknown_form(ask, "no count of changed segments")


def _within(sql: str, datasource: str, intervals: Sequence[Interval]) -> tuple[str, list[dict[str, str]]]:
    """``sql`` for the segments that overlap any of ``intervals``, and its parameters."""
    spans: list[Interval] = []
    for interval in sorted(intervals):
        meets = spans and interval.start <= spans[-1].end
        spans.append(umbrella((spans.pop(), interval)) if meets else interval)
    if len(spans) > _MOST_SPANS:
        spans = [umbrella(spans)]
    values = [datasource, *(format_instant(end) for span in spans for end in (span.end, span.start))]
    condition = " OR ".join(['("start" < ? AND "end" > ?)'] * len(spans))
    return sql.format(spans=condition), [{"type": "VARCHAR", "value": value} for value in values]


def _type(told: Mapping[str, Any]) -> str:
    return SEVERAL if told.get("errorMessage") else str(told["type"])


def _segment(payload: Mapping[str, Any], ask: Ask) -> Segment:
    try:
        return Segment.from_payload(payload)
    except (KeyError, ValueError, TypeError) as error:
        raise unknown_form(ask, f"a segment without a usable {error}") from error
