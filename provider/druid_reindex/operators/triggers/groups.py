"""What a night waits for in a group of clusters, as a trigger: the cluster that another run launches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from druid_reindex.model.group import Group, from_json
from druid_reindex.operators.triggers.polls import Question
from druid_reindex.operators.triggers.renewal import stored
from druid_reindex.operators.triggers.waits import LookAgainTrigger
from druid_reindex.plan import names
from druid_reindex.plan.group import may_launch

if TYPE_CHECKING:
    from druid_reindex.ports import ObjectStorePort


class GroupClusterTrigger(LookAgainTrigger):
    """Waits until a group has a cluster, or its launcher has fallen silent. There is nothing to cancel."""

    def __init__(self, *, region: str, runs_uri: str, group: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region, self.runs_uri, self.group = region, runs_uri, group

    @property
    def item(self) -> str:
        """The group's key."""
        return self.group

    def waited_for(self) -> dict[str, Any]:
        """The group, and where it is kept."""
        return {"region": self.region, "runs_uri": self.runs_uri, "group": self.group}

    def question(self) -> Question:
        """The groups that are waited for."""

        def read(store: ObjectStorePort, item: str) -> Group | None:
            group = store.get_with_etag(names.group_uri(self, item))
            return from_json(group[0]) if group else None

        return stored(("group", self.runs_uri), self.conn_id, self.region, read)

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """That there is a cluster to use, or one to launch."""
        group = answers[self.group]
        if group is None or group.cluster_id is not None:
            return f"group {self.group} has a cluster" if group else f"group {self.group} is gone"
        return f"nobody launches the cluster of {self.group}" if may_launch(group, None, datetime.now(UTC)) else None
