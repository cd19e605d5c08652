"""Tests of the triggers: when they fire, what they do when they are killed, how they survive serialisation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from airflow.serialization.serialized_objects import BaseSerialization

from async_twins import AsyncFakeDruid, AsyncFakeEmr, opened
from druid_reindex.errors import RefusedError, ThrottledError
from druid_reindex.model.cluster import ClusterState, StepState
from druid_reindex.model.druid_task import TaskState
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.statements import RedshiftStatementTrigger
from druid_reindex.operators.triggers.waits import (
    DruidLoadTrigger,
    DruidTaskTrigger,
    EmrClusterTrigger,
    EmrStepTrigger,
    LeaseFreeTrigger,
    LookAgainTrigger,
)
from twins import FakeDruid, FakeEmr, Outcome

DAY = "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"


def common(seconds: float = 20.0) -> dict[str, Any]:
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return {"conn_id": "phi", "poll_seconds": 0.01, "deadline": deadline}


def aws(**arguments: Any) -> dict[str, Any]:
    return common() | {"region": "us-east-1", "cluster_id": "j-0000000000001"} | arguments


ALL: list[Callable[[], LookAgainTrigger]] = [
    lambda: EmrClusterTrigger(**aws(until="up")),
    lambda: EmrStepTrigger(**aws(step_id="s-0000000000001")),
    lambda: DruidTaskTrigger(task="drx_a", **common()),
    lambda: DruidLoadTrigger(datasource="vitals", interval=DAY, **common()),
    lambda: RedshiftStatementTrigger(region="us-east-1", statement_id="s", **common()),
    lambda: LeaseFreeTrigger(region="us-east-1", runs_uri="s3://b/runs", datasource="vitals", **common()),
]


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> AsyncFakeEmr:
    twin = AsyncFakeEmr(FakeEmr())
    monkeypatch.setattr(connections, "async_emr", opened(twin))
    twin.emr.run_job_flow({"Name": "night"})
    return twin


@pytest.fixture
def druid(monkeypatch: pytest.MonkeyPatch) -> AsyncFakeDruid:
    twin = AsyncFakeDruid(FakeDruid(outcomes=[Outcome(polls=2)]))
    monkeypatch.setattr(connections, "async_druid", opened(twin))
    twin.druid.submit_task({"id": "drx_a"})
    return twin


def why(trigger: LookAgainTrigger) -> str:
    """What the trigger's one event says."""

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    return str(payload["why"])


@pytest.mark.parametrize("make", ALL)
def test_a_trigger_is_made_again_from_what_it_serialises_to(make: Callable[[], LookAgainTrigger]) -> None:
    path, arguments = make().serialize()
    module, _, name = path.rpartition(".")
    stored = BaseSerialization.deserialize(BaseSerialization.serialize(arguments))
    again = getattr(import_module(module), name)(**stored)
    assert again.serialize() == (path, arguments)


def test_a_cluster_that_comes_up(emr: AsyncFakeEmr) -> None:
    assert why(EmrClusterTrigger(**aws(until="up"))) == "cluster j-0000000000001 is WAITING"


@pytest.mark.parametrize("state", [ClusterState.TERMINATING, ClusterState.TERMINATED_WITH_ERRORS])
def test_a_cluster_that_never_will_is_not_waited_for(emr: AsyncFakeEmr, state: ClusterState) -> None:
    emr.emr.ahead["j-0000000000001"] = [ClusterState.STARTING, state]
    assert why(EmrClusterTrigger(**aws(until="up"))) == f"cluster j-0000000000001 is {state.value}"


def test_a_cluster_that_ends(emr: AsyncFakeEmr) -> None:
    emr.emr.ahead["j-0000000000001"] = [ClusterState.TERMINATING, ClusterState.TERMINATED]
    assert why(EmrClusterTrigger(**aws(until="ended"))) == "cluster j-0000000000001 is TERMINATED"
    assert emr.calls == {"DescribeCluster": 2}


def with_step(emr: AsyncFakeEmr, outcome: StepState = StepState.COMPLETED) -> str:
    emr.emr.ahead["j-0000000000001"] = [ClusterState.WAITING]
    emr.emr.describe_cluster("j-0000000000001")
    emr.emr.step_outcomes.append(outcome)
    return emr.emr.add_step("j-0000000000001", {"Name": "step"})


@pytest.mark.parametrize("outcome", [StepState.COMPLETED, StepState.FAILED, StepState.CANCELLED])
def test_a_step_that_ends(emr: AsyncFakeEmr, outcome: StepState) -> None:
    step_id = with_step(emr, outcome)
    assert why(EmrStepTrigger(**aws(step_id=step_id))) == f"step {step_id} is {outcome.value}"


def test_a_step_that_emr_does_not_list_is_for_the_task(emr: AsyncFakeEmr) -> None:
    with_step(emr)
    assert "does not list step s-unknown" in why(EmrStepTrigger(**aws(step_id="s-unknown")))


def test_fifty_steps_of_a_cluster_cost_one_call_a_round(emr: AsyncFakeEmr) -> None:
    triggers = [EmrStepTrigger(**aws(step_id=with_step(emr))) for _ in range(50)]

    async def all_of_them() -> None:
        async def drain(trigger: LookAgainTrigger) -> None:
            async for _event in trigger.run():
                return

        await asyncio.gather(*(drain(trigger) for trigger in triggers))

    asyncio.run(all_of_them())
    assert emr.calls == {"ListSteps": 2}


def test_a_task_that_ends(druid: AsyncFakeDruid) -> None:
    assert why(DruidTaskTrigger(task="drx_a", **common())) == "task drx_a is SUCCESS"
    assert "does not know task drx_b" in why(DruidTaskTrigger(task="drx_b", **common()))


def test_segments_that_are_announced_at_last(druid: AsyncFakeDruid) -> None:
    druid.left = [3, 1, 0]
    assert why(DruidLoadTrigger(datasource="vitals", interval=DAY, **common())) == f"vitals {DAY} is served"
    assert druid.calls == {f"sys.segments vitals {DAY}": 3}


def test_segments_that_are_dropped_at_last(druid: AsyncFakeDruid) -> None:
    druid.left = [2, 0]
    assert why(DruidLoadTrigger(datasource="vitals", interval=DAY, swapped=True, **common())).endswith("is served")
    assert druid.calls == {f"sys.segments vitals {DAY} swapped": 2}


def test_throttling_is_waited_past_and_counts_against_the_deadline(emr: AsyncFakeEmr) -> None:
    slow = ThrottledError("describe", resource="j", came_back="ThrottlingException", remedy="wait")
    emr.failures = [slow, slow]
    assert "is WAITING" in why(EmrClusterTrigger(**aws(until="up")))
    emr.failures = [slow] * 1_000
    late = EmrClusterTrigger(**aws(until="ended") | common(seconds=0.2))
    assert why(late) == f"the deadline {late.deadline} has passed"


def test_a_deadline_that_has_passed_already_fires_at_once(emr: AsyncFakeEmr) -> None:
    assert "has passed" in why(EmrClusterTrigger(**aws(until="ended") | common(seconds=-5)))
    assert emr.calls == {}


def test_a_refusal_ends_the_wait_and_is_told(emr: AsyncFakeEmr) -> None:
    emr.failures = [RefusedError("describe", resource="j", came_back="InvalidRequest", remedy="check the id")]
    assert "InvalidRequest" in why(EmrClusterTrigger(**aws(until="up")))


def test_killed_a_cluster_that_comes_up_is_terminated_and_one_that_ends_is_left(emr: AsyncFakeEmr) -> None:
    asyncio.run(EmrClusterTrigger(**aws(until="ended")).on_kill())
    assert emr.emr.terminated == []
    asyncio.run(EmrClusterTrigger(**aws(until="up")).on_kill())
    assert emr.emr.terminated == ["j-0000000000001"]


def test_killed_a_step_is_cancelled(emr: AsyncFakeEmr) -> None:
    step_id = with_step(emr)
    asyncio.run(EmrStepTrigger(**aws(step_id=step_id)).on_kill())
    assert emr.emr.describe_step("j-0000000000001", step_id).state is StepState.CANCELLED


def test_killed_a_task_is_shut_down(druid: AsyncFakeDruid) -> None:
    asyncio.run(DruidTaskTrigger(task="drx_a", ours=False, **common()).on_kill())
    assert druid.druid.ended == {}
    asyncio.run(DruidTaskTrigger(task="drx_a", **common()).on_kill())
    assert druid.druid.task_status("drx_a").state is TaskState.FAILED
