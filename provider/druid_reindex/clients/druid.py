"""Druid's Overlord, Coordinator and Broker as ``ports.DruidPort``.

Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self
from urllib.parse import quote

import httpx

from druid_reindex.clients.druid_answers import json_object, json_objects, json_rows, text
from druid_reindex.clients.druid_errors import quoted
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace, unknown_form
from druid_reindex.clients.druid_statuses import FOUND_OR_NOT, read_status, task_of
from druid_reindex.clients.druid_versions import release_of, require_engine
from druid_reindex.clients.task_failure import report_text, root_cause
from druid_reindex.errors import DruidReindexError, NotFoundError, RefusedError
from druid_reindex.model.druid_task import LoadStatus, TaskState, TaskStatus
from druid_reindex.model.interval import Interval, format_instant, umbrella
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.segment import Segment

_LOG_TAIL_BYTES = 200_000
_ROWS_SQL = (
    'SELECT "segment_id", "start", "end", "num_rows" FROM sys.segments '
    'WHERE "datasource" = ? AND "is_available" = 1 AND "start" < ? AND "end" > ?'
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
        ask = Ask("read Druid's version", "GET", f"{self._overlord}/status")
        version = str(self._object(ask).get("version", ""))
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

    def used_segments(self, datasource: str, intervals: Sequence[Interval]) -> list[Segment]:
        """The used segments that overlap any of ``intervals``, overshadowed ones included, read as they arrive.

        Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#metadata-store-information
        """
        if not intervals:
            return []
        path = f"/druid/coordinator/v1/metadata/datasources/{quote(datasource, safe='')}/segments?full"
        ask = Ask("list used segments", "POST", self._coordinator + path, body=[str(each) for each in intervals])
        return self._http.run(ask, lambda response: [
            _segment(payload, ask) for payload in json_objects(response, ask.attempted)
        ])  # fmt: skip

    def segment_rows(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, int]:
        """Rows by segment id, as ``sys.segments`` reports them; a segment nobody serves is absent.

        Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#segments-table
        """
        if not intervals:
            return {}
        whole = umbrella(intervals)
        values = (datasource, format_instant(whole.end), format_instant(whole.start))
        rows = self.query(_ROWS_SQL, [{"type": "VARCHAR", "value": value} for value in values])
        try:
            return {
                str(row["segment_id"]): int(row["num_rows"])
                for row in rows
                if any(Interval.parse(f"{row['start']}/{row['end']}").overlaps(each) for each in intervals)
            }
        except (KeyError, ValueError, TypeError) as error:
            ask = Ask("count rows by segment", "POST", f"{self._broker}/druid/v2/sql")
            raise unknown_form(ask, f"a row without a usable {error}") from error

    def mark_unused(self, datasource: str, segment_ids: Sequence[str]) -> None:
        """Take these segments out of service, by their ids alone: an interval or a version would take others, too.

        Releases before 26 answer 204 where the datasource serves nothing. The segments stay in deep storage.
        Source: https://druid.apache.org/docs/latest/api-reference/data-management-api/
        """
        if not segment_ids:
            return
        status = Ask("read Druid's version", "GET", f"{self._overlord}/status")
        release = release_of(str(self._object(status).get("version", "")), server=self._overlord)
        base = {"coordinator": self._coordinator, "overlord": self._overlord}[release.marks_served_by]
        url = base + release.mark_unused_path.format(datasource=quote(datasource, safe=""))
        body = {"segmentIds": list(segment_ids)}
        ask = Ask("mark segments unused", "POST", url, body=body, expected=frozenset({200, 204}))
        self._http.run(ask, lambda response: response.status_code)

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

    def _task_url(self, task_id: str, part: str) -> str:
        return f"{self._overlord}/druid/indexer/v1/task/{quote(task_id, safe='')}/{part}"


def _segment(payload: Mapping[str, Any], ask: Ask) -> Segment:
    try:
        return Segment.from_payload(payload)
    except (KeyError, ValueError, TypeError) as error:
        raise unknown_form(ask, f"a segment without a usable {error}") from error
