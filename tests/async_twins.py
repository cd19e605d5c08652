"""The in-memory twins as those who wait see them: on asyncio, and counting the calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.cluster import Cluster, Step
from druid_reindex.model.druid_task import TaskState, TaskStatus
from druid_reindex.model.interval import Interval
from druid_reindex.model.warehouse import Statement
from twins import FakeDruid, FakeEmr, FakeRedshift


@dataclass
class AsyncFakeEmr:
    """``clients.emr_async.AsyncEmr`` of a ``FakeEmr``."""

    emr: FakeEmr
    calls: Counter[str] = field(default_factory=Counter)
    failures: list[Exception] = field(default_factory=list)

    async def describe_cluster(self, cluster_id: str) -> Cluster:
        self._count("DescribeCluster")
        return self.emr.describe_cluster(cluster_id)

    async def steps(self, cluster_id: str, wanted: frozenset[str]) -> dict[str, Step]:
        self._count("ListSteps")
        known = {step.step_id for step in self.emr.list_steps(cluster_id)}
        return {step_id: self.emr.describe_step(cluster_id, step_id) for step_id in wanted & known}

    async def terminate(self, cluster_id: str) -> None:
        self._count("TerminateJobFlows")
        self.emr.terminate(cluster_id)

    async def cancel_step(self, cluster_id: str, step_id: str) -> None:
        self._count("CancelSteps")
        self.emr.cancel_step(cluster_id, step_id)

    def _count(self, call: str) -> None:
        self.calls[call] += 1
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class AsyncFakeRedshift:
    """``clients.redshift_async.AsyncRedshift`` of a ``FakeRedshift``."""

    redshift: FakeRedshift
    calls: Counter[str] = field(default_factory=Counter)

    async def statements(self, wanted: frozenset[str]) -> dict[str, Statement]:
        self.calls["statements"] += 1
        return {statement_id: self.redshift.describe(statement_id) for statement_id in wanted}

    async def cancel(self, statement_id: str) -> None:
        self.calls["CancelStatement"] += 1
        self.redshift.cancel(statement_id)


@dataclass
class AsyncFakeDruid:
    """``clients.druid_async.AsyncDruid`` of a ``FakeDruid``; ``left`` is what successive load checks see."""

    druid: FakeDruid
    left: list[int] = field(default_factory=lambda: [0])
    calls: Counter[str] = field(default_factory=Counter)

    async def task_statuses(self, task_ids: Iterable[str]) -> dict[str, TaskStatus]:
        self.calls["task status"] += 1
        found = {task_id: self.druid.task_status(task_id) for task_id in task_ids}
        return {task_id: status for task_id, status in found.items() if status.state is not TaskState.ABSENT}

    async def shutdown_task(self, task_id: str) -> None:
        self.calls["shutdown"] += 1
        self.druid.shutdown_task(task_id)

    async def unannounced(self, datasource: str, interval: Interval, *, swapped: bool = False) -> int:
        self.calls[f"sys.segments {datasource} {interval}{' swapped' if swapped else ''}"] += 1
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def opened(twin: Any) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """What stands in for ``connections.async_emr`` or ``async_druid``."""

    @asynccontextmanager
    async def connect(*_connection: str, **_: bool) -> AsyncIterator[Any]:
        yield twin

    return connect
