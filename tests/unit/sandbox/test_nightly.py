"""One night of the sandbox: up, patients, the run, the summary; the engines are elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from druid_reindex.model.pipeline import Submission
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.nightly import Patients
from druid_reindex.sandbox.stack import UpResult
from druid_reindex.sandbox.state import Endpoints
from followed_airflow import Airflow

ENDPOINTS = Endpoints("https://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:3", 4, None)


def test_a_run_is_over_the_window_of_the_patients() -> None:
    airflow: Any = Airflow()
    nightly.patients_nights(airflow, "nightly_reindex__patient_vitals", print).start({"force": True})
    window = "2026-09-01T00:00:00.000Z/2026-10-06T00:00:00.000Z"
    (_, (_, _, conf)) = airflow.calls
    assert conf == {"interval": window, "reason": "a night on the sandbox", "force": True}


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
