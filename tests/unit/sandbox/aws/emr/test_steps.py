"""A step's end, however it comes about; the processes themselves are a contract test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.aws.emr.lifecycle import USER_REQUEST
from druid_reindex.sandbox.aws.emr.model import StepState
from druid_reindex.sandbox.aws.emr.node import Run
from druid_reindex.sandbox.aws.emr.steps import cancel_pending, run_step
from emulated_clusters import new_cluster


class Process:
    def __init__(self, status: int) -> None:
        self.status = status
        self.is_asked = False
        self.pid = 0

    def poll(self) -> int | None:
        return self.status if self.is_asked or self.status >= 0 else None

    def ask_to_stop(self) -> None:
        self.is_asked = True


class Archive:
    def __init__(self) -> None:
        self.put: list[str] = []

    def put_step(self, folder: Path, step_id: str) -> None:
        assert folder.name == step_id
        self.put.append(step_id)

    def uri(self, name: str) -> str:
        return f"s3://logs/{name}"


class Node:
    def __init__(self, folder: Path, status: int, error: OSError | None = None) -> None:
        self.logs = folder
        self.archive = Archive()
        self.process = Process(status)
        self.error = error

    def step(self, step: Any) -> Run:
        folder = self.logs / "steps" / step.id
        folder.mkdir(parents=True)
        if self.error is not None:
            raise self.error
        return Run(step.id, ("true",), folder)

    def start(self, run: Run) -> Any:
        assert run.argv
        return self.process


@pytest.mark.parametrize(("status", "state"), [(0, StepState.COMPLETED), (1, StepState.FAILED)])
def test_the_exit_status_decides(tmp_path: Path, status: int, state: StepState) -> None:
    cluster, node = new_cluster("one"), Node(tmp_path, status)
    (step,) = cluster.steps
    run_step(cluster, node, step)  # type: ignore[arg-type]
    assert step.state is state
    assert step.timeline.ended is not None
    assert node.archive.put == [step.id]


def test_a_killed_step_says_by_which_signal(tmp_path: Path) -> None:
    cluster, node = new_cluster("one"), Node(tmp_path, 137)
    (step,) = cluster.steps
    run_step(cluster, node, step)  # type: ignore[arg-type]
    assert step.failure is not None
    assert "SIGKILL" in step.failure["Message"]
    assert step.failure["LogFile"] == f"s3://logs/steps/{step.id}/stderr.gz"


def test_a_step_that_cannot_start_fails_with_the_reason_in_its_controller_log(tmp_path: Path) -> None:
    cluster, node = new_cluster("one"), Node(tmp_path, 0, OSError("no such script"))
    (step,) = cluster.steps
    run_step(cluster, node, step)  # type: ignore[arg-type]
    assert step.state is StepState.FAILED
    assert "no such script" in (tmp_path / "steps" / step.id / "controller").read_text()


def test_a_cluster_that_ends_interrupts_its_step(tmp_path: Path) -> None:
    cluster, node = new_cluster("one"), Node(tmp_path, -1)
    with cluster.changed:
        cluster.end(USER_REQUEST)
    (step,) = cluster.steps
    run_step(cluster, node, step)  # type: ignore[arg-type]
    assert (step.state, node.process.is_asked) == (StepState.INTERRUPTED, True)


def test_only_pending_steps_are_cancelled() -> None:
    cluster = new_cluster("one", "two")
    cluster.steps[0].state = StepState.RUNNING
    cancel_pending(cluster, "Job terminated")
    assert [step.state for step in cluster.steps] == [StepState.RUNNING, StepState.CANCELLED]
    assert cluster.steps[1].timeline.ended is not None
    assert cluster.steps[1].timeline.ready is None
