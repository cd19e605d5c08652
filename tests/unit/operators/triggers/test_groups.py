"""The wait for a group's cluster: it fires when there is one, or when nobody launches it any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from druid_reindex.model.group import Group, Member, to_json
from druid_reindex.model.identity import RunId
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.groups import GroupClusterTrigger
from druid_reindex.plan import names
from druid_reindex.plan.group import LAUNCH_PATIENCE
from night_world import fired
from twins import FakeStore

DEPLOYMENT = UUID(int=1)
NOW = datetime.now(UTC)
LAUNCHER = Member(RunId.of(DEPLOYMENT, dag_id="d", run_id="r"), NOW)
LAUNCHING = Group("nightly-1", DEPLOYMENT, members=(LAUNCHER,), launcher=LAUNCHER)


class Place:
    """Where groups are kept."""

    runs_uri = "s3://bucket/runs"


def trigger(seconds: float = 20.0) -> GroupClusterTrigger:
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    common: dict[str, Any] = {"conn_id": "phi", "poll_seconds": 0.01, "deadline": deadline}
    return GroupClusterTrigger(region="us-east-1", runs_uri=Place.runs_uri, group="nightly-1", **common)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    made = FakeStore()
    monkeypatch.setattr(connections, "s3_client", lambda _conn_id, _region: made)
    return made


@pytest.mark.parametrize(
    ("group", "why"),
    [
        (None, "is gone"),
        (replace(LAUNCHING, cluster_id="j-1"), "has a cluster"),
        (replace(LAUNCHING, launcher=None), "nobody launches"),
        (replace(LAUNCHING, launcher=replace(LAUNCHER, since=NOW - LAUNCH_PATIENCE)), "nobody launches"),
    ],
)
def test_it_fires_when_the_task_can_go_on(store: FakeStore, group: Group | None, why: str) -> None:
    if group is not None:
        store.put(names.group_uri(Place(), "nightly-1"), to_json(group), kms_key_arn="k")
    event = fired(trigger())
    assert why in event["why"]
    assert event["item"] == "nightly-1"


def test_it_waits_while_another_run_launches(store: FakeStore) -> None:
    store.put(names.group_uri(Place(), "nightly-1"), to_json(LAUNCHING), kms_key_arn="k")
    assert "deadline" in fired(trigger(0.2))["why"]


def test_an_equal_trigger_is_made_of_what_it_serialises_to() -> None:
    path, arguments = trigger().serialize()
    assert path.endswith("triggers.groups.GroupClusterTrigger")
    assert GroupClusterTrigger(**arguments).serialize() == (path, arguments)
