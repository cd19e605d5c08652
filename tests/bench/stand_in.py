"""A stand-in of EMR and of Druid's Overlord over HTTP, in a thread: it counts calls, and whatever is asked for runs."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

PAGE = 50
"""Steps on a page of ListSteps. Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ListSteps.html"""


@dataclass
class StandIn:
    """Where it listens; ``calls`` by operation, and ``asked``: what was asked for at least once."""

    steps_per_cluster: int
    url: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)

    def answer(self, path: str, target: str, body: dict[str, Any]) -> dict[str, Any]:
        """What an operation answers: each step and each task is running."""
        operation = target.partition(".")[2] or f"task {path.rpartition('/')[2]}"
        self.calls[operation] += 1
        if not target:
            task_id = path.split("/")[-2]
            self.asked.add(task_id)
            return {"task": task_id, "status": {"id": task_id, "statusCode": "RUNNING", "duration": -1}}
        self.asked.add(body.get("StepId") or body["ClusterId"])
        match operation:
            case "DescribeStep":
                return {"Step": _step(body["StepId"], "RUNNING")}
            case "ListSteps":
                return self._page(body["ClusterId"], int(body.get("Marker") or 0))
        raise AssertionError(operation)

    def _page(self, cluster_id: str, start: int) -> dict[str, Any]:
        """Newest first: those that run, then as many that have ended."""
        names = [step_id(cluster_id, number) for number in range(start, start + PAGE)]
        steps = [_step(name, "RUNNING" if start < self.steps_per_cluster else "COMPLETED") for name in names]
        more = {"Marker": str(start + PAGE)} if start + PAGE < 2 * self.steps_per_cluster else {}
        return {"Steps": steps} | more


def step_id(cluster_id: str, number: int) -> str:
    """The id of a cluster's step, 0 the newest."""
    return f"s-{cluster_id.removeprefix('j-')}{number:04d}"


def _step(name: str, state: str) -> dict[str, Any]:
    return {
        "Id": name,
        "Name": f"reindex-{name}",
        "Config": {"Jar": "command-runner.jar", "Properties": {}, "Args": ["bash", "/opt/druid-reindex/run.sh"]},
        "ActionOnFailure": "CONTINUE",
        "Status": {"State": state, "StateChangeReason": {}, "Timeline": {"CreationDateTime": 1790000000.0}},
    }


@contextmanager
def serving(steps_per_cluster: int) -> Iterator[StandIn]:
    """The stand-in, until the block ends."""
    stand_in, loop = StandIn(steps_per_cluster), asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(lambda reader, writer: _converse(stand_in, reader, writer), "127.0.0.1", 0, backlog=2048)
    )
    stand_in.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.1))
        loop.close()


async def _converse(stand_in: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        while True:
            request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
            told = json.dumps(stand_in.answer(request.split()[1], headers.get("x-amz-target", ""), body)).encode()
            kind = "application/x-amz-json-1.1" if "x-amz-target" in headers else "application/json"
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(told)}\r\n\r\n".encode())
            writer.write(told)
            await writer.drain()
    writer.close()
