"""One night in memory: the operators on the twins, in a context that answers as Airflow's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from druid_reindex.model.cluster import ClusterState
from druid_reindex.model.interval import Interval, format_instant, parse_instant
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.night import NightOperator, NightSettings
from druid_reindex.plan.timeline import visible
from timelines import boundaries, one_job, pipeline, profile, segment
from twins import FakeDruid, FakeEmr, FakeStore, Outcome

DAG_ID = "nightly_reindex__patient_vitals"
END = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)
DAY_1, DAY_2 = "09-01/09-02", "09-02/09-03"


def settings(**changes: Any) -> NightSettings:
    """The shipped pipeline, with some fields changed, in its boundary and on its profile."""
    return NightSettings(pipeline(**changes), boundaries(), profile())


def fragmented(*days: str) -> list[Segment]:
    """Five appended segments of 10 rows in each of ``days``."""
    return [segment(day, number=number) for day in days for number in range(5)]


def rebuilt(*days: str, rows: int = 50) -> list[Segment]:
    """What one job makes of each of ``days``."""
    return [each for day in days for each in one_job(day, 1, rows=rows, size=5_000)]


def place(of: Segment) -> S3Uri:
    """Where the segment's object lies."""
    return S3Uri(of.payload["loadSpec"]["bucket"], of.payload["loadSpec"]["key"])


def count_rows(druid: FakeDruid) -> Callable[[str, Sequence[Mapping[str, Any]]], list[dict[str, Any]]]:
    """Druid's answer to the query that counts rows: those of the visible segments, by day."""

    def answer(_sql: str, parameters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        whole = Interval(*(parse_instant(each["value"]) for each in parameters))
        served = [s for entry in visible(druid.segments) for s in entry.segments if whole.overlaps(s.interval)]
        return [{"chunk": format_instant(s.interval.start), "n": s.num_rows} for s in served]

    return answer


@dataclass
class FakeTaskInstance:
    """XComs of the run, and its tasks' states; one ``values`` is shared by all tasks of a night."""

    task_id: str
    values: dict[tuple[str, str], Any]
    states: dict[str, str]

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.values.get((task_ids, key))

    def xcom_push(self, key: str, value: Any) -> None:
        self.values[self.task_id, key] = value

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        assert dag_id == DAG_ID
        return {run_ids[0]: self.states}


@dataclass
class Night:
    """The twins, the run and its XComs; ``run`` executes one operator as Airflow would, without retries."""

    settings: NightSettings = field(default_factory=settings)
    druid: FakeDruid = field(default_factory=FakeDruid)
    emr: FakeEmr = field(default_factory=FakeEmr)
    store: FakeStore = field(default_factory=FakeStore)
    conf: dict[str, Any] = field(default_factory=dict)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.druid.answers = count_rows(self.druid)

    def operator(self, kind: type[NightOperator], task_id: str, **fields: Any) -> Any:
        """The operator, looking at what it waits for without a pause."""
        return kind(task_id=task_id, settings=self.settings, poll_seconds=0.0, **fields)

    def context(self, task_id: str) -> Any:
        """What Airflow hands to the task."""
        run = SimpleNamespace(
            dag_id=DAG_ID, run_id="manual__1", conf=self.conf, data_interval_end=END, logical_date=None, run_after=END
        )
        return {"dag_run": run, "ti": FakeTaskInstance(task_id, self.values, self.states)}

    def carry_out(self, kind: type[NightOperator], task_id: str, **fields: Any) -> Any:
        """What the operator returns, stored as its XCom; our own errors as they are."""
        found = self.operator(kind, task_id, **fields).carry_out(self.context(task_id))
        self.values[task_id, "return_value"] = found
        return found

    def publishes(self, segments: list[Segment], *, key: str | None = None, **facts: Any) -> None:
        """The next new task publishes ``segments``, whose objects carry ``key`` (the boundary's by default)."""
        self.druid.outcomes.append(Outcome(publishes=segments, **facts))
        for each in segments:
            self.store.put(place(each), b"", kms_key_arn=self.settings.boundary.kms_key_arn if key is None else key)

    def living(self) -> list[str]:
        """The ids of the clusters that have not ended."""
        over = {ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}
        return [each.cluster_id for each in self.emr.clusters.values() if each.state not in over]
