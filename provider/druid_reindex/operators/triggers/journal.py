"""The journal of those who wait: what a triggerer asks is asked for many runs at once, and is the deployment's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from druid_reindex.model.attempt import Attempt
from druid_reindex.model.identity import RunId
from druid_reindex.operators import connections
from druid_reindex.operators.journalling import Keeping, deliver
from druid_reindex.operators.triggers.polls import Question

TASK = "triggerer"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WaitJournal:
    """Where it is kept, in texts that a trigger can be stored with.

    ``conn_id`` is the Airflow connection to AWS. In place of a run and a task the calls name the deployment, and
    ``triggerer``: so does the session's name, and the prefix below which the journals lie.
    """

    conn_id: str
    region: str
    runs_uri: str
    kms_key_arn: str
    deployment_id: str

    def arguments(self) -> dict[str, str]:
        """What an equal one is made of."""
        return asdict(self)

    def of(self, question: Question) -> Question:
        """``question``, each of whose connections keeps a journal of what it asks."""
        return replace(question, open=lambda: self._opened(question.open))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Journal what is asked until the block ends, which is then put into S3 in a thread."""
        from druid_reindex.clients.journal import Binding, journalled  # noqa: PLC0415

        keeping = Keeping(self.runs_uri, self.kms_key_arn)
        attempt = Attempt(RunId(UUID(self.deployment_id)), TASK)
        with journalled(Binding(attempt, self.runs_uri, keeping.account)) as journal:
            try:
                yield
            finally:
                journal.close()
                store = partial(connections.s3_client, self.conn_id, self.region)
                await asyncio.to_thread(deliver, keeping, store, _LOG.warning)

    @asynccontextmanager
    async def _opened(self, opened: Callable[[], AbstractAsyncContextManager[Any]]) -> AsyncIterator[Any]:
        async with self.kept(), opened() as connected:
            yield connected
