"""What Airflow says of a run, read over its REST API; the rest of a night's state is gathered in ``night_facts``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from druid_reindex.clients.airflow import AirflowApi, DagRun, TaskInstance
from druid_reindex.clients.night_facts import AirflowFacts
from druid_reindex.errors import DruidReindexError
from druid_reindex.evidence.night_state import MISSING_RUN, PLAN_TASK, VERDICT_TASK, Stopped, Unread

NIGHT_KEY = "night"
_STOPPED = "failed"


def airflow_facts(api: AirflowApi, run: DagRun, night: Mapping[str, Any] | None) -> AirflowFacts:
    """What stopped and why; ``night`` is what the run's ``plan`` told (see ``told_night``).

    What Airflow does not tell is Unread in its own place.
    """
    suspended = _suspended(api, run.dag_id)
    if run.state == MISSING_RUN:
        return AirflowFacts(MISSING_RUN, suspended=suspended)
    batches = asked_batches(night)
    try:
        failed = blamed(api.task_instances(run.dag_id, run.run_id))
    except DruidReindexError as error:
        unread = Unread(str(error))
        return AirflowFacts(run.state, unread, unread, run.queued_at, batches, suspended)
    stopped = tuple(stopped_task(task, batches) for task in failed)
    why = "\n".join(f"{task.name}: {_reason(api, run, task)}" for task in failed)
    return AirflowFacts(run.state, stopped, why, run.queued_at, batches, suspended)


def told_night(api: AirflowApi, run: DagRun) -> Mapping[str, Any] | None:
    """What ``plan`` told of the night; None when it told nothing."""
    if run.state == MISSING_RUN:
        return None
    night = api.xcom(run.dag_id, run.run_id, PLAN_TASK, key=NIGHT_KEY)
    return night if isinstance(night, dict) else None


def asked_batches(night: Mapping[str, Any] | None) -> tuple[int, ...] | None:
    """The numbers of the batches that the run is to carry out; None when it has not told."""
    return None if night is None else tuple(night.get("batches", ()))


def blamed(tasks: Sequence[TaskInstance]) -> list[TaskInstance]:
    """The tasks that failed by themselves; the verdict, which fails with any other, only when it is alone."""
    failed = [task for task in tasks if task.state == _STOPPED]
    return [task for task in failed if task.task_id != VERDICT_TASK] or failed


def stopped_task(task: TaskInstance, batches: tuple[int, ...] | None) -> Stopped:
    """The task as one that stopped; a mapped one by the number of its batch."""
    mapped = task.map_index
    known = batches is not None and mapped < len(batches)
    batch = None if mapped < 0 else batches[mapped] if known and batches else mapped
    return Stopped(task.task_id, task.try_number, task.ended_at or task.started_at, batch)


def _reason(api: AirflowApi, run: DagRun, task: TaskInstance) -> str:
    try:
        said = api.failure(run.dag_id, run.run_id, task)
    except DruidReindexError as error:
        return str(Unread(str(error)))
    return said or "its log names no exception: it was killed, or marked as failed by hand"


def _suspended(api: AirflowApi, dag_id: str) -> tuple[str, ...] | Unread:
    try:
        dag = api.dag(dag_id)
    except DruidReindexError as error:
        return Unread(str(error))
    paused = dag is not None and dag.get("is_paused")
    return (f"DAG {dag_id} is paused: no night and no task of it starts until it is released",) if paused else ()
