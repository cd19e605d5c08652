"""A Druid over ``httpx.MockTransport``: one documented release's answers for what a ``FakeDruid`` holds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig, Pace
from druid_reindex.clients.druid_versions import release_of
from druid_reindex.errors import NotFoundError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval, format_instant, umbrella
from druid_reindex.model.segment import SEVERAL
from druid_reindex.model.writers import Supervisor
from sql_broker import SqlBroker
from twins import FakeDruid

FIXTURES = Path(__file__).parent / "contract" / "druid"
RELEASES = ("25.0.0", "30.0.0", "32.0.0", "36.0.0")
CONFIG = DruidConfig("https://druid:8290", "https://druid:8281", "https://druid:8282", "airflow", "clear-text-pw")


COLUMNS = dict.fromkeys(
    ("patient_token", "encounter_token", "category", "code", "description", "units", "type"), "VARCHAR"
) | {"__time": "TIMESTAMP", "events": "BIGINT", "value_sum": "DOUBLE"}


def documented(release: str) -> dict[str, Any]:
    """The fixture of ``release``, built from its documentation."""
    return json.loads((FIXTURES / f"druid-{release}.json").read_text())


def answer(release: str, name: str, **values: str) -> httpx.Response:
    """The documented answer ``name`` with ``{task_id}`` and the like filled in."""
    found = documented(release)["answers"][name]
    if found["body"] is None:
        return httpx.Response(found["status"])
    body = found["body"] if isinstance(found["body"], str) else json.dumps(found["body"])
    for key, value in values.items():
        body = body.replace(f"{{{key}}}", value)
    return httpx.Response(found["status"], headers={"content-type": found["type"]}, text=body)


def unhurried() -> Pace:
    """A pace that never really sleeps, on a clock that its pauses move."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Pace(sleep=sleep, clock=lambda: now[0], jitter=lambda _low, high: high)


def client(handler: Any, config: DruidConfig = CONFIG) -> DruidClient:
    """A DruidClient whose requests ``handler`` answers."""
    return DruidClient(config, transport=httpx.MockTransport(handler), pace=unhurried())


@dataclass
class DruidServer:
    """Speaks ``release``'s HTTP for what ``druid`` holds; ``broker`` answers Great Expectations: a hundred of all."""

    release: str
    druid: FakeDruid
    broker: SqlBroker = field(default_factory=lambda: SqlBroker(COLUMNS, [("", 100)]))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/status" or path.startswith(("/druid/indexer/v1/task", "/druid/indexer/v1/supervisor")):
            return self._overlord(request)
        if path.startswith(("/druid/coordinator/v1/metadata/", "/druid/coordinator/v1/config/")):
            return self._coordinator(request)
        if path in self._mark_paths(path.split("/")[-2]) or "/segments/" in path:
            return self._mark(request)
        if path.endswith("/loadstatus"):
            return self._load_status(request)
        if json.loads(request.content).get("resultFormat") == "array":
            return self.broker(request)
        return (self._types if path == "/druid/v2" else self._sql)(json.loads(request.content))

    def _types(self, body: dict[str, Any]) -> httpx.Response:
        assert (body["queryType"], body["merge"]) == ("segmentMetadata", True)
        found = self.druid.column_types(body["dataSource"], [Interval.parse(text) for text in body["intervals"]])
        columns = {
            name: {"type": "STRING", "errorMessage": "error:cannot_merge_diff_types"} if kind == SEVERAL
            else {"type": kind, "typeSignature": kind, "errorMessage": None}
            for name, kind in found.items()
        }  # fmt: skip
        return httpx.Response(200, json=[{"id": "merged", "columns": columns}] if columns else [])

    def _mark_paths(self, datasource: str) -> list[str]:
        row = release_of(self.release, server="")
        return [path.format(datasource=datasource) for path in (row.mark_used_path, row.mark_unused_path)]

    def _mark(self, request: httpx.Request) -> httpx.Response:
        """By a list of ids, which an old release passes over where nothing is served; or by one id in the path."""
        parts = unquote(request.url.raw_path.decode()).split("/")
        one = parts[-2] == "segments"
        datasource, ids = (parts[-3], parts[-1:]) if one else (parts[-2], json.loads(request.content)["segmentIds"])
        silent = release_of(self.release, server="").mark_silent_when_nothing_is_served
        if not one and silent and not any(each.datasource == datasource for each in self.druid.segments):
            return httpx.Response(204)
        unused = request.method == "DELETE" if one else parts[-1] == "markUnused"
        try:
            changed = (self.druid.mark_unused if unused else self.druid.mark_used)(datasource, ids)
        except NotFoundError as unknown:
            return httpx.Response(404, json={"message": unknown.came_back})
        body = {"segmentStateChanged": changed == 1} if one else {"numChangedSegments": changed}
        return httpx.Response(200, json=body)

    def _coordinator(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if "/config/compaction/" in path:
            return httpx.Response(200 if path.rpartition("/")[2] in self.druid.compacted else 404, json={})
        intervals = [Interval.parse(text) for text in json.loads(request.content)]
        used = self.druid.used_segments(path.split("/")[-2], intervals)
        return httpx.Response(200, json=[segment.payload for segment in used])

    @staticmethod
    def _supervisor(known: Supervisor) -> dict[str, Any]:
        """Of Kafka's form, which keeps its schema in two places; its id is the datasource."""
        schema = {"dataSchema": {"dataSource": known.supervisor_id}}
        spec = {"type": "kafka", **schema, "spec": schema, "suspended": known.is_suspended}
        return {"id": known.supervisor_id, "state": "RUNNING", "healthy": True, "spec": spec}

    def _overlord(self, request: httpx.Request) -> httpx.Response:
        match request.url.path.removeprefix("/druid/indexer/v1/"):
            case "/status":
                return answer(self.release, "status")
            case "task":
                return self._submit(json.loads(request.content))
            case "tasks":
                return self._tasks(request)
            case "supervisor":
                return httpx.Response(200, json=[self._supervisor(each) for each in self.druid.supervisors])
        if request.url.path.startswith("/druid/indexer/v1/supervisor/"):
            return self._one_supervisor(*unquote(request.url.raw_path.decode()).split("/")[-2:])
        return self._task(*unquote(request.url.raw_path.decode().split("?")[0]).split("/")[-2:])

    def _one_supervisor(self, supervisor_id: str, part: str) -> httpx.Response:
        known = [each for each in self.druid.supervisors if each.supervisor_id == supervisor_id]
        if part == "history":
            versions = self.druid.supervisor_versions(supervisor_id)
            rows = [{"version": v.version, "spec": {"type": "kafka", "suspended": v.is_suspended}} for v in versions]
            return httpx.Response(200, json=rows) if rows else answer(self.release, "supervisor_no_history",
                                                                      supervisor_id=supervisor_id)  # fmt: skip
        if not known:
            return answer(self.release, "supervisor_unknown", supervisor_id=supervisor_id)
        turn = self.druid.suspend_supervisor if part == "suspend" else self.druid.resume_supervisor
        if turn(supervisor_id):
            (now,) = (each for each in self.druid.supervisors if each.supervisor_id == supervisor_id)
            return httpx.Response(200, json=self._supervisor(now)["spec"])
        already = "supervisor_already_suspended" if part == "suspend" else "supervisor_already_running"
        return answer(self.release, already, supervisor_id=supervisor_id)

    def _submit(self, payload: dict[str, Any]) -> httpx.Response:
        if payload["id"] in self.druid.tasks:
            return answer(self.release, "task_exists", task_id=payload["id"])
        return answer(self.release, "task_accepted", task_id=self.druid.submit_task(payload))

    def _tasks(self, request: httpx.Request) -> httpx.Response:
        """Every active task runs; nothing waits or is pending."""
        (form,) = answer(self.release, "active_tasks").json()
        datasource, state = request.url.params["datasource"], request.url.params["state"]
        if state == "complete":
            ended = self.druid.writers(datasource, since=datetime.now(UTC)).succeeded
            code = {"statusCode": "SUCCESS", "status": "SUCCESS", "dataSource": datasource, "duration": 1000}
            return httpx.Response(200, json=[form | code | {"id": task_id} for task_id in ended])
        if state != "running":
            return httpx.Response(200, json=[])
        active = self.druid.active_tasks(datasource)
        return httpx.Response(200, json=[
            form | {"id": task.task_id, "dataSource": datasource,
                    "runnerStatusCode": "WAITING" if task.is_queued else "RUNNING"} for task in active
        ])  # fmt: skip

    def _task(self, task_id: str, part: str) -> httpx.Response:
        if task_id not in self.druid.tasks:
            return answer(self.release, "task_unknown", task_id=task_id)
        if part == "shutdown":
            self.druid.shutdown_task(task_id)
            return answer(self.release, "task_stopped", task_id=task_id)
        if part == "reports":
            payload = {"errorMsg": self.druid.task_failure(task_id)}
            return httpx.Response(200, json={"ingestionStatsAndErrors": {"payload": payload}})
        if part == "log":
            return answer(self.release, "no_log")
        status = self.druid.task_status(task_id)
        body = answer(self.release, "task_status", task_id=task_id).json()
        body["status"] |= {"statusCode": status.state.value, "errorMsg": status.error_message or None}
        if status.created_at is not None:
            body["status"]["createdTime"] = format_instant(status.created_at)
        if status.state is TaskState.RUNNING:
            body["status"]["runnerStatusCode"] = "WAITING" if status.is_queued else "RUNNING"
        body["status"]["duration"] = -1 if status.state is TaskState.RUNNING else 1000
        return httpx.Response(200, json=body)

    def _load_status(self, request: httpx.Request) -> httpx.Response:
        refresh = request.url.params["forceMetadataRefresh"] == "true"
        datasource = request.url.path.split("/")[-2]
        status = self.druid.load_status(datasource, Interval.parse(request.url.params["interval"]), refresh=refresh)
        if status.segments_left is None:
            return answer(self.release, "load_none")
        return httpx.Response(200, json={datasource: status.segments_left})

    def _sets(self, datasource: str, whole: Interval) -> list[dict[str, Any]]:
        found = []
        for each in self.druid.used_sets(datasource, whole):
            if each.num_rows is not None:
                start, end = str(each.interval).split("/")
                counts = {"segments": each.segments, "num_rows": each.num_rows}
                found.append({"start": start, "end": end, "version": each.version, **counts})
        return found

    def _sql(self, body: dict[str, Any]) -> httpx.Response:
        if "sys.segments" not in body["query"]:
            return httpx.Response(200, json=self.druid.query(body["query"], body["parameters"]))
        if '"is_available" = 0' in body["query"]:
            return httpx.Response(200, json=[{"n": 0}])
        datasource, *ends = (parameter["value"] for parameter in body["parameters"])
        spans = [Interval.parse(f"{start}/{end}") for end, start in zip(ends[::2], ends[1::2], strict=True)]
        if "GROUP BY" in body["query"]:
            return httpx.Response(200, json=self._sets(datasource, umbrella(spans)))
        rows = [
            {"segment_id": s.segment_id, "num_rows": s.num_rows}
            | dict(zip(("start", "end"), str(s.interval).split("/"), strict=True))
            for s in self.druid.used_segments(datasource, spans)
            if s.num_rows is not None
        ]
        return httpx.Response(200, json=rows)
