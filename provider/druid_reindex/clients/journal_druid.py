"""Writes what is sent to Druid into the journal: method, path and status, never a query, a body or a header of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx

from druid_reindex.clients.journal import current
from druid_reindex.model.druid_call import DruidCall

# What Druid calls a query in its request log, native ones and SQL's.
# Source: https://druid.apache.org/docs/25.0.0/querying/sql-api.html#responses
_QUERY_IDS = ("X-Druid-SQL-Query-Id", "X-Druid-Query-Id")


class DruidRecorder:
    """Writes each request of one client into the journal in which the client was made."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._journal = current()

    @contextmanager
    def recorded(self, request: httpx.Request) -> Iterator[Callable[[httpx.Response], httpx.Response]]:
        """Send ``request`` in the block and hand in its answer, which is then written; so is that none came."""
        attempted_at = datetime.now(UTC)

        def answered(response: httpx.Response) -> httpx.Response:
            query_id = next((response.headers[name] for name in _QUERY_IDS if name in response.headers), None)
            self._write(attempted_at, request, response.status_code, None, query_id)
            return response

        try:
            yield answered
        except httpx.HTTPError as error:
            self._write(attempted_at, request, None, type(error).__name__, None)
            raise

    def _write(
        self,
        attempted_at: datetime,
        request: httpx.Request,
        status: int | None,
        error: str | None,
        query_id: str | None,
    ) -> None:
        if self._journal is None:
            return
        self._journal.add(
            DruidCall(
                attempted_at=attempted_at,
                server=request.url.netloc.decode(),
                method=request.method,
                path=request.url.path,
                user=self._user,
                status=status,
                error=error,
                query_id=query_id,
                run=self._journal.run,
                task=self._journal.task,
            )
        )
