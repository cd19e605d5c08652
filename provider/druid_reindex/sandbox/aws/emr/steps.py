"""One step's life as a process: started, cancelled on request, its logs archived, its end recorded."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from druid_reindex.sandbox.aws.emr.model import Cluster, Step, StepState, Timeline, now
from druid_reindex.sandbox.aws.emr.node import Node, Run
from druid_reindex.sandbox.guard import OWNER_DIED
from druid_reindex.sandbox.processes import OwnedProcess, tail

POLL_SECONDS = 0.1
CANNOT_START = 127
FORCED = "TERMINATE_PROCESS"


def run_step(cluster: Cluster, node: Node, step: Step) -> None:
    """Run `step` to its end; returns when its logs are archived and its final state is set."""
    try:
        run = node.step(step)
        status = _wait(cluster, step, node.start(run), run)
    except (BotoCoreError, ClientError, OSError) as error:
        folder = node.logs / "steps" / step.id
        _append(folder / "controller", f"cannot start the step: {error}")
        run, status = Run(step.id, (), folder), CANNOT_START
    node.archive.put_step(run.folder, step.id)
    with cluster.changed:
        _settle(cluster, node, step, run, status)
        cluster.changed.notify_all()


def _wait(cluster: Cluster, step: Step, process: OwnedProcess, run: Run) -> int:
    """Return the exit status; a cancellation or the cluster's end stops the process first.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-cancel-steps.html (SIGTERM or SIGKILL)
    """
    controller = run.folder / "controller"
    _append(controller, f"INFO startExec {list(run.argv)}")
    asked = False
    while (status := process.poll()) is None:
        with cluster.changed:
            wants_end, how = cluster.ending is not None or step.cancellation is not None, step.cancellation
        if wants_end and not asked:
            asked = True
            _append(controller, f"INFO stopping the step: {how or 'the cluster terminates'}")
            _interrupt(process, forced=how == FORCED)
        time.sleep(POLL_SECONDS)
    _append(controller, f"INFO waitProcessCompletion ended with exit code {status}")
    return status


def _interrupt(process: OwnedProcess, *, forced: bool) -> None:
    if forced:
        os.kill(process.pid, OWNER_DIED)
    else:
        process.ask_to_stop()


def _settle(cluster: Cluster, node: Node, step: Step, run: Run, status: int) -> None:
    step.timeline.ended = now()
    if step.cancellation is not None:
        step.state, step.message = StepState.CANCELLED, "Step cancelled by user request"
    elif cluster.ending is not None:
        step.state, step.message = StepState.INTERRUPTED, "Job terminated"
    elif status == 0:
        step.state = StepState.COMPLETED
    else:
        step.state = StepState.FAILED
        step.failure = _failure(node, step, run, status)


def _failure(node: Node, step: Step, run: Run, status: int) -> dict[str, str]:
    """Return what EMR tells of a failed step.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_FailureDetails.html
    """
    last = tail(run.folder / "stderr", 1) or f"Exit code {status}"
    if status > 128:
        last = f"{last} (killed by {signal.Signals(status - 128).name})"
    details = {"Reason": "Unknown Error.", "Message": last[:1024]}
    log_file = node.archive.uri(f"steps/{step.id}/stderr.gz")
    return details | {"LogFile": log_file} if log_file else details


def cancel_pending(cluster: Cluster, message: str) -> None:
    """Cancel every step that has not begun."""
    for step in cluster.steps_in(frozenset({StepState.PENDING})):
        step.state, step.message = StepState.CANCELLED, message
        step.timeline = Timeline(step.timeline.created, None, now())


def _append(path: os.PathLike[str], line: str) -> None:
    moment: datetime = now()
    with open(path, "a", encoding="utf-8") as handle:  # noqa: PTH123
        handle.write(f"{moment.isoformat(timespec='milliseconds')} {line}\n")
