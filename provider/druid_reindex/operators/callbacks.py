"""Tells people of a night that failed, or that is not over by its hour: one text, through any Airflow notifier.

A notifier is named as Airflow's deadline alerts name one, ``SyncCallback(SlackWebhookNotifier, {"text": "{{ night_state
}}"})``: the class (or its path) and its arguments, in whose templates ``night_state`` is the text.
Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/howto/deadline-alerts.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from druid_reindex.errors import ConfigurationError, DruidReindexError
from druid_reindex.evidence.night_state import VERDICT_TASK, WHY_KEY, NightState, Stopped, Unread, render
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant
from druid_reindex.model.prices import load_prices
from druid_reindex.operators import connections
from druid_reindex.operators.night import NightSettings, planned

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.callback import SyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert

    from druid_reindex.clients.night_facts import AirflowFacts

NIGHT_STATE = "night_state"
WITH_CALLBACKS = ("LocalExecutor", "CeleryExecutor")
LATE = "the night is not over at its deadline (policy.finish_within_hours); nothing has failed so far as is known here"
NOT_TOLD = "a deadline's callback is not told of task instances: look at the run in Airflow's UI"
log = logging.getLogger(__name__)


def failure_callbacks(settings: NightSettings, notifiers: Sequence[SyncCallback] = ()) -> list[Callable[[Any], None]]:
    """What the verdict's ``on_failure_callback`` is: the text into its log and the XCom ``night_state``, then to each.

    Airflow calls one after the other, whatever becomes of those before.
    """
    return [partial(tell_failure, settings=settings), *(partial(notify, notifier=n.serialize()) for n in notifiers)]


def deadline_alert(settings: NightSettings, file: Path, notifiers: Sequence[SyncCallback] = ()) -> DeadlineAlert | None:
    """The DAG's ``deadline``; None unless the policy has ``finish_within_hours``. ``file`` is the pipeline's.

    The callback runs on the executor, and reads the pipeline again. Raises ConfigurationError where Airflow's first
    executor runs no callbacks: the scheduler would stop at the deadline.
    """
    hours = settings.pipeline.policy.finish_within_hours
    if hours is None:
        return None
    _require_callbacks(file)
    from airflow.sdk.definitions.callback import SyncCallback  # noqa: PLC0415  # only where a pipeline has an hour
    from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference  # noqa: PLC0415

    told = {"file": str(file), "configs": str(settings.configs), "notifiers": [each.serialize() for each in notifiers]}
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=SyncCallback(tell_late_night, told),
        name=f"{settings.pipeline.datasource} within {hours:g} hours",
    )


def _require_callbacks(file: Path) -> None:
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    named = conf.get("core", "executor")
    executor = named.partition(",")[0].rpartition(":")[2].rpartition(".")[2]
    if executor not in WITH_CALLBACKS:
        raise ConfigurationError(
            "watch a night's deadline",
            resource=f"{file}: policy.finish_within_hours",
            came_back=f"Airflow's executor is {named}, which runs no callbacks of deadlines",
            remedy=f"set it to null, or run {' or '.join(WITH_CALLBACKS)} first in [core] executor",
        )


def tell_failure(context: Context, *, settings: NightSettings) -> None:
    """Put the text of the failed night into ``context``, the log, and the verdict's XCom; never raises of our tree."""
    run = context["dag_run"]
    run_id = RunId.of(settings.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
    text = _text(settings, run_id, lambda: _failed_facts(context), planned(context).get("profile"))
    context[NIGHT_STATE] = text  # type: ignore[literal-required]  # a template of a notifier reads it
    log.error("%s", text)
    context["ti"].xcom_push(NIGHT_STATE, text)


def tell_late_night(
    context: dict[str, Any], *, file: str, configs: str, notifiers: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Tell each notifier of the night in ``context`` that has passed its deadline.

    Raises AirflowException, after all of them were told, that names those that did not take it.
    """
    try:
        text = _late_text(context["dag_run"], Path(file), Path(configs))
    except DruidReindexError as error:
        text = f"{LATE}: {context['dag_run'].get('dag_run_id')}. Its state could not be told: {error}"
    log.error("%s", text)
    failed = []
    for notifier in notifiers:
        try:
            notify({**context, NIGHT_STATE: text}, notifier=notifier)
        except Exception as error:  # anyone's code, and it must not keep the text from the others
            log.exception("notifier %s", notifier["path"])
            failed.append(f"{notifier['path']}: {type(error).__name__}")
    if failed:
        raise AirflowException(f"these notifiers did not take the text: {', '.join(failed)}")


def notify(context: Any, *, notifier: Mapping[str, Any]) -> None:
    """Hand ``context`` to the notifier, imported only now. Raises whatever it raises."""
    module, _, name = notifier["path"].rpartition(".")
    made = getattr(import_module(module), name)
    if isinstance(made, type):
        made(**notifier["kwargs"])(context)
    else:
        made(**notifier["kwargs"], context=context)


def _failed_facts(context: Context) -> AirflowFacts:
    from druid_reindex.clients.night_facts import AirflowFacts  # noqa: PLC0415  # DAG files are parsed without clients

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
    from druid_reindex.clients.night_facts import AirflowFacts  # noqa: PLC0415

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
    try:
        return render(_state(settings, run_id, facts(), profile))
    except DruidReindexError as error:
        return f"run {run_id.dag_run_id} of {run_id.dag_id}: its state could not be told: {error}"


def _state(settings: NightSettings, run_id: RunId, facts: AirflowFacts, profile: str | None) -> NightState:
    from druid_reindex.clients.night_facts import Sources, Subject, night_state  # noqa: PLC0415

    asked = settings.on_profile(profile) if profile else settings
    subject = Subject(run_id, settings.pipeline, settings.boundary, asked.profile, load_prices(settings.configs))
    region = settings.boundaries.region
    sources = Sources(
        cache(partial(connections.druid_client, settings.druid_conn_id)),
        cache(partial(connections.emr_client, settings.aws_conn_id, region)),
        cache(partial(connections.s3_client, settings.aws_conn_id, region)),
    )
    return night_state(subject, facts, sources)
