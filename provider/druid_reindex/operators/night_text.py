"""The text of a night that failed or is late, from what Airflow tells a callback and what Druid and EMR answer now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from druid_reindex.clients.night_facts import AirflowFacts, Sources, Subject, night_state
from druid_reindex.errors import DruidReindexError
from druid_reindex.evidence.night_state import VERDICT_TASK, WHY_KEY, NightState, Stopped, Unread, render
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant
from druid_reindex.model.prices import load_prices
from druid_reindex.operators import connections
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.operators.night import planned
from druid_reindex.operators.settings import NightSettings

if TYPE_CHECKING:
    from airflow.sdk import Context

NIGHT_TEXT = "night_text"
_LOG = logging.getLogger(__name__)
LATE = "the night is not over at its deadline (policy.finish_within_hours); nothing has failed so far as is known here"
NOT_TOLD = "a deadline's callback is not told of task instances: look at the run in Airflow's UI"


def failed_text(context: Context, settings: NightSettings) -> str:
    """The state of the run whose verdict has failed; what could not be read is said in its place."""
    run = context["dag_run"]
    run_id = RunId.of(settings.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
    return _text(settings, run_id, lambda: _failed_facts(context), planned(context).get("profile"))


def late_text(run: Mapping[str, Any], file: Path, configs: Path) -> str:
    """The state of a run that has passed its deadline; why not, where its pipeline in ``file`` cannot be read."""
    try:
        return _late_text(run, file, configs)
    except DruidReindexError as error:
        return f"{LATE}: {run.get('dag_run_id')}. Its state could not be told: {error}"


def _failed_facts(context: Context) -> AirflowFacts:
    run, ti = context["dag_run"], context["ti"]
    ended: Iterable[dict[str, Any]] = ti.get_task_breadcrumbs(run.dag_id, run.run_id)  # type: ignore[attr-defined]
    crumbs = [each for each in ended if str(each["state"]) == "failed"]
    blamed = [each for each in crumbs if each["task_id"] != VERDICT_TASK]
    night = planned(context)
    batches = tuple(night["batches"]) if night else None
    why = [_why(context, each["task_id"], each["map_index"]) for each in blamed]
    return AirflowFacts(
        state="failed",
        stopped=tuple(_stopped(each["task_id"], each["map_index"], batches) for each in blamed),
        why="\n".join(why) or str(context.get("exception") or ""),
        queued_at=getattr(run, "queued_at", None) or run.start_date,
        batches=batches,
    )


def _stopped(task_id: str, map_index: int, batches: tuple[int, ...] | None) -> Stopped:
    known = batches is not None and map_index < len(batches)
    batch = None if map_index < 0 else batches[map_index] if known and batches else map_index
    return Stopped(task_id, None, batch=batch)


def _why(context: Context, task_id: str, map_index: int) -> str:
    """What the task told of its failure as it failed."""
    told = context["ti"].xcom_pull(task_ids=task_id, key=WHY_KEY, map_indexes=map_index)
    name = task_id if map_index < 0 else f"{task_id}[{map_index}]"
    return f"{name}: {told or 'it told no reason: it was killed, or marked as failed by hand; see its log'}"


def _late_text(run: Mapping[str, Any], file: Path, configs: Path) -> str:
    settings = NightSettings.read(file, configs=configs)
    dag_id, run_id = str(run["dag_id"]), str(run["dag_run_id"])
    queued_at = run.get("queued_at")
    facts = AirflowFacts(
        state=str(run["state"]),
        stopped=Unread(NOT_TOLD),
        why=LATE,
        queued_at=parse_instant(queued_at) if queued_at else None,
    )
    identity = RunId.of(settings.boundaries.deployment_id, dag_id=dag_id, run_id=run_id)
    return _text(settings, identity, lambda: facts, None)


def _text(settings: NightSettings, run_id: RunId, facts: Callable[[], AirflowFacts], profile: str | None) -> str:
    attempt = Attempt(run_id, NIGHT_TEXT, datasource=settings.pipeline.datasource)
    store = partial(connections.s3_client, settings.aws_conn_id, settings.boundaries.region)
    try:
        with journalling(Keeping.of(settings.boundary), attempt, store, _LOG.warning):
            return render(_state(settings, run_id, facts(), profile))
    except DruidReindexError as error:
        return f"run {run_id.dag_run_id} of {run_id.dag_id}: its state could not be told: {error}"


def _state(settings: NightSettings, run_id: RunId, facts: AirflowFacts, profile: str | None) -> NightState:
    asked = settings.on_profile(profile) if profile else settings
    subject = Subject(run_id, settings.pipeline, settings.boundary, asked.profile, load_prices(settings.configs))
    region = settings.boundaries.region
    sources = Sources(
        cache(partial(connections.druid_client, settings.druid_conn_id, protected=settings.protected)),
        cache(partial(connections.emr_client, settings.aws_conn_id, region)),
        cache(partial(connections.s3_client, settings.aws_conn_id, region)),
    )
    return night_state(subject, facts, sources)
