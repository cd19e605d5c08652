"""What a DagRun asks for: the window, whether it is forced, and how it is carried out. Pure: a run in, a value out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import ALL_TIME, Granularity, Interval, umbrella
from druid_reindex.model.pipeline import Engine, Pipeline
from druid_reindex.model.uri import S3Uri

BACKFILL = "backfill"
# The box in Airflow 3.3's form of a backfill without which it sends no parameters, for new runs neither.
BACKFILL_TICK = "Override parameters on existing runs"
ASKED_BY_A_PERSON = frozenset({"manual", BACKFILL})
REASON_CHARACTERS_MIN = 5
KNOWN = {
    "interval": "start/end in ISO 8601",
    "reason": f"a sentence of at least {REASON_CHARACTERS_MIN} characters",
    "force": "true or false",
    "dry_run": "true or false",
    "engine": "an engine that the pipeline can run on",
    "profile": "a file of emr_configs/profiles/, without .yaml",
    "batches": "a list of batch numbers such as [0, 1]",
    "purge": '{"key_file": "s3://bucket/key", "column": "a dimension"}, without interval and batches',
}


class Run(Protocol):
    """What is read of Airflow's DagRun; ``logical_date`` and ``data_interval_end`` may be None."""

    conf: Any
    run_type: Any
    logical_date: datetime | None
    data_interval_end: datetime | None
    run_after: datetime


@dataclass(frozen=True, slots=True)
class Purge:
    """The rows of which keys a run leaves out: those of the file at ``key_file``, which stand in ``column``."""

    key_file: S3Uri
    column: str


@dataclass(frozen=True, slots=True)
class NightRequest:
    """What one run is to do.

    ``window`` consists of whole time chunks when a person or a backfill named it, else it is the lookback before the
    run. ``force`` rebuilds every chunk of it. ``batches`` None means all that are planned. A ``purge`` is of all
    that is served: its window is all time, until the timeline is known.
    """

    window: Interval
    force: bool
    dry_run: bool
    engine: Engine
    profile: str
    batches: tuple[int, ...] | None
    reason: str | None
    purge: Purge | None = None


def night_request(run: Run, pipeline: Pipeline, profiles: Collection[str]) -> NightRequest:
    """What ``run`` asks for; what its conf leaves out, or has as null, is the pipeline's.

    Raises ConfigurationError for a conf that says something else, for a manual run or a backfill without a reason, and
    for ``force`` without an interval.
    """
    conf = _Conf(run.conf or {})
    kind = str(getattr(run.run_type, "value", run.run_type))
    backfill = kind == BACKFILL
    named = _backfilled(run, conf, pipeline) if backfill else conf.interval()
    force, purge = conf.flag("force"), conf.purge()
    if purge and (named or conf.batches() is not None):
        raise _refused("purge", None, because="a purge of a part, which would leave rows elsewhere")
    if force and named is None:
        raise _refused("force", value=True, because="true without an interval")
    return NightRequest(
        window=ALL_TIME if purge else _window(run, named, pipeline),
        force=force or backfill or purge is not None,
        dry_run=conf.flag("dry_run"),
        engine=Engine(conf.one_of("engine", engines(pipeline), pipeline.engine.value)),
        profile=conf.one_of("profile", profiles, pipeline.cluster.profile),
        batches=conf.batches(),
        reason=conf.reason(kind),
        purge=purge,
    )


def engines(pipeline: Pipeline) -> tuple[str, ...]:
    """The engines that can rebuild ``pipeline``."""
    return (pipeline.engine.value,)


def local_day(instant: datetime, timezone: str) -> Interval:
    """The calendar day of ``instant`` in ``timezone``, as UTC: 23 or 25 hours where the clocks change."""
    zone = ZoneInfo(timezone)
    day = instant.astimezone(zone).date()
    start, end = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (day, day + timedelta(days=1)))
    return Interval(start, end)


def whole_chunks(interval: Interval, granularity: Granularity) -> Interval:
    """``interval`` widened to the time chunks that it touches."""
    return umbrella(granularity.chunks(interval))


def _backfilled(run: Run, conf: _Conf, pipeline: Pipeline) -> Interval:
    """The local day of the run's logical date, which Airflow sets for each run of a backfill."""
    if conf.interval() is not None:
        raise _refused(
            "interval", conf.values["interval"], because="an interval in a backfill, whose runs are a day each"
        )
    return local_day(run.logical_date or run.run_after, pipeline.schedule.timezone)


def _window(run: Run, named: Interval | None, pipeline: Pipeline) -> Interval:
    return whole_chunks(named, pipeline.granularity.segment) if named else _lookback(run, pipeline)


def _lookback(run: Run, pipeline: Pipeline) -> Interval:
    end = (run.data_interval_end or run.logical_date or run.run_after).astimezone(UTC)
    return pipeline.window(end)


class _Conf:
    """``dag_run.conf`` with known names alone; each method reads one."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        for name in values.keys() - KNOWN.keys():
            raise _refused(name, values[name])
        self.values = values

    def interval(self) -> Interval | None:
        """The interval; None when none is named. An empty one is refused."""
        text = self.values.get("interval")
        if text is None:
            return None
        try:
            interval = Interval.parse(str(text))
        except ValueError as error:
            raise _refused("interval", text) from error
        if interval.start == interval.end:
            raise _refused("interval", text, because=f"{text!r}, which ends where it starts")
        return interval

    def flag(self, name: str) -> bool:
        """True or false; false when it is left out."""
        value = self.values.get(name)
        if not isinstance(value, bool | None):
            raise _refused(name, value)
        return bool(value)

    def one_of(self, name: str, known: Collection[str], default: str) -> str:
        """One of ``known``, or the default."""
        value = self.values.get(name)
        if value is None:
            return default
        if value not in known:
            raise _refused(name, value, because=f"{value!r}, where {', '.join(sorted(known))} would work")
        return str(value)

    def batches(self) -> tuple[int, ...] | None:
        """The batch numbers in order; None for all."""
        value = self.values.get("batches")
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(type(each) is int and each >= 0 for each in value):
            raise _refused("batches", value)
        return tuple(sorted(set(value)))

    def purge(self) -> Purge | None:
        """Which keys are left out; None for an ordinary run. What else stands there is not told: it may be keys."""
        value = self.values.get("purge")
        if value is None:
            return None
        if isinstance(value, dict) and value.keys() == {"key_file", "column"} and value["column"]:
            with suppress(ValueError):
                return Purge(S3Uri.parse(str(value["key_file"])), str(value["column"]))
        raise _refused("purge", None, because="something else")

    def reason(self, run_type: str) -> str | None:
        """Why a person started the run. Raises ConfigurationError when there is none although a person did."""
        value = self.values.get("reason")
        text = (value.strip() or None) if isinstance(value, str) else value
        if text is None and run_type not in ASKED_BY_A_PERSON:
            return None
        if text is None:
            tick = f"; tick “{BACKFILL_TICK}” in the form, or Airflow sends none" if run_type == BACKFILL else ""
            raise _refused("reason", None, because=f"nothing, and a {run_type} run says why it is started{tick}")
        if not isinstance(text, str) or len(text) < REASON_CHARACTERS_MIN:
            raise _refused("reason", value)
        return text


def _refused(name: str, value: Any, because: str = "") -> ConfigurationError:
    form = f"{name}: {KNOWN[name]}" if name in KNOWN else f"nothing but {', '.join(KNOWN)}"
    return ConfigurationError(
        "read the run's conf",
        resource=f"conf[{name!r}]",
        came_back=because or f"{value!r}",
        remedy=f"start a new run with {form}",
    )
