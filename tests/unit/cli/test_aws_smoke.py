"""`druid-reindex aws-smoke`: agreed to by its price, and taken away whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import Outside, task
from changed_configs import rewrite
from druid_reindex.cli import aws_smoke, runs
from druid_reindex.cli.main import app
from druid_reindex.clients import night_runs
from druid_reindex.clients import smoke as ground
from druid_reindex.clients.airflow import DagRun
from druid_reindex.errors import NoAnswerError, NotAuthorizedError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from twins import Outcome, segment

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "emr_configs"
BOUNDARIES = load_boundaries(CONFIGS)
NAME, DAG = "patient_smoke", "nightly_reindex__patient_smoke"
FIT: Mapping[str, object] = {"datasource": NAME, "schedule.cron": None}
GREEN = {
    ("plan", "night"): {"segments_before": 6},
    ("verdict", "return_value"): {"status": "rebuilt"},
    ("validate", "return_value"): {"chunks": 2, "segments_after": 2},
    ("cluster_down", "return_value"): {"cluster_id": "j-1", "state": "TERMINATED"},
}


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outside:
    """An account in which a night launches a cluster under a configuration that it makes, and then is green."""
    made = Outside().connect(monkeypatch, runs, aws_smoke)
    for module, seconds in ((night_runs, 0.001), (ground, 0.0)):
        monkeypatch.setattr(module, "POLL_SECONDS", seconds)
    monkeypatch.setattr(ground, "SERVED_SECONDS", 5.0)
    monkeypatch.setattr(aws_smoke.smoke, "window", lambda *_: Interval.parse("2026-10-04/2026-10-06"))
    monkeypatch.setattr(aws_smoke, "account_of", lambda _trial: "111122223333")
    monkeypatch.setattr(runs.time, "sleep", lambda _seconds: [made.emr.describe_cluster(c) for c in made.emr.clusters])
    made.druid.outcomes = [Outcome(publishes=[segment("2026-10-04/2026-10-05", datasource=NAME)])]
    made.airflow.xcoms, made.airflow.ending = dict(GREEN), "success"
    made.airflow.paused = {DAG}

    def started(run_id: str) -> None:
        run = run_of(run_id)
        configuration = wanted_configuration(made, tmp_path / "read")
        made.emr.create_security_configuration(configuration, "{}")
        tags = [{"Key": key, "Value": value} for key, value in names.run_tags(run).items()]
        made.emr.run_job_flow({"Name": "n", "SecurityConfiguration": configuration, "Tags": tags})
        made.store.put(names.plan_uri(BOUNDARIES.phi, run), b"plan", kms_key_arn="k")

    made.airflow.started = started
    return made


def run_of(run_id: str) -> RunId:
    return RunId.of(BOUNDARIES.deployment_id, dag_id=DAG, run_id=run_id)


def wanted_configuration(outside: Outside, folder: Path) -> str:
    trial = aws_smoke.Trial.read(pipeline_file(folder), CONFIGS)
    assert trial.security is not None
    pem = aws_smoke.zip_uri(outside.store, BOUNDARIES, trial.pipeline.classification, trial.profile.name)
    return aws_smoke.needed(trial.security, BOUNDARIES.phi, pem).name


def pipeline_file(folder: Path, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    copied = shutil.copy(ROOT / "dags/pipelines/patient_vitals.yaml", folder / "patient_smoke.yaml")
    return rewrite(Path(copied), {**FIT, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def smoke(
    folder: Path, *arguments: str, answer: str | None = None, configs: Path = CONFIGS, **changes: object
) -> Result:
    file = pipeline_file(folder / "pipelines", **changes)
    where = ("--configs", str(configs), "--summary", str(folder / "smoke.json"))
    return CliRunner().invoke(app, ["aws-smoke", str(file), *where, *arguments], input=answer)


def objects(outside: Outside) -> list[S3Uri]:
    """What is in S3 beside the journal of what ended the run, which stays."""
    journals = f"/{BOUNDARIES.deployment_id}/journal/cli.abort."
    return [uri for uri in outside.store.objects if journals not in uri.key]


def nothing_is_left(outside: Outside) -> bool:
    living = [each for each in outside.emr.clusters.values() if not each.state.is_ended]
    return not (living or outside.druid.segments or outside.emr.configurations or objects(outside))


def test_a_green_night_leaves_its_summary_and_nothing_else(outside: Outside, folder: Path) -> None:
    result = smoke(folder, "--yes")
    assert result.exit_code == 0, result.output
    assert "at most 0.90 US dollars" in result.stdout
    told = json.loads((folder / "smoke.json").read_text())
    assert (told["status"], told["chunks_rebuilt"], told["cluster"]["state"]) == ("rebuilt", 2, "TERMINATED")
    assert nothing_is_left(outside)
    assert outside.airflow.paused == {DAG}
    ((_, _, conf),) = [each for each in outside.airflow.did if each[0] == "trigger"]
    assert (conf["force"], conf["reason"]) == (True, aws_smoke.REASON)


@pytest.mark.parametrize("answer", [None, "no\n", "\n", "yes\n"])
def test_without_a_yes_nothing_is_started(outside: Outside, folder: Path, answer: str | None) -> None:
    """What is piped in is nobody's word: only a terminal is asked."""
    result = smoke(folder, answer=answer)
    assert result.exit_code == 1
    assert "price     at most" in result.stdout
    assert "nobody agreed to the price" in result.stderr
    assert (outside.airflow.did, outside.druid.submitted, outside.emr.launched) == ([], [], [])


@pytest.mark.parametrize(("typed", "code"), [("yes", 0), (" YES ", 0), ("y", 1), ("no", 1)])
def test_a_person_is_asked(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    class Terminal(aws_smoke.Console):
        is_terminal = True  # type: ignore[assignment]

        def input(self, *_: Any, **__: Any) -> str:
            return typed

    monkeypatch.setattr(aws_smoke, "console", Terminal(stderr=True))
    assert smoke(folder).exit_code == code
    assert bool(outside.emr.launched) == (code == 0)


def test_who_is_asked_is_told_that_evidence_stays(outside: Outside, folder: Path) -> None:
    asked = smoke(folder)
    assert (
        "stays     a signed pack below s3://drx-evidence-111122223333/phi/, locked (GOVERNANCE) until" in asked.stdout
    )
    assert outside.airflow.did == []
    configs = Path(shutil.copytree(CONFIGS, folder / "emr_configs"))
    rewrite(configs / "boundaries.yaml", {"phi.evidence": None})
    assert "stays" not in smoke(folder, configs=configs).stdout


def test_without_a_price_nobody_is_asked(outside: Outside, folder: Path) -> None:
    configs = Path(shutil.copytree(CONFIGS, folder / "emr_configs"))
    (configs / "prices.yaml").unlink()
    result = smoke(folder, "--yes", configs=configs)
    assert result.exit_code == 1
    assert "no price of m6g.xlarge, r6g.xlarge" in result.stderr
    assert outside.airflow.did == []


def test_a_pipeline_of_real_data_is_refused(outside: Outside, folder: Path) -> None:
    result = smoke(folder, "--yes", datasource="patient_vitals")
    assert result.exit_code == 1
    assert "call the datasource patient_vitals_smoke" in result.stderr
    assert outside.druid.submitted == []


def test_a_datasource_that_is_not_empty_is_left_alone(outside: Outside, folder: Path) -> None:
    theirs = segment("2026-01-01/2026-01-02", datasource=NAME)
    outside.druid.segments = [theirs]
    result = smoke(folder, "--yes")
    assert result.exit_code == 1
    assert "it has 1 segments" in result.stderr
    assert (outside.druid.segments, outside.airflow.did) == ([theirs], [])


def test_a_live_run_is_left_alone(outside: Outside, folder: Path) -> None:
    outside.airflow.runs = [DagRun(DAG, "scheduled__1", "running")]
    result = smoke(folder, "--yes")
    assert result.exit_code == 1
    assert "scheduled__1" in result.stderr
    assert outside.druid.submitted == []


def test_a_failed_night_is_told_and_taken_away(outside: Outside, folder: Path) -> None:
    outside.airflow.ending = "failed"
    result = smoke(folder, "--yes")
    assert result.exit_code == 1
    assert json.loads((folder / "smoke.json").read_text())["status"] == "failed"
    assert nothing_is_left(outside)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_takes_everything_away(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch, sign: signal.Signals
) -> None:
    outside.airflow.ending = "running"
    outside.airflow.tasks = [task("cluster_up", "running"), task("cluster_down", "none"), task("verdict", "none")]
    monkeypatch.setattr(outside.airflow, "run_state", lambda *_: os.kill(os.getpid(), sign) or "running")
    before = signal.getsignal(sign)
    result = smoke(folder, "--yes")
    assert result.exit_code == aws_smoke.INTERRUPTED, result.output
    assert nothing_is_left(outside)
    assert ("manual__1", "failed") in outside.airflow.did
    assert not (folder / "smoke.json").exists()
    assert signal.getsignal(sign) is before


def test_a_signal_before_the_run_takes_the_rows_away(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night_runs.NightRuns, "start", lambda _runs: os.kill(os.getpid(), signal.SIGTERM))
    assert smoke(folder, "--yes").exit_code == aws_smoke.INTERRUPTED
    assert [task["type"] for task in outside.druid.submitted] == ["index_parallel", "kill"]
    assert (outside.druid.segments, outside.emr.launched) == ([], [])


def test_a_signal_during_the_teardown_does_not_cut_it_short(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_runs = aws_smoke.Trial._end_runs

    def impatient(trial: aws_smoke.Trial) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        end_runs(trial)

    monkeypatch.setattr(aws_smoke.Trial, "_end_runs", impatient)
    result = smoke(folder, "--yes")
    assert result.exit_code == 0
    assert "wait for it" in result.stderr
    assert nothing_is_left(outside)


def test_a_run_whose_start_was_not_heard_is_found_and_ended(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = outside.airflow.trigger

    def deaf(dag_id: str, conf: Mapping[str, Any]) -> str:
        trigger(dag_id, conf)
        raise NoAnswerError("start a run", resource=DAG, came_back="ReadTimeout", remedy="look in the UI")

    monkeypatch.setattr(outside.airflow, "trigger", deaf)
    result = smoke(folder, "--yes")
    assert result.exit_code == 1
    assert "ReadTimeout" in result.stderr
    assert outside.emr.terminated
    assert nothing_is_left(outside)


def test_what_cannot_be_taken_away_is_told_and_the_rest_goes(
    outside: Outside, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise NotAuthorizedError("mark segments", resource=NAME, came_back="HTTP 403", remedy="grant DATASOURCE WRITE")

    monkeypatch.setattr(outside.druid, "mark_unused", refused)
    result = smoke(folder, "--yes")
    assert result.exit_code == 1
    assert "LEFT: mark segments" in result.stderr
    assert "grant DATASOURCE WRITE" in result.stderr
    assert outside.druid.segments
    assert (objects(outside), outside.emr.configurations) == ([], {})


def test_a_configuration_that_was_there_before_stays(outside: Outside, folder: Path) -> None:
    name = wanted_configuration(outside, folder / "read")
    outside.emr.create_security_configuration(name, "{}")
    assert smoke(folder, "--yes").exit_code == 0
    assert set(outside.emr.configurations) == {name}
