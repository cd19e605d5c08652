"""The wait for nodes' reports."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.reports import NodesReportedTrigger, report_uri, reported
from node_reports import NODES, instances
from twins import FakeClusterSurvey, FakeStore

PREFIX = S3Uri("drx-phi-111122223333", "runs/r/attestation")


def made(**changes: Any) -> NodesReportedTrigger:
    deadline = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    told = {"conn_id": "aws_phi", "poll_seconds": 0.01, "deadline": deadline, "region": "us-east-1"}
    return NodesReportedTrigger(**told | {"cluster_id": "j-1", "prefix": str(PREFIX)} | changes)


def fired(trigger: NodesReportedTrigger) -> Any:
    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    return payload


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeStore, FakeClusterSurvey]:
    store, survey = FakeStore(), FakeClusterSurvey(listed=[instances(*NODES)])
    monkeypatch.setattr(connections, "s3_client", lambda _conn_id, _region: store)
    monkeypatch.setattr(connections, "cluster_survey", lambda _conn_id, _region: survey)
    return store, survey


def test_reports_are_named_by_their_instances() -> None:
    store = FakeStore()
    assert reported(store, PREFIX) == frozenset()
    store.put(report_uri(PREFIX, NODES[0]), b"{}", kms_key_arn="k")
    store.put(PREFIX / "notes.txt", b"", kms_key_arn="k")
    assert reported(store, PREFIX) == {NODES[0]}
    assert str(report_uri(PREFIX, "i-1")) == f"{PREFIX}/i-1.json"


def test_it_fires_when_every_node_has_reported(outside: tuple[FakeStore, FakeClusterSurvey]) -> None:
    store, _ = outside
    for node in NODES:
        store.put(report_uri(PREFIX, node), b"{}", kms_key_arn="k")
    assert fired(made()) == {"why": "every node of cluster j-1 has reported", "item": "j-1"}


def test_it_fires_when_the_cluster_is_gone(outside: tuple[FakeStore, FakeClusterSurvey]) -> None:
    outside[1].listed = [instances(*NODES, state="TERMINATED")]
    assert fired(made())["why"] == "cluster j-1 has no instance any more"


def test_it_waits_for_the_last_one_until_its_deadline(outside: tuple[FakeStore, FakeClusterSurvey]) -> None:
    store, _ = outside
    store.put(report_uri(PREFIX, NODES[0]), b"{}", kms_key_arn="k")
    soon = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
    assert "deadline" in fired(made(deadline=soon))["why"]


def test_clients_are_made_once_for_many_looks(
    outside: tuple[FakeStore, FakeClusterSurvey], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of: list[str] = []
    monkeypatch.setattr(connections, "cluster_survey", lambda conn_id, _region: made_of.append(conn_id) or outside[1])
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    fired(made(deadline=soon))
    assert made_of == ["aws_phi"]


def test_an_equal_trigger_in_another_process() -> None:
    trigger = made()
    path, arguments = trigger.serialize()
    assert path == "druid_reindex.operators.triggers.reports.NodesReportedTrigger"
    assert NodesReportedTrigger(**arguments).serialize() == (path, arguments)
