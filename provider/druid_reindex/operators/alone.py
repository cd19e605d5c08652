"""Sees to it that nobody else writes a datasource whose jobs take no locks of Druid, or a chunk that still streams."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Submission, Supervisors
from druid_reindex.model.writers import Writers
from druid_reindex.operators.night import planned_night

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.night import NightOperator


def looked_at(task: NightOperator, window: Interval) -> tuple[Writers, dict[str, Any]]:
    """Who else may write the datasource, nobody where they are in no way; and what ``require_alone`` starts from.

    That is asked before the timeline is read: ``looked_at``, and ``others_before``, the tasks that had succeeded then.
    """
    now, pipeline = datetime.now(UTC), task.settings.pipeline
    takes_locks = pipeline.submit is Submission.OVERLORD
    still_streams = pipeline.supervisors is Supervisors.SUSPEND and window.end > now - pipeline.streaming_window
    asked = still_streams or not takes_locks
    writers = task.druid.writers(pipeline.datasource, since=now) if asked else Writers()
    return writers, {"looked_at": now.isoformat(), "others_before": list(writers.succeeded)}


def refuse_standing(task: NightOperator, writers: Writers) -> None:
    """Raises ConfigurationError for what may write beside an EMR step and does not end by itself."""
    from druid_reindex.plan import alone  # noqa: PLC0415

    if task.settings.pipeline.submit is Submission.EMR_STEP:
        alone.refuse_standing(task.settings.pipeline.datasource, writers)


def await_alone(task: NightOperator, writers: Writers) -> None:
    """Wait until no task of others is active. Raises ConfigurationError for what does not end by itself."""
    refuse_standing(task, writers)
    if task.settings.pipeline.submit is Submission.EMR_STEP:
        await_ended(task, writers.active)


def await_ended(task: NightOperator, active: tuple[str, ...]) -> None:
    """Wait until the tasks have ended, which are not this run's: what they publish is read then."""
    if active:
        task.waiting.until(
            lambda: active,
            lambda left: not left,
            task.settings.task_wait(active[0], ours=False),
            tell=lambda left: f"it and others write what this night may not write meanwhile: {', '.join(left)}",
        )


def require_alone(task: NightOperator, context: Context) -> None:
    """Raises ConflictError where somebody else has written the datasource since the plan, or does now."""
    from druid_reindex.plan.alone import refuse_others  # noqa: PLC0415

    if task.settings.pipeline.submit is Submission.OVERLORD:
        return
    night, datasource = planned_night(context), task.settings.pipeline.datasource
    writers = task.druid.writers(datasource, since=datetime.fromisoformat(night["looked_at"]))
    news = tuple(each for each in writers.succeeded if each not in night["others_before"])
    refuse_others(datasource, replace(writers, succeeded=news))
