"""One night from the shell's side: wait for the DAG, start the run, tell what happens; the engines are elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.errors import DeadlineError, NoAnswerError, NotFoundError
from druid_reindex.model.pipeline import Submission
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.nightly import Night, Patients
from druid_reindex.sandbox.stack import UpResult
from druid_reindex.sandbox.state import Endpoints

DAG_ID = "nightly_reindex__patient_vitals"
PLAN = TaskInstance("plan", -1, "running", 0.0, 1)
ENDPOINTS = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, None)


class Airflow:
    """Shows the DAG from the `parsed`-th look on, and the run as `looks` tell, the last one for ever."""

    def __init__(self, looks: list[tuple[str, list[TaskInstance]]] | None = None, *, parsed: int = 1) -> None:
        self.looks = looks or [("success", [])]
        self.parsed, self.calls = parsed, []  # type: tuple[int, list[Any]]
        self.told = iter(["first line", "the reason"])

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def dag(self, dag_id: str) -> dict[str, str] | None:
        self.parsed -= 1
        return {"dag_id": dag_id} if self.parsed <= 0 else None

    def import_errors(self) -> list[str]:
        return ["patient_vitals.yaml:3: classification 'secret'"]

    def unpause(self, dag_id: str) -> None:
        self.calls.append(("unpause", dag_id))

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        self.calls.append(("trigger", dag_id, conf))
        return "manual__2026-10-06T02:30:00+00:00"

    def run_state(self, _dag_id: str, _run_id: str) -> str:
        return self.looks[0][0]

    def task_instances(self, _dag_id: str, _run_id: str) -> list[TaskInstance]:
        return self.looks.pop(0)[1] if len(self.looks) > 1 else self.looks[0][1]

    def log(self, _dag_id: str, _run_id: str, _task: TaskInstance) -> list[str]:
        return list(self.told)

    def xcom(self, *_: object, **__: object) -> Any:
        return None


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(nightly, "PARSED_SECONDS", 0.05)


def follow(airflow: Any, **options: Any) -> tuple[str, list[str]]:
    lines: list[str] = []
    return Night(airflow, DAG_ID, lines.append).follow("r", **options), lines


def test_the_run_starts_once_the_dag_is_parsed_over_the_window_of_the_patients() -> None:
    airflow: Any = Airflow(parsed=3)
    lines: list[str] = []
    assert Night(airflow, DAG_ID, lines.append).start({"force": True}).startswith("manual__")
    window = "2026-09-01T00:00:00.000Z/2026-10-06T00:00:00.000Z"
    conf = {"interval": window, "reason": "a night on the sandbox", "force": True}
    assert airflow.calls == [("unpause", DAG_ID), ("trigger", DAG_ID, conf)]
    assert "started" in lines[0]


def test_a_dag_that_does_not_parse_is_told_with_its_import_error() -> None:
    airflow: Any = Airflow(parsed=10**6)
    with pytest.raises(NotFoundError, match="classification 'secret'"):
        Night(airflow, DAG_ID, print).start()
    assert airflow.calls == []


def test_each_change_is_told_once_and_waiting_is_not() -> None:
    queued, done = replace(PLAN, state="queued"), replace(PLAN, state="success", seconds=3.2)
    looks = [("queued", [queued]), ("running", [PLAN]), ("running", [PLAN]), ("success", [done])]
    assert follow(Airflow(looks)) == ("success", ["plan: running", "plan: success, 3 s"])


def test_the_last_change_is_told_even_when_the_run_ends_with_it() -> None:
    failed = replace(PLAN, state="failed", seconds=1.0)
    state, lines = follow(Airflow([("running", [PLAN]), ("failed", [failed])]))
    assert state == "failed"
    assert lines == ["plan: running", "plan: failed, 1 s", "    first line", "    the reason"]


def test_a_log_that_cannot_be_read_does_not_end_the_following(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> list[str]:
        raise NoAnswerError("read a log", resource="plan", came_back="ReadTimeout", remedy="look in the UI")

    airflow = Airflow([("failed", [replace(PLAN, state="failed")])])
    monkeypatch.setattr(airflow, "log", silent)
    state, lines = follow(airflow)
    assert state == "failed"
    assert "ReadTimeout" in lines[-1]


def test_a_night_without_end_is_given_up() -> None:
    with pytest.raises(DeadlineError, match="running after"):
        follow(Airflow([("running", [PLAN])]), limit_seconds=0.02)


@pytest.mark.parametrize(
    ("submit", "order"),
    [("overlord", ["up", "ingest", "api"]), ("emr_step", ["up", "ingest", "publish Druid", "api"])],
)
def test_a_night_is_up_then_patients_then_the_run_then_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, submit: str, order: list[str]
) -> None:
    home, done = SandboxHome(tmp_path, tmp_path), []  # type: tuple[SandboxHome, list[str]]
    pipeline = nightly.shipped_pipeline("patient_vitals").model_copy(update={"submit": Submission(submit)})
    monkeypatch.setattr(nightly, "shipped_pipeline", lambda _: pipeline)
    monkeypatch.setattr(nightly.stack, "up", lambda *_: done.append("up") or UpResult(ENDPOINTS, True, 0.0))
    monkeypatch.setattr(nightly, "ingest", lambda *_: done.append("ingest"))
    monkeypatch.setattr(nightly.druid_package, "publish_druid", lambda *_: done.append("publish Druid"))
    monkeypatch.setattr(nightly.airflow, "api", lambda *_: done.append("api") or Airflow())
    summary, path = nightly.run_night(home, Patients(seed=7, population=8), print)
    assert done == order
    assert summary.run_id == "manual__2026-10-06T02:30:00+00:00"
    assert path.parent == tmp_path / "summaries"
    assert path.is_file()
    assert set(":+") & set(path.name) == set()
