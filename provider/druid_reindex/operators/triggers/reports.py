"""What ``attest`` waits for: the reports of a cluster's nodes in S3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.polls import Question
from druid_reindex.operators.triggers.waits import LookAgainTrigger

if TYPE_CHECKING:
    from druid_reindex.ports import ClusterSurveyPort, ObjectStorePort

_SUFFIX = ".json"


def report_uri(prefix: S3Uri, instance_id: str) -> S3Uri:
    """Where the node leaves its report."""
    return prefix / f"{instance_id}{_SUFFIX}"


def reported(store: ObjectStorePort, prefix: S3Uri) -> frozenset[str]:
    """The instances whose reports are there."""
    keys = (stored.uri.key for stored in store.listing(prefix))
    return frozenset(key.rpartition("/")[2].removesuffix(_SUFFIX) for key in keys if key.endswith(_SUFFIX))


@dataclass(frozen=True, slots=True)
class _Reporting:
    """Who has reported and who is to report, by clients that last for many looks."""

    store: ObjectStorePort
    survey: ClusterSurveyPort

    def missing(self, cluster_id: str, prefix: S3Uri) -> list[str] | None:
        """The nodes whose reports are not there; None when the cluster has no node."""
        from druid_reindex.posture.attestation import counted  # noqa: PLC0415

        ids = counted(self.survey.instances(cluster_id))
        there = reported(self.store, prefix)
        return [each for each in ids if each not in there] if ids else None


@asynccontextmanager
async def _open(conn_id: str, region: str) -> AsyncIterator[_Reporting]:
    """S3 and EMR by the connection, until the block ends."""

    def opened() -> _Reporting:
        return _Reporting(connections.s3_client(conn_id, region), connections.cluster_survey(conn_id, region))

    yield await asyncio.to_thread(opened)


class NodesReportedTrigger(LookAgainTrigger):
    """Waits until every instance of a cluster that has not ended has left its report. There is nothing to cancel."""

    def __init__(self, *, region: str, cluster_id: str, prefix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region, self.cluster_id, self.prefix = region, cluster_id, prefix

    @property
    def item(self) -> str:
        """The cluster."""
        return self.cluster_id

    def waited_for(self) -> dict[str, Any]:
        """The cluster, and where its nodes' reports are."""
        return {"region": self.region, "cluster_id": self.cluster_id, "prefix": self.prefix}

    def question(self) -> Question:
        """Which of the cluster's nodes have not reported: one ListInstances and one listing."""

        async def ask(seen: Any, items: frozenset[str]) -> dict[str, Any]:
            return dict.fromkeys(
                items, await asyncio.to_thread(seen.missing, self.cluster_id, S3Uri.parse(self.prefix))
            )

        key = ("reports", self.conn_id, self.region, self.prefix)
        return Question(key, lambda: _open(self.conn_id, self.region), ask)

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """That all have reported, or that none is left."""
        missing = answers[self.cluster_id]
        if missing is None:
            return f"cluster {self.cluster_id} has no instance any more"
        return None if missing else f"every node of cluster {self.cluster_id} has reported"
