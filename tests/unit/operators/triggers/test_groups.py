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


class Place:
    """Where groups are kept."""

    runs_uri = "s3://bucket/runs"


def group(*, ago: timedelta = timedelta(0), **changes: Any) -> Group:
    """A group of which a run has been launching the cluster since ``ago`` before now."""
    run = Member(RunId.of(DEPLOYMENT, dag_id="d", run_id="r"), datetime.now(UTC) - ago)
    return replace(Group("nightly-1", DEPLOYMENT, members=(run,), launcher=run), **changes)


def keep(store: FakeStore, kept: Group) -> None:
    store.put(names.group_uri(Place(), "nightly-1"), to_json(kept), kms_key_arn="k")


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
    ("ago", "changes", "why"),
    [
        (timedelta(0), {"cluster_id": "j-1"}, "has a cluster"),
        (timedelta(0), {"launcher": None}, "nobody launches"),
        (LAUNCH_PATIENCE, {}, "nobody launches"),
    ],
)
def test_it_fires_when_the_task_can_go_on(store: FakeStore, ago: timedelta, changes: dict[str, Any], why: str) -> None:
    keep(store, group(ago=ago, **changes))
    event = fired(trigger())
    assert why in event["why"]
    assert event["item"] == "nightly-1"


def test_it_fires_when_the_group_is_gone(store: FakeStore) -> None:
    assert store.objects == {}
    event = fired(trigger())
    assert "is gone" in event["why"]
    assert event["item"] == "nightly-1"


def test_it_waits_while_another_run_launches(store: FakeStore) -> None:
    keep(store, group())
    assert "deadline" in fired(trigger(0.2))["why"]


def test_an_equal_trigger_is_made_of_what_it_serialises_to() -> None:
    path, arguments = trigger().serialize()
    assert path.endswith("triggers.groups.GroupClusterTrigger")
    assert GroupClusterTrigger(**arguments).serialize() == (path, arguments)
