"""A failed or late night is told in one text, to each notifier, whatever becomes of the others."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from airflow import sdk
from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.exceptions import AirflowException

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.night_state import WHY_KEY
from druid_reindex.model.pipeline import Policy
from druid_reindex.operators import callbacks
from druid_reindex.operators.callbacks import (
    NIGHT_STATE,
    deadline_alert,
    failure_callbacks,
    notify,
    tell_late_night,
)
from druid_reindex.operators.night import NIGHT_KEY, PLAN_TASK
from failed_context import DAG, crumb, failed
from night_world import ROOT, SETTINGS, World, connect

FILE = ROOT / "dags" / "pipelines" / "patient_vitals.yaml"
RUN = {"dag_id": DAG, "dag_run_id": "manual__1", "state": "running", "queued_at": "2026-10-06T02:30:00Z"}
CONFIGS = str(ROOT / "emr_configs")


class Board(BaseNotifier):
    """A notifier with a template, as Airflow's own have."""

    template_fields = ("text",)
    told: ClassVar[list[str]] = []

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        assert NIGHT_STATE in context
        Board.told.append(self.text)


def write_down(context: Any, *, head: str) -> None:
    """A notifier that is a function."""
    Board.told.append(f"{head} {context[NIGHT_STATE]}")


def refuse(context: Any) -> None:
    """A notifier that does not work."""
    raise ValueError("no such channel")


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A night with twins behind the connections, and an empty board."""
    Board.told.clear()
    return connect(World(), monkeypatch)


def board(text: str) -> SyncCallback:
    return SyncCallback(f"{__name__}.Board", {"text": text})


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module by the name that it has here."""
    here = SimpleNamespace(Board=Board, write_down=write_down, refuse=refuse)
    found = callbacks.import_module
    monkeypatch.setattr(callbacks, "import_module", lambda name: here if name == __name__ else found(name))


def test_a_failed_night_is_told_to_log_xcom_and_notifiers(caplog: pytest.LogCaptureFixture) -> None:
    xcoms = {("reindex", WHY_KEY, 1): "reindex on task t: out of memory",
             (PLAN_TASK, NIGHT_KEY, None): {"batches": [2, 5], "profile": "secure"}}  # fmt: skip
    context = failed(crumb("plan", "success"), crumb("reindex", map_index=1), crumb("verdict"), xcoms=xcoms)
    with caplog.at_level(logging.ERROR):
        for each in failure_callbacks(SETTINGS, [board("night:\n{{ night_state }}")]):
            each(context)
    text = context["ti"].pushed[NIGHT_STATE]
    assert text.splitlines()[:3] == [
        "WHAT stopped  run manual__1 is failed",
        "              reindex[5]",
        "WHY           reindex[1]: reindex on task t: out of memory",
    ]
    assert f"SAFE NEXT     druid-reindex resume manual__1 --dag-id {DAG}" in text
    assert Board.told == [f"night:\n{text}"]
    assert text in caplog.text


def test_a_late_night_is_told_to_all() -> None:
    notifiers = [SyncCallback(f"{__name__}.refuse"), board("{{ night_state }}"),
                 SyncCallback(f"{__name__}.write_down", {"head": "late:"})]  # fmt: skip
    with pytest.raises(AirflowException, match=r"refuse: ValueError$"):
        tell_late_night({"dag_run": RUN}, file=str(FILE), configs=CONFIGS, notifiers=[n.serialize() for n in notifiers])
    first, second = Board.told
    assert second == f"late: {first}"
    assert first.startswith("WHAT stopped  run manual__1 is running\n              could not read: a deadline's")
    assert "WHY           the night is not over at its deadline" in first
    assert f"SAFE NEXT     wait; to stop it: druid-reindex abort manual__1 --dag-id {DAG}" in first


def test_airflow_runs_the_deadlines_callback() -> None:
    from airflow.sdk.execution_time.callback_supervisor import execute_callback
    from structlog import get_logger

    alert = deadline_alert(within(1.5), FILE, [board("{{ night_state }}")])
    assert alert is not None
    told = alert.callback.serialize()
    arguments = {**told["kwargs"], "context": {"dag_run": RUN}}
    assert execute_callback(told["path"], arguments, Path(), None, get_logger()) == (True, None)
    assert "DEADLINE      none" in Board.told[0]


def within(hours: float | None) -> Any:
    policy = Policy(finish_within_hours=hours)
    return replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"policy": policy}))


def test_the_deadline_is_the_policys() -> None:
    alert = deadline_alert(within(1.5), FILE)
    assert alert is not None
    assert (alert.interval, alert.name) == (timedelta(hours=1.5), "patient_vitals within 1.5 hours")
    assert alert.callback.kwargs == {"file": str(FILE), "configs": CONFIGS, "notifiers": []}
    assert deadline_alert(within(None), FILE) is None


@pytest.mark.parametrize(
    ("executor", "is_good"),
    [
        ("LocalExecutor", True),
        ("CeleryExecutor,KubernetesExecutor", True),
        ("mine:airflow.executors.local_executor.LocalExecutor", True),
        ("KubernetesExecutor", False),
        ("KubernetesExecutor,LocalExecutor", False),
    ],
)
def test_an_executor_that_would_stop_the_scheduler_is_refused(
    executor: str, is_good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    assert deadline_alert(within(None), FILE) is None
    if is_good:
        assert deadline_alert(within(1), FILE) is not None
    else:
        with pytest.raises(ConfigurationError, match=r"finish_within_hours.*runs no callbacks"):
            deadline_alert(within(1), FILE)


def test_a_dag_with_a_deadline_is_stored_and_read_back() -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    with sdk.DAG("d", schedule=None, deadline=deadline_alert(within(2), FILE, [board("x")])) as dag:
        stored = DagSerialization.to_dict(dag)
    assert "patient_vitals within 2 hours" in str(stored)


def test_a_notifier_is_imported_only_when_it_is_told() -> None:
    (_, later) = failure_callbacks(SETTINGS, [SyncCallback("no.such.module.Notifier")])
    with pytest.raises(ModuleNotFoundError):
        later({NIGHT_STATE: "x"})
    notify({NIGHT_STATE: "x"}, notifier=SyncCallback(f"{__name__}.write_down", {"head": "h"}).serialize())
    assert Board.told == ["h x"]
