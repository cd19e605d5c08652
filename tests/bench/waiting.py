"""Airflow's TriggerRunner with so many triggers of one kind, until SIGTERM; then how late its event loop was, as JSON.

``python waiting.py <stock|steps|tasks> <clusters> <waits on each> <poll seconds> <JSON file>``
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.executors.workloads.trigger import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner, messages
from airflow.models.trigger import Trigger
from airflow.providers.amazon.aws.triggers.emr import EmrStepSensorTrigger
from airflow.sdk.execution_time import task_runner
from airflow.triggers.base import BaseTrigger
from stand_in import step_id

from druid_reindex.operators.triggers.waits import DruidTaskTrigger, EmrStepTrigger

REGION = "us-east-1"
LAG_STEP_SECONDS = 0.02


class LoadedRunner(TriggerRunner):
    """A TriggerRunner whose supervisor has handed it its triggers already, and wants nothing more."""

    def __init__(self, triggers: list[BaseTrigger]) -> None:
        super().__init__()
        self.lags: list[tuple[float, float]] = []
        self.to_create.extend(map(workload, range(len(triggers)), triggers))

    async def init_comms(self) -> None:
        self.comms_decoder: Any = SimpleNamespace(_reader_task=asyncio.create_task(self._feel_lag()))
        task_runner.SUPERVISOR_COMMS = self.comms_decoder

    async def asend(self, _message: Any) -> messages.TriggerStateSync:
        return messages.TriggerStateSync(to_create=[], to_cancel=set())

    async def _feel_lag(self) -> None:
        while True:
            due = time.monotonic() + LAG_STEP_SECONDS
            await asyncio.sleep(LAG_STEP_SECONDS)
            self.lags.append((due, time.monotonic() - due))


def workload(number: int, trigger: BaseTrigger) -> RunTrigger:
    """The trigger as Airflow's database hands it over."""
    classpath, arguments = trigger.serialize()
    return RunTrigger(id=number + 1, classpath=classpath, encrypted_kwargs=Trigger.encrypt_kwargs(arguments))


def triggers_of(kind: str, clusters: int, waits: int, poll_seconds: int) -> list[BaseTrigger]:
    """What waits, cluster by cluster."""
    deadline = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    ours: dict[str, Any] = {"poll_seconds": float(poll_seconds), "deadline": deadline}

    def one(cluster_id: str, name: str) -> BaseTrigger:
        match kind:
            case "stock":
                return EmrStepSensorTrigger(
                    job_flow_id=cluster_id, step_id=name, waiter_delay=poll_seconds, waiter_max_attempts=10_000,
                    aws_conn_id="aws", region_name=REGION,
                )  # fmt: skip
            case "steps":
                return EmrStepTrigger(conn_id="aws", region=REGION, cluster_id=cluster_id, step_id=name, **ours)
        return DruidTaskTrigger(conn_id="druid", task=name, protected=False, **ours)

    names = [f"j-BENCH{number:08d}" for number in range(clusters)]
    return [one(cluster_id, step_id(cluster_id, number)) for cluster_id in names for number in range(waits)]


def main() -> None:
    """Run until told to end."""
    kind, clusters, waits, poll_seconds, out = sys.argv[1:]
    runner = LoadedRunner(triggers_of(kind, int(clusters), int(waits), int(poll_seconds)))
    runner.run()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    Path(out).write_text(json.dumps({"lags": runner.lags, "peak_mb": peak_kb / 1024}))


if __name__ == "__main__":
    main()
