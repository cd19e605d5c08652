"""Amazon Redshift's Data API on asyncio: the few calls of those who wait.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_ListStatements.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.redshift import listing, statement_of
from druid_reindex.clients.session_async import open_service
from druid_reindex.model.warehouse import Statement
from druid_reindex.plan.names import STATEMENTS

_DESCRIBED_SINGLY = 2


class AsyncRedshift:
    """The Data API, as those who wait for statements ask."""

    def __init__(self, client: Any) -> None:
        self._data = client

    async def statements(self, wanted: frozenset[str]) -> dict[str, Statement]:
        """The wanted statements by id: a few are described, more are looked for in pages of the list, newest first.

        One that the list does not have is described. Raises NotFoundError for one that is forgotten.
        """
        found = {} if len(wanted) <= _DESCRIBED_SINGLY else await self._listed(wanted)
        for statement_id in sorted(wanted - found.keys()):
            with translated("describe a statement", statement_id):
                found[statement_id] = statement_of(await self._data.describe_statement(Id=statement_id))
        return found

    async def _listed(self, wanted: frozenset[str]) -> dict[str, Statement]:
        found: dict[str, Statement] = {}
        with translated("list statements", f"{STATEMENTS}*"):
            async for page in self._data.get_paginator("list_statements").paginate(**listing(STATEMENTS, {})):
                found |= {told["Id"]: statement_of(told) for told in page["Statements"] if told["Id"] in wanted}
                if found.keys() >= wanted:
                    break
        return found

    async def cancel(self, statement_id: str) -> None:
        """Stop the statement, whose transaction is undone."""
        with translated("cancel a statement", statement_id):
            await self._data.cancel_statement(Id=statement_id)


@asynccontextmanager
async def open_redshift(make_session: Callable[[], Any], region: str) -> AsyncIterator[AsyncRedshift]:
    """The Data API, until the block ends. ``make_session`` gives an aiobotocore session, in a thread."""
    async with open_service(make_session, "redshift-data", region) as client:
        yield AsyncRedshift(client)
