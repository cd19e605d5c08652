"""Which run a command is about, and which clients the environment gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from airflow_twin import DAG, DESK, ROOT, RUN, FakeAirflow
from druid_reindex.cli.nights import Desk, airflow_api
from druid_reindex.clients.airflow import AirflowApi, DagRun
from druid_reindex.clients.s3 import S3Client
from druid_reindex.errors import ConfigurationError, ConflictError, DruidReindexError, NotFoundError

OTHER = "nightly_reindex__patient_labs"
FIRST, LAST = DagRun(DAG, RUN, "failed"), DagRun(DAG, "manual__2", "running")


@pytest.fixture
def two(tmp_path: Path) -> Desk:
    """A folder of two pipelines, and of a file that cannot be read."""
    text = (ROOT / "dags" / "pipelines" / "patient_vitals.yaml").read_text()
    (tmp_path / "vitals.yaml").write_text(text)
    (tmp_path / "labs.yaml").write_text(text.replace("patient_vitals", "patient_labs"))
    (tmp_path / "wrong.yaml").write_text("datasource: [")
    return Desk(tmp_path, ROOT / "emr_configs")


def find(desk: Desk, runs: list[DagRun], run: str, dag_id: str | None = None) -> DagRun:
    return desk.find_run(cast("AirflowApi", FakeAirflow(runs=runs)), run, dag_id)


@pytest.mark.parametrize("name", ["patient_vitals", DAG, "vitals", "vitals.yaml"])
def test_a_pipeline_stands_for_its_latest_run(two: Desk, name: str) -> None:
    assert find(two, [FIRST, LAST], name) == LAST
    assert two.pipeline(name).dag_id == DAG


def test_a_file_stands_for_its_latest_run(two: Desk) -> None:
    assert find(two, [FIRST, LAST], str(two.pipelines / "vitals.yaml")) == LAST


def test_a_run_is_found_by_its_id_alone(two: Desk) -> None:
    assert find(two, [FIRST, LAST], RUN) == FIRST


@pytest.mark.parametrize(
    ("runs", "run", "dag_id", "error", "says"),
    [
        ([FIRST, DagRun(OTHER, RUN, "failed")], RUN, None, ConflictError, OTHER),
        ([FIRST], "manual__9", None, NotFoundError, "manual__9"),
        ([], "patient_vitals", None, NotFoundError, "never run"),
        ([FIRST], RUN, "no_such_dag", NotFoundError, "patient_labs, patient_vitals"),
    ],
)
def test_what_cannot_be_found_says_what_there_is(
    two: Desk, runs: list[DagRun], run: str, dag_id: str | None, error: type[DruidReindexError], says: str
) -> None:
    with pytest.raises(error, match=says):
        find(two, runs, run, dag_id)


def test_a_run_that_airflow_has_lost_is_missing(two: Desk) -> None:
    assert find(two, [FIRST], "manual__9", DAG) == DagRun(DAG, "manual__9", "missing")
    assert find(two, [FIRST, DagRun(OTHER, RUN, "failed")], RUN, OTHER).dag_id == OTHER


def test_the_profile_is_the_one_that_the_run_asked_for() -> None:
    assert DESK.subject(FIRST).profile.name == "secure"
    with pytest.raises(ConfigurationError, match="no_such"):
        DESK.subject(FIRST, "no_such")


def test_airflow_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "AIRFLOW_TOKEN", "AIRFLOW_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="AIRFLOW_URL not set"):
        airflow_api()
    monkeypatch.setenv("AIRFLOW_URL", "http://127.0.0.1:6")
    with pytest.raises(ConfigurationError, match="neither a token"):
        airflow_api()
    monkeypatch.setenv("AIRFLOW_TOKEN", "t")
    with airflow_api() as api:
        assert isinstance(api, AirflowApi)


def test_clients_are_made_when_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRUID_URL", "DRUID_COORDINATOR_URL", "DRUID_OVERLORD_URL"):
        monkeypatch.delenv(name, raising=False)
    with DESK.sources() as sources:
        with pytest.raises(ConfigurationError, match="DRUID_URL"):
            sources.druid()
        assert isinstance(sources.store(), S3Client)
        assert cast("Any", sources.emr()) is sources.emr()
        for name in ("DRUID_URL", "DRUID_COORDINATOR_URL", "DRUID_OVERLORD_URL"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with pytest.raises(ConfigurationError, match="plain http"):
            sources.druid()
        for name in ("DRUID_URL", "DRUID_COORDINATOR_URL", "DRUID_OVERLORD_URL"):
            monkeypatch.setenv(name, "https://127.0.0.1:1")
        assert sources.druid() is sources.druid()
