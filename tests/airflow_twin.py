"""An in-memory twin of Airflow's REST API as ``clients.airflow.AirflowApi`` speaks it, and the folder of the DAGs."""

# ruff: noqa: ARG002  # a twin takes what the client takes
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.cli.nights import Desk
from druid_reindex.clients.airflow import ANY_DAG, DagRun, TaskInstance
from druid_reindex.clients.night_facts import Sources
from druid_reindex.errors import DruidReindexError
from twins import EPOCH, FakeDruid, FakeEmr, FakeRedshift, FakeStore, FakeVersions

ROOT = Path(__file__).parents[1]
DAG = "nightly_reindex__patient_vitals"
RUN = "manual__1"
TEARDOWN = "cluster_down"
PLACES = ("--pipelines", str(ROOT / "dags" / "pipelines"), "--configs", str(ROOT / "emr_configs"))
DESK = Desk(ROOT / "dags" / "pipelines", ROOT / "emr_configs")


def task(task_id: str, state: str = "success", map_index: int = -1) -> TaskInstance:
    """A task instance that began and ended at the epoch."""
    return TaskInstance(task_id, map_index, state, 1.0, 1, EPOCH, EPOCH)


@dataclass
class FakeAirflow:
    """Runs with their task instances, XComs and failures; ``did`` is what was changed. ``down`` answers nothing."""

    runs: list[DagRun] = field(default_factory=list)
    tasks: list[TaskInstance] = field(default_factory=list)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    did: list[tuple[Any, ...]] = field(default_factory=list)
    down: DruidReindexError | None = None
    silent: Mapping[str, DruidReindexError] = field(default_factory=dict)
    started: Callable[[str], None] = lambda _run_id: None
    ending: str = "running"

    def __enter__(self) -> FakeAirflow:
        if self.down is not None:
            raise self.down
        return self

    def __exit__(self, *_: object) -> None:
        self.silent = {}

    def _ask(self, what: str) -> None:
        if what in self.silent:
            raise self.silent[what]

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        self._ask("dag")
        return {"dag_id": dag_id, "is_paused": dag_id in self.paused}

    def run(self, dag_id: str, run_id: str) -> DagRun | None:
        return next((each for each in self.runs if (each.dag_id, each.run_id) == (dag_id, run_id)), None)

    def latest_run(self, dag_id: str) -> DagRun | None:
        return next((each for each in reversed(self.runs) if each.dag_id == dag_id), None)

    def live_runs(self, dag_id: str = ANY_DAG) -> list[DagRun]:
        self._ask("live_runs")
        return [each for each in self.runs if each.is_live and dag_id in {ANY_DAG, each.dag_id}]

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        self._ask("task_instances")
        return self.tasks

    def failure(self, dag_id: str, run_id: str, each: TaskInstance) -> str:
        self._ask("failure")
        return self.failures.get(each.name, "")

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        return self.xcoms.get((task_id, key))

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """A new run, of which ``started`` hears; it ends as ``ending`` at the first look at its state."""
        run_id = f"manual__{len(self.runs) + 1}"
        self.runs.append(DagRun(dag_id, run_id, "running"))
        self.did.append(("trigger", dag_id, dict(conf)))
        self.started(run_id)
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        self._ask("run_state")
        found = self.run(dag_id, run_id)
        assert found is not None
        self.runs = [replace(each, state=self.ending) if each == found else each for each in self.runs]
        return self.ending

    def pause(self, dag_id: str) -> None:
        self.paused.add(dag_id)

    def unpause(self, dag_id: str) -> None:
        self.paused.discard(dag_id)

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """As Airflow does: what has not ended is skipped, but for the teardown, for which the run goes on."""
        self.did.append((run_id, state))
        self._put(lambda each: each.state == "none" and each.task_id != TEARDOWN, "skipped")
        if not any(each.task_id == TEARDOWN and each.state == "none" for each in self.tasks):
            self.runs = [replace(each, state=state) if each.run_id == run_id else each for each in self.runs]

    def set_task_state(self, dag_id: str, run_id: str, each: TaskInstance, state: str) -> None:
        self.did.append((each.name, state))
        self._put(lambda other: other.name == each.name, state)

    def _put(self, chosen: Callable[[TaskInstance], bool], state: str) -> None:
        self.tasks = [replace(each, state=state) if chosen(each) else each for each in self.tasks]

    def clear(self, dag_id: str, run_id: str, tasks: Sequence[str | tuple[str, int]]) -> list[str]:
        self.did.append(("clear", *tasks))
        return [each if isinstance(each, str) else f"{each[0]}[{each[1]}]" for each in tasks]


@dataclass
class Outside:
    """All that the night commands talk to; ``away`` are errors of what cannot be reached."""

    airflow: FakeAirflow = field(default_factory=FakeAirflow)
    druid: FakeDruid = field(default_factory=FakeDruid)
    emr: FakeEmr = field(default_factory=FakeEmr)
    store: FakeStore = field(default_factory=FakeStore)
    redshift: FakeRedshift = field(default_factory=FakeRedshift)
    versions: FakeVersions = field(default_factory=FakeVersions)
    away: dict[str, DruidReindexError] = field(default_factory=dict)

    @property
    def sources(self) -> Sources:
        return Sources(
            lambda: self._there("druid"), lambda: self._there("emr"), lambda: self._there("store"),
            lambda _warehouse: self._there("redshift"), lambda: self._there("versions"),
        )  # fmt: skip

    def connect(self, patch: pytest.MonkeyPatch, *modules: Any) -> Outside:
        """Put the twins where the commands of ``modules`` look for Airflow, Druid and AWS."""

        @contextmanager
        def sources(_desk: Desk) -> Iterator[Sources]:
            yield self.sources

        made: Callable[[], FakeAirflow] = lambda: self.airflow  # noqa: E731
        patch.setattr(Desk, "sources", sources)
        for module in modules:
            patch.setattr(module, "airflow_api", made)
        return self

    def _there(self, name: str) -> Any:
        if name in self.away:
            raise self.away[name]
        return getattr(self, name)
