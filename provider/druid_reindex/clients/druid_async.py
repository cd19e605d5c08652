"""Druid on asyncio: the few requests of those who wait. Each look is sent once, since whoever waits looks again anyway.

Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from druid_reindex.clients.druid_answers import json_rows
from druid_reindex.clients.druid_errors import from_answer, from_httpx
from druid_reindex.clients.druid_http import Ask, DruidConfig, client_arguments, leader, unknown_form, where
from druid_reindex.clients.druid_statuses import FOUND_OR_NOT, read_status
from druid_reindex.clients.journal_druid import DruidRecorder
from druid_reindex.errors import Transient
from druid_reindex.model.druid_task import TaskState, TaskStatus
from druid_reindex.model.interval import Interval, format_instant

_MOST_REDIRECTS = 3
_STATUSES_AT_ONCE = 8
_STOP_PAUSES_SECONDS = (0.5, 1.0, 2.0)
_SEGMENTS_SQL = 'SELECT COUNT(*) AS "n" FROM sys.segments WHERE "datasource" = ? AND "start" < ? AND "end" > ? AND '
_TO_LOAD = '"is_published" = 1 AND "is_overshadowed" = 0 AND "is_available" = 0'
_TO_DROP = '"is_published" = 0 AND "is_realtime" = 0 AND "is_available" = 1'


class AsyncDruid:
    """The Overlord and the Broker, as those who wait for them ask."""

    def __init__(self, config: DruidConfig, client: httpx.AsyncClient) -> None:
        self._config = config
        self._client = client
        self._overlord = config.overlord_url.rstrip("/")
        self._recorder = DruidRecorder(config.user)

    async def task_statuses(self, task_ids: Iterable[str]) -> dict[str, TaskStatus]:
        """The status of each task by id, a few asked for at once; a task that the Overlord does not know is absent.

        ``POST /druid/indexer/v1/taskStatus`` answers for all of them, but to none but a user with STATE WRITE, who may
        publish and drop segments of any datasource (``plan.druid_access``).
        """
        turns = asyncio.Semaphore(_STATUSES_AT_ONCE)
        looked = await asyncio.gather(*(self._status(each, turns) for each in task_ids), return_exceptions=True)
        found: dict[str, TaskStatus] = {}
        for status in looked:
            if isinstance(status, BaseException):
                raise status
            if status.state is not TaskState.ABSENT:
                found[status.task_id] = status
        return found

    async def shutdown_task(self, task_id: str) -> None:
        """Ask the Overlord to stop the task; one that has ended or that it does not know is left as it is.

        Asked up to four times, for nobody looks again once a wait was killed.
        """
        url = f"{self._overlord}/druid/indexer/v1/task/{quote(task_id, safe='')}/shutdown"
        ask = Ask("stop a task", "POST", url, expected=FOUND_OR_NOT)
        for pause_seconds in _STOP_PAUSES_SECONDS:
            try:
                await self._send(ask)
            except Transient:
                await asyncio.sleep(pause_seconds)
            else:
                return
        await self._send(ask)

    async def unannounced(self, datasource: str, interval: Interval, *, swapped: bool = False) -> int:
        """How many published segments of ``interval``, none that is overshadowed, no Historical has announced.

        With ``swapped`` also those that are served still, although they are not in service any more.

        Druid 25 answers a count of nothing in a system table with no row at all.
        Source: https://druid.apache.org/docs/25.0.0/querying/sql-metadata-tables.html#segments-table
        """
        values = (datasource, format_instant(interval.end), format_instant(interval.start))
        parameters = [{"type": "VARCHAR", "value": value} for value in values]
        sql = f"{_SEGMENTS_SQL}(({_TO_LOAD}) OR ({_TO_DROP}))" if swapped else _SEGMENTS_SQL + _TO_LOAD
        body = {"query": sql, "resultFormat": "object", "parameters": parameters}
        ask = Ask("query Druid", "POST", f"{self._config.broker_url.rstrip('/')}/druid/v2/sql", body=body)
        rows = json_rows(await self._send(ask), ask.attempted)
        try:
            return int(rows[0]["n"]) if rows else 0
        except (KeyError, TypeError, ValueError) as error:
            raise unknown_form(ask, "no count of segments") from error

    async def _status(self, task_id: str, turns: asyncio.Semaphore) -> TaskStatus:
        url = f"{self._overlord}/druid/indexer/v1/task/{quote(task_id, safe='')}/status"
        ask = Ask("read a task's status", "GET", url, expected=FOUND_OR_NOT)
        async with turns:
            return read_status(await self._send(ask), ask, task_id)

    async def _send(self, ask: Ask) -> httpx.Response:
        """The expected answer, read; the leader's, when another server sends us to it."""
        url = httpx.URL(ask.url)
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                request = self._client.build_request(ask.method, url, json=ask.body)
                with self._recorder.recorded(request) as answered:
                    response = answered(await self._client.send(request))
            except httpx.HTTPError as error:
                raise from_httpx(error, attempted=ask.attempted, resource=where(url)) from error
            if not response.has_redirect_location:
                break
            url = leader(self._config, ask, response)
        if response.status_code not in ask.expected:
            raise from_answer(response, attempted=ask.attempted, resource=where(url))
        return response


@asynccontextmanager
async def open_druid(
    config: DruidConfig, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[AsyncDruid]:
    """Druid, until the block ends; certificates are read in a thread, so that the event loop is not held up."""
    arguments: dict[str, Any] = await asyncio.to_thread(client_arguments, config)
    async with httpx.AsyncClient(**arguments, transport=transport) as client:
        yield AsyncDruid(config, client)
