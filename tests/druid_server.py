"""A Druid over ``httpx.MockTransport``: one documented release's answers for what a ``FakeDruid`` holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig, Pace
from druid_reindex.clients.druid_versions import release_of
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from twins import FakeDruid

FIXTURES = Path(__file__).parent / "contract" / "druid"
RELEASES = ("25.0.0", "30.0.0", "32.0.0", "36.0.0")
CONFIG = DruidConfig("https://druid:8290", "https://druid:8281", "https://druid:8282", "airflow", "clear-text-pw")


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
    """Speaks ``release``'s HTTP for what ``druid`` holds."""

    release: str
    druid: FakeDruid

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/status":
            return answer(self.release, "status")
        if path.startswith("/druid/indexer/v1/task"):
            return self._overlord(request)
        if path.startswith("/druid/coordinator/v1/metadata/"):
            intervals = [Interval.parse(text) for text in json.loads(request.content)]
            used = self.druid.used_segments(path.split("/")[-2], intervals)
            return httpx.Response(200, json=[segment.payload for segment in used])
        if path == release_of(self.release, server="").mark_unused_path.format(datasource=path.split("/")[-2]):
            ids = json.loads(request.content)["segmentIds"]
            before = len(self.druid.segments)
            self.druid.mark_unused(path.split("/")[-2], ids)
            return httpx.Response(200, json={"numChangedSegments": before - len(self.druid.segments)})
        if path.endswith("/loadstatus"):
            return self._load_status(request)
        return self._sql(json.loads(request.content))

    def _overlord(self, request: httpx.Request) -> httpx.Response:
        match request.url.path.removeprefix("/druid/indexer/v1/"):
            case "task":
                return self._submit(json.loads(request.content))
            case "tasks":
                return self._tasks(request)
        return self._task(*unquote(request.url.raw_path.decode().split("?")[0]).split("/")[-2:])

    def _submit(self, payload: dict[str, Any]) -> httpx.Response:
        if payload["id"] in self.druid.tasks:
            return answer(self.release, "task_exists", task_id=payload["id"])
        return answer(self.release, "task_accepted", task_id=self.druid.submit_task(payload))

    def _tasks(self, request: httpx.Request) -> httpx.Response:
        """Every active task runs; nothing waits or is pending."""
        if request.url.params["state"] != "running":
            return httpx.Response(200, json=[])
        (form,) = answer(self.release, "active_tasks").json()
        datasource = request.url.params["datasource"]
        active = self.druid.active_tasks(datasource)
        return httpx.Response(200, json=[form | {"id": task.task_id, "dataSource": datasource} for task in active])

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
        body["status"]["duration"] = -1 if status.state is TaskState.RUNNING else 1000
        return httpx.Response(200, json=body)

    def _load_status(self, request: httpx.Request) -> httpx.Response:
        refresh = request.url.params["forceMetadataRefresh"] == "true"
        datasource = request.url.path.split("/")[-2]
        status = self.druid.load_status(datasource, Interval.parse(request.url.params["interval"]), refresh=refresh)
        if status.segments_left is None:
            return answer(self.release, "load_none")
        return httpx.Response(200, json={datasource: status.segments_left})

    def _sql(self, body: dict[str, Any]) -> httpx.Response:
        if "sys.segments" not in body["query"]:
            return httpx.Response(200, json=self.druid.query(body["query"], body["parameters"]))
        if '"is_available" = 0' in body["query"]:
            return httpx.Response(200, json=[{"n": 0}])
        datasource, end, start = (parameter["value"] for parameter in body["parameters"])
        whole = Interval.parse(f"{start}/{end}")
        rows = [
            {"segment_id": s.segment_id, "num_rows": s.num_rows}
            | dict(zip(("start", "end"), str(s.interval).split("/"), strict=True))
            for s in self.druid.used_segments(datasource, [whole])
            if s.num_rows is not None
        ]
        return httpx.Response(200, json=rows)
