"""One night of the sandbox: up, patients, the run, the summary; the engines are elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.clients.night_summary import Summary
from druid_reindex.model.pipeline import Submission
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.nightly import Patients
from druid_reindex.sandbox.stack import UpResult
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.tokens import TOKEN_KEY_ID, TOKEN_KEY_VERSION
from followed_airflow import Airflow

ENDPOINTS = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, None)


def test_a_run_is_over_the_window_of_the_patients() -> None:
    airflow: Any = Airflow()
    nightly.patients_nights(airflow, "nightly_reindex__patient_vitals", print).start({"force": True})
    window = "2026-09-01T00:00:00.000Z/2026-10-06T00:00:00.000Z"
    (_, (_, _, conf)) = airflow.calls
    assert conf == {"interval": window, "reason": "a night on the sandbox", "force": True}


def test_the_snapshots_run_is_over_the_windows_last_week() -> None:
    airflow: Any = Airflow()
    nightly.one_night(
        airflow, nightly.shipped_pipeline("patient_snapshot"), print, interval=str(nightly.snapshot_week())
    )
    (_, (_, dag_id, conf)) = airflow.calls
    assert dag_id == "nightly_reindex__patient_snapshot"
    assert conf["interval"] == "2026-09-29T00:00:00.000Z/2026-10-06T00:00:00.000Z"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in its order, by a sandbox of which nothing is real."""
    done: list[str] = []
    monkeypatch.setattr(nightly.stack, "up", lambda *_: done.append("up") or UpResult(ENDPOINTS, True, 0.0))
    monkeypatch.setattr(nightly, "ingest", lambda *_: done.append("ingest"))
    monkeypatch.setattr(nightly.druid_package, "publish_druid", lambda *_: done.append("publish Druid"))
    monkeypatch.setattr(nightly.airflow, "api", lambda *_: done.append("api") or Airflow())
    monkeypatch.setattr(nightly.confirmation, "confirm", lambda *_: done.append("confirm") or "success")
    monkeypatch.setattr(
        nightly.confirmation, "told", lambda night, pages: done.append(f"page in {pages.name}") or night
    )
    return done


def nights(monkeypatch: pytest.MonkeyPatch, **status: str) -> None:
    """Let the nights of the datasources end so."""

    def ended(_api: Any, dag_id: str, run_id: str) -> Summary:
        return Summary(status[dag_id.rpartition("__")[2]], run_id, unloaded_rows=5, exported_rows=9, loaded_rows=9)

    monkeypatch.setattr(nightly, "summarise", ended)


def test_a_night_is_up_then_patients_then_the_run_then_the_snapshots_then_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    nights(monkeypatch, patient_vitals="nothing to do", patient_snapshot="rebuilt")
    summary, path = nightly.run_night(SandboxHome(tmp_path, tmp_path), Patients(seed=7, population=8), print)
    assert done == ["up", "ingest", "publish Druid", "api", "confirm", "page in reports", "page in reports"]
    assert summary.run_id == "manual__2026-10-06T02:30:00+00:00"
    assert summary.snapshot is not None
    assert (summary.snapshot.rows, summary.snapshot.unloaded_rows, summary.snapshot.loaded_rows) == (9, 5, 9)
    assert path.parent == tmp_path / "summaries"
    assert json.loads(path.read_text())["snapshot"]["night"]["status"] == "rebuilt"
    assert set(":+") & set(path.name) == set()


def test_a_red_night_is_laid_beside_cloudtrail_and_followed_by_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    nights(monkeypatch, patient_vitals="failed")
    summary, _ = nightly.run_night(SandboxHome(tmp_path, tmp_path), Patients(seed=7, population=8), print)
    assert (summary.is_green, summary.snapshot) == (False, None)
    assert done[-2:] == ["confirm", "page in reports"]


def test_dags_without_a_snapshot_and_without_evidence_have_one_night_and_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    (tmp_path / "pipelines").mkdir()
    shutil.copy(nightly.pipeline_file("patient_vitals"), tmp_path / "pipelines")
    monkeypatch.setenv(nightly.airflow.DAGS_VARIABLE, str(tmp_path))
    nights(monkeypatch, patient_vitals="rebuilt")
    summary, _ = nightly.run_night(SandboxHome(tmp_path, tmp_path), Patients(seed=7, population=8), print)
    assert (summary.is_green, summary.snapshot) == (True, None)
    assert done == ["up", "ingest", "api"]


@pytest.mark.parametrize(
    ("datasource", "submit", "needs"),
    [
        ("patient_vitals", "overlord", False),
        ("patient_vitals", "emr_step", True),
        ("patient_snapshot", "overlord", True),
    ],
)
def test_clusters_that_index_or_export_need_druid(datasource: str, submit: str, needs: bool) -> None:
    pipeline = nightly.shipped_pipeline(datasource).model_copy(update={"submit": Submission(submit)})
    assert nightly.needs_druid(pipeline) == needs


def test_the_token_key_is_the_one_that_the_account_has() -> None:
    key = nightly.shipped_pipeline("patient_snapshot").token_key
    assert key is not None
    assert (key.secret_id, key.version_id) == (TOKEN_KEY_ID, TOKEN_KEY_VERSION)
