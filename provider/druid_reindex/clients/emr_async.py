"""Amazon EMR on asyncio (aiobotocore): the few calls of those who wait.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.emr import cluster_of, step_of
from druid_reindex.clients.session_async import open_service
from druid_reindex.model.cluster import Cluster, Step


class AsyncEmr:
    """EMR, as those who wait for it ask."""

    def __init__(self, client: Any) -> None:
        self._emr = client

    async def describe_cluster(self, cluster_id: str) -> Cluster:
        """The cluster as it is now."""
        with translated("describe a cluster", cluster_id):
            return cluster_of((await self._emr.describe_cluster(ClusterId=cluster_id))["Cluster"])

    async def steps(self, cluster_id: str, wanted: frozenset[str]) -> dict[str, Step]:
        """The wanted steps by id, newest page first, until all are found; one that EMR does not list is absent."""
        found: dict[str, Step] = {}
        with translated("list steps", cluster_id):
            async for page in self._emr.get_paginator("list_steps").paginate(ClusterId=cluster_id):
                found |= {told["Id"]: step_of(told) for told in page.get("Steps", []) if told["Id"] in wanted}
                if found.keys() >= wanted:
                    break
        return found

    async def terminate(self, cluster_id: str) -> None:
        """Ask EMR to end the cluster, termination protection lifted first; one that is ending is left as it is."""
        if (await self.describe_cluster(cluster_id)).state.is_over:
            return
        with translated("terminate a cluster", cluster_id):
            await self._emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
            await self._emr.terminate_job_flows(JobFlowIds=[cluster_id])

    async def cancel_step(self, cluster_id: str, step_id: str) -> None:
        """Ask EMR to cancel the step, terminating its process."""
        with translated("cancel a step", f"{step_id} of {cluster_id}"):
            await self._emr.cancel_steps(
                ClusterId=cluster_id, StepIds=[step_id], StepCancellationOption="TERMINATE_PROCESS"
            )


@asynccontextmanager
async def open_emr(make_session: Callable[[], Any], region: str) -> AsyncIterator[AsyncEmr]:
    """EMR, until the block ends. ``make_session`` gives an aiobotocore session, in a thread, for it may block."""
    async with open_service(make_session, "emr", region) as client:
        yield AsyncEmr(client)
