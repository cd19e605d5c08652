"""Tells people of a night that failed, or that is not over by its hour: one text, through any Airflow notifier.

A notifier is named as Airflow's deadline alerts name one, ``SyncCallback(SlackWebhookNotifier, {"text": "{{ night_state
}}"})``: the class (or its path) and its arguments, in whose templates ``night_state`` is the text.
Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/howto/deadline-alerts.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from druid_reindex.errors import ConfigurationError
from druid_reindex.operators.settings import NightSettings

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.callback import SyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert

NIGHT_STATE = "night_state"
WITH_CALLBACKS = ("LocalExecutor", "CeleryExecutor")
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
    from druid_reindex.operators.night_text import failed_text  # noqa: PLC0415  # parsing a DAG needs no text

    text = failed_text(context, settings)
    context[NIGHT_STATE] = text  # type: ignore[literal-required]  # a template of a notifier reads it
    log.error("%s", text)
    context["ti"].xcom_push(NIGHT_STATE, text)


def tell_late_night(
    context: dict[str, Any], *, file: str, configs: str, notifiers: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Tell each notifier of the night in ``context`` that has passed its deadline.

    Raises AirflowException, after all of them were told, that names those that did not take it.
    """
    from druid_reindex.operators.night_text import late_text  # noqa: PLC0415

    text = late_text(context["dag_run"], Path(file), Path(configs))
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
