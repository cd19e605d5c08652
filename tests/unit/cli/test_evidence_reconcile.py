"""`druid-reindex evidence reconcile`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import packs
from druid_reindex.cli.main import app
from druid_reindex.clients import cloudtrail, locked_store, log_files, session, signing, survey_emr
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.evidence.lineage import RunName
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.journal import to_line
from druid_reindex.model.uri import S3Uri
from trail_account import SCOPE, TrailFiles, event, log_text
from trail_runs import call
from twins import FakeClusterSurvey, FakeLockedStore, FakeLogFiles, FakeSigner, FakeTrail

ROOT = Path(__file__).parents[3]
PHI = load_boundaries(ROOT / "emr_configs").phi
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
ASKED = {"REQ1": "PutObject"}
NAMED = RunName("clinic", "nightly", "01a0f4c2-0000-7000-8000-000000000001", "druid://h:9088")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeLockedStore:
    """A run with a pack and a journal of one call, which the trail has."""
    assert PHI.evidence is not None
    held, files = FakeLockedStore(), TrailFiles()
    PackKeeper(PHI.evidence, held, FakeSigner(), replace(packs.A_RUN, lineage=NAMED)).keep(packs.gathered, AT)
    ours = to_line(call(1, AT, request_id="REQ1", run=packs.RUN, resources=()))
    held.put(S3Uri.parse(PHI.runs_uri) / f"{packs.RUN}/journal/a.jsonl", ours, kms_key_arn="k")
    files.deliver(log_text(event(1, AT, requestID="REQ1", eventName="PutObject")), AT)
    files.close(AT + timedelta(minutes=20))
    trail = FakeTrail([SCOPE], files.objects, files.public_keys(), Selectors(s3_prefixes=("arn:aws:s3:::",)))
    monkeypatch.setattr(session, "build_session", lambda: None)
    monkeypatch.setattr(locked_store, "LockedStore", lambda _session, attempts: held)
    monkeypatch.setattr(log_files, "LogFiles", lambda _session, attempts: FakeLogFiles())
    monkeypatch.setattr(cloudtrail, "CloudTrailClient", lambda _session, attempts: trail)
    monkeypatch.setattr(signing, "KmsSigner", lambda _session, _key: FakeSigner())
    monkeypatch.setattr(survey_emr, "EmrSurvey", lambda _session: FakeClusterSurvey())
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    return held


def run(*words: str) -> Result:
    places = ("--configs", str(ROOT / "emr_configs"), "--pipelines", str(ROOT / "dags" / "pipelines"))
    return CliRunner().invoke(app, ["evidence", "reconcile", *words, *places])


def folder() -> str:
    assert PHI.evidence is not None
    return str(S3Uri.parse(PHI.evidence.uri) / f"packs/patient_vitals/{packs.RUN}")


@pytest.mark.parametrize("words", [("--latest",), (packs.RUN,), (folder(),)])
def test_a_run_is_found_by_its_id_its_folder_or_as_the_latest(store: FakeLockedStore, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert f"wrote {folder()}/0001.jsonl" in result.output
    assert "✓ nothing that a person must look at" in result.output
    assert "awaited" not in result.output
    assert "nothing new is known" in run(*words).output


def test_what_a_person_must_look_at_is_told_and_fails(store: FakeLockedStore) -> None:
    more = to_line(call(2, AT, request_id="REQ2", run=packs.RUN, resources=()))
    store.put(S3Uri.parse(PHI.runs_uri) / f"{packs.RUN}/journal/b.jsonl", more, kms_key_arn="k")
    result = run("--latest")
    assert result.exit_code == 1
    assert "✗ to look at: 1 missing" in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name one of them"), (("--latest", packs.RUN), "name one of them"),
        ((packs.OTHER_RUN,), "no pack of such a run"), ((f"{folder()}-else",), "find a pack"),
    ],
)  # fmt: skip
def test_what_names_no_run_is_refused(store: FakeLockedStore, words: tuple[str, ...], says: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert says in result.output + result.stderr


def test_evidence_of_nobody_is_refused(store: FakeLockedStore) -> None:
    there = list(store.objects.items())
    for uri, held in there:
        if uri.bucket.startswith("drx-evidence"):
            store.objects[S3Uri("elsewhere", uri.key)] = held
    result = run(folder().replace("drx-evidence-111122223333", "elsewhere"))
    assert result.exit_code == 1
    assert "keeps no evidence there" in result.output + result.stderr


def test_what_is_new_is_told_once_where_the_environment_names_a_transport(
    store: FakeLockedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
    assert "told to OpenLineage as a run of nightly.cloudtrail" in run("--latest").output
    assert "OpenLineage" not in run("--latest").output
    assert [json.loads(line)["eventType"] for line in file.read_text().splitlines()] == ["START", "COMPLETE"]


def test_a_transport_that_fails_stops_nothing(
    store: FakeLockedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    transport = {"type": "file", "log_file_path": str(tmp_path / "none" / "events.jsonl"), "append": True}
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT", json.dumps(transport))
    result = run("--latest")
    assert (result.exit_code, "told to OpenLineage" in result.output) == (0, False)
    assert "no lineage is told of" in caplog.text
