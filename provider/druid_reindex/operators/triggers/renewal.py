"""Keeps a datasource's lease while its owner waits: all leases behind one connection are renewed in one round."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from druid_reindex.errors import DruidReindexError, FencedOutError
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.journal import WaitJournal
from druid_reindex.operators.triggers.polls import Question, shared
from druid_reindex.plan import names
from druid_reindex.plan.lease import RENEW_AFTER, Claim

if TYPE_CHECKING:
    from druid_reindex.clients.leases import LeaseKeeper
    from druid_reindex.ports import ObjectStorePort, RecordStorePort

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that a waiting task holds, in texts that a trigger can be stored with.

    ``runs_uri`` and ``kms_key_arn`` are the boundary's: where the lease is, and what it is encrypted with.
    """

    conn_id: str
    region: str
    runs_uri: str
    kms_key_arn: str
    datasource: str
    deployment_id: str
    dag_id: str
    dag_run_id: str

    def arguments(self) -> dict[str, str]:
        """What an equal one is made of."""
        return asdict(self)

    def keeper(self, store: RecordStorePort) -> LeaseKeeper:
        """What renews it in ``store``."""
        from druid_reindex.clients.leases import LeaseKeeper  # noqa: PLC0415

        deployment_id = UUID(self.deployment_id)
        owner = RunId.of(deployment_id, dag_id=self.dag_id, run_id=self.dag_run_id)
        return LeaseKeeper(store, self, Claim(self.datasource, owner, deployment_id))

    async def lost(self) -> str:
        """Why the lease is no longer held, once it is not; it is renewed until then, whatever fails on the way."""
        item = json.dumps(self.arguments())
        async with (
            shared(self._journal.of(self._question()), RENEW_AFTER.total_seconds()) as poll,
            aclosing(poll.watch(item)) as answers,
        ):
            async for seen in answers:
                if isinstance(seen, Mapping) and (why := seen[item]):
                    return str(why)
        return "nobody renews the lease any more"

    @property
    def _journal(self) -> WaitJournal:
        return WaitJournal(self.conn_id, self.region, self.runs_uri, self.kms_key_arn, self.deployment_id)

    def _question(self) -> Question:
        key = ("leases", self.conn_id, self.region)
        return Question(key, lambda: _open_remembering(self.conn_id, self.region), _renewed, may_end_soon=False)


@asynccontextmanager
async def open_store(conn_id: str, region: str) -> AsyncIterator[ObjectStorePort]:
    """S3 by the connection, until the block ends; its calls block, so they are made in threads."""
    yield await asyncio.to_thread(connections.s3_client, conn_id, region)


@asynccontextmanager
async def _open_remembering(conn_id: str, region: str) -> AsyncIterator[_Remembering]:
    async with open_store(conn_id, region) as store:
        yield _Remembering(store)


def stored(
    kind: tuple[str, ...], conn_id: str, region: str, read: Callable[[ObjectStorePort, str], object]
) -> Question:
    """Records in S3, each with one GET, in a thread; ``kind`` tells equal questions of one connection apart."""

    async def ask(store: Any, items: frozenset[str]) -> dict[str, Any]:
        return await asyncio.to_thread(lambda: {item: read(store, item) for item in items})

    return Question((*kind, conn_id, region), lambda: open_store(conn_id, region), ask)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A store that knows what it wrote: a renewal is one conditional PUT, and reads only where somebody else wrote.

    It lives as long as the rounds that renew by it; ``last`` is what they read or wrote last, with the ETag.
    """

    store: RecordStorePort
    last: dict[S3Uri, tuple[bytes, str]] = field(default_factory=dict)

    def get_with_etag(self, uri: S3Uri) -> tuple[bytes, str] | None:
        """What was read or written last, else what the store has."""
        if uri not in self.last and (found := self.store.get_with_etag(uri)) is not None:
            self.last[uri] = found
        return self.last.get(uri)

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        """As the store's, and remembered."""
        self.last.pop(uri, None)
        written = self.store.put_if(uri, body, kms_key_arn=kms_key_arn, etag=etag)
        self.last[uri] = (body, written)
        return written


async def _renewed(store: _Remembering, items: frozenset[str]) -> dict[str, str | None]:
    """For each lease why it is lost, or None. In a thread, since the rules of the store's client are the same.

    Raises the first error, once all were tried, so that the next round comes sooner.
    """
    leases = {item: HeldLease(**json.loads(item)) for item in items}
    lost = await asyncio.to_thread(lambda: {item: _renew(store, each) for item, each in leases.items()})
    failed = [why for why in lost.values() if isinstance(why, DruidReindexError)]
    if failed and not any(isinstance(why, str) for why in lost.values()):
        raise failed[0]
    return {item: why if isinstance(why, str) else None for item, why in lost.items()}


def _renew(store: _Remembering, lease: HeldLease) -> str | DruidReindexError | None:
    try:
        lease.keeper(store).require()
    except FencedOutError as error:
        store.last.pop(names.lease_uri(lease, lease.datasource), None)  # the run may be planned anew, and hold it again
        return str(error)
    except DruidReindexError as error:
        _LOG.warning("renewing later: %s", error)
        return error
    return None
