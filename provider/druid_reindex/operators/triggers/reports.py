"""What ``attest`` waits for: the reports of a cluster's nodes in S3."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.polls import Question
from druid_reindex.operators.triggers.renewal import open_store
from druid_reindex.operators.triggers.waits import LookAgainTrigger

if TYPE_CHECKING:
    from druid_reindex.ports import ObjectStorePort

_SUFFIX = ".json"


def report_uri(prefix: S3Uri, instance_id: str) -> S3Uri:
    """Where the node leaves its report."""
    return prefix / f"{instance_id}{_SUFFIX}"


def reported(store: ObjectStorePort, prefix: S3Uri) -> frozenset[str]:
    """The instances whose reports are there."""
    keys = (stored.uri.key for stored in store.listing(prefix))
    return frozenset(key.rpartition("/")[2].removesuffix(_SUFFIX) for key in keys if key.endswith(_SUFFIX))


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

        def missing(store: ObjectStorePort) -> list[str] | None:
            from druid_reindex.posture.attestation import counted  # noqa: PLC0415

            ids = counted(connections.cluster_survey(self.conn_id, self.region).instances(self.cluster_id))
            there = reported(store, S3Uri.parse(self.prefix))
            return [each for each in ids if each not in there] if ids else None

        async def ask(store: Any, items: frozenset[str]) -> dict[str, Any]:
            return dict.fromkeys(items, await asyncio.to_thread(missing, store))

        key = ("reports", self.conn_id, self.region, self.prefix)
        return Question(key, lambda: open_store(self.conn_id, self.region), ask)

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """That all have reported, or that none is left."""
        missing = answers[self.cluster_id]
        if missing is None:
            return f"cluster {self.cluster_id} has no instance any more"
        return None if missing else f"every node of cluster {self.cluster_id} has reported"
