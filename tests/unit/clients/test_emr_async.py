"""Tests of EMR on asyncio: the loop goes on while it is asked."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiobotocore.session import get_session

from druid_reindex.clients.emr_async import open_emr
from druid_reindex.clients.session import client_arguments
from druid_reindex.errors import NoAnswerError
from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState
from gated_server import gated, while_the_loop_goes_on

STEPS = [{"Id": f"s-{n}", "Name": f"n{n}", "Status": {"State": "RUNNING"}} for n in range(5)]
CLUSTER = {"Id": "j-1", "Name": "night", "Status": {"State": "WAITING"}, "MasterPublicDnsName": "ip-1"}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an example")


def answers(_path: str, target: str) -> bytes:
    operation = target.rpartition(".")[2]
    known: dict[str, object] = {
        "DescribeCluster": {"Cluster": CLUSTER},
        "ListSteps": {"Steps": STEPS},
        "CancelSteps": {"CancelStepsInfoList": []},
    }
    return json.dumps(known.get(operation, {})).encode()


def test_the_loop_goes_on_while_emr_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with gated(answers) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)

        async def ask() -> tuple[Cluster, dict[str, Step]]:
            async with open_emr(get_session, "us-east-1") as emr:
                return await emr.describe_cluster("j-1"), await emr.steps("j-1", frozenset({"s-1", "s-4", "s-9"}))

        cluster, steps = while_the_loop_goes_on(gate, ask)
    assert (cluster.state, cluster.primary_dns) == (ClusterState.WAITING, "ip-1")
    assert {step_id: step.state for step_id, step in steps.items()} == dict.fromkeys(("s-1", "s-4"), StepState.RUNNING)
    assert gate.asked == 2


def test_termination_and_cancelling_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def remember(path: str, target: str) -> bytes:
        asked.append(target.rpartition(".")[2])
        return answers(path, target)

    with gated(remember) as gate:
        monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)

        async def end() -> None:
            async with open_emr(get_session, "us-east-1") as emr:
                await emr.cancel_step("j-1", "s-1")
                await emr.terminate("j-1")

        while_the_loop_goes_on(gate, end)
    assert asked == ["CancelSteps", "DescribeCluster", "SetTerminationProtection", "TerminateJobFlows"]


def test_no_answer_is_one_of_our_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("druid_reindex.clients.session_async.client_arguments", lambda: client_arguments(attempts=1))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    async def ask() -> Cluster:
        async with open_emr(get_session, "us-east-1") as emr:
            return await emr.describe_cluster("j-1")

    with pytest.raises(NoAnswerError, match="describe a cluster on j-1"):
        asyncio.run(ask())
