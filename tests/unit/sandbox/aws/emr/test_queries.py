"""Paging and filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from moto.emr.exceptions import InvalidRequestException

from druid_reindex.sandbox.aws.emr import queries
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.model import ClusterState
from emulated_clusters import new_cluster, new_step


@pytest.fixture
def backend() -> EmrBackend:
    made = EmrBackend("us-east-1", "111122223333")
    for _ in range(120):
        cluster = new_cluster()
        made.flows[cluster.id] = cluster
    return made


def test_pages_follow_each_other_to_the_end(backend: EmrBackend) -> None:
    seen, request = [], {}
    for size in (50, 50, 20):
        page = queries.list_clusters(backend, request)
        assert len(page["Clusters"]) == size
        seen += [item["Id"] for item in page["Clusters"]]
        request = {"Marker": page.get("Marker")}
    assert request == {"Marker": None}
    assert seen == list(backend.flows)[::-1]


@pytest.mark.parametrize("marker", ["nonsense", "!", "YWJj"])
def test_a_bogus_marker_is_refused(backend: EmrBackend, marker: str) -> None:
    with pytest.raises(InvalidRequestException):
        queries.list_clusters(backend, {"Marker": marker})


def test_clusters_by_state_and_time(backend: EmrBackend) -> None:
    first = next(iter(backend.flows.values()))
    first.state = ClusterState.TERMINATED
    first.timeline.created = datetime.now(UTC) - timedelta(days=2)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).timestamp()

    def listed(**request: object) -> list[str]:
        return [item["Id"] for item in queries.list_clusters(backend, request)["Clusters"]]

    assert listed(ClusterStates=["TERMINATED"]) == [first.id]
    assert listed(CreatedBefore=yesterday) == [first.id]
    assert first.id not in listed(CreatedAfter=yesterday)


def test_steps_by_id_keep_the_callers_order(backend: EmrBackend) -> None:
    cluster = next(iter(backend.flows.values()))
    cluster.steps.extend(new_step(name) for name in "abc")
    a, b, c = (step.id for step in cluster.steps)

    def listed(**request: object) -> list[str]:
        return [item["Id"] for item in queries.list_steps(backend, {"ClusterId": cluster.id, **request})["Steps"]]

    assert listed() == [c, b, a]
    assert listed(StepIds=[b, a]) == [b, a]
    assert listed(StepStates=["RUNNING"]) == []
    with pytest.raises(InvalidRequestException):
        listed(StepIds=[a], StepStates=["PENDING"])
