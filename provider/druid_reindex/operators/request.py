"""What a DagRun asks for: the window that is looked at, and the chunks that a person forces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import Interval

if TYPE_CHECKING:
    from airflow.sdk import Context

KNOWN = {"window": "start/end", "force": "a list of start/end"}


def window(context: Context, lookback: timedelta) -> Interval:
    """The window of ``dag_run.conf``, else the ``lookback`` before the data interval's end (or the run's start)."""
    conf = _conf(context)
    if "window" in conf:
        return _interval("window", conf["window"])
    run = context["dag_run"]
    end = (run.data_interval_end or run.logical_date or run.run_after).astimezone(UTC)
    return Interval(end - lookback, end)


def forced(context: Context) -> tuple[Interval, ...]:
    """The intervals that ``dag_run.conf`` forces to be rebuilt."""
    wanted = _conf(context).get("force", [])
    if not isinstance(wanted, list):
        raise _refused("force", wanted)
    return tuple(_interval("force", each) for each in wanted)


def _conf(context: Context) -> Mapping[str, Any]:
    conf: Mapping[str, Any] = context["dag_run"].conf or {}
    for name in conf.keys() - KNOWN.keys():
        raise _refused(name, conf[name])
    return conf


def _interval(name: str, text: Any) -> Interval:
    try:
        return Interval.parse(str(text))
    except ValueError as error:
        raise _refused(name, text) from error


def _refused(name: str, value: Any) -> ConfigurationError:
    known = "; ".join(f"{each}: {form}" for each, form in KNOWN.items())
    return ConfigurationError(
        "read the run's conf",
        resource=f"conf[{name!r}]",
        came_back=f"{value!r}",
        remedy=f"start a new run with {known}",
    )
