"""Nights laid beside CloudTrail: delivered first, then by Airflow's DAG; a page is shown once its reading is noted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import packs
from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.evidence_summary import EvidenceSummary
from druid_reindex.clients.night_summary import Summary
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.errors import RefusedError
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.sandbox import confirmation
from druid_reindex.sandbox.home import SandboxHome
from followed_airflow import Airflow
from twins import FakeLockedStore, FakeSigner

KEY = "arn:aws:kms:us-east-1:111122223333:key/88888888-8888-4888-8888-888888888888"
PLACE = EvidencePlace(uri="s3://drx-evidence-111122223333/phi/", kms_key_arn=KEY, signing_key_arn=FakeSigner().key)
OPERATOR = "arn:aws:iam::111122223333:user/operator"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeLockedStore:
    found = FakeLockedStore()
    monkeypatch.setattr(confirmation, "build_session", lambda: None)
    monkeypatch.setattr(confirmation, "LockedStore", lambda _: found)
    survey = SimpleNamespace(identity=lambda: SimpleNamespace(arn=OPERATOR))
    monkeypatch.setattr(confirmation, "AwsSurvey", lambda _: survey)
    return found


def night(store: FakeLockedStore) -> Summary:
    kept = PackKeeper(PLACE, store, FakeSigner(), packs.A_RUN).keep(packs.gathered, datetime.now(UTC))
    return Summary("rebuilt", "r", evidence=EvidenceSummary(str(kept.uri)))


def test_everything_is_delivered_before_airflow_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow: Any = Airflow([("success", [TaskInstance("reconcile", -1, "success", 2.0, 1)])])
    done, lines = airflow.calls, []  # type: tuple[list[Any], list[str]]
    monkeypatch.setattr(confirmation, "SETTLED_SECONDS", 0.0)
    answer = {"files": ["a", "b"], "digests": ["d"]}
    monkeypatch.setattr(confirmation.command, "ask", lambda _home, verb: done.append(verb) or answer)
    assert confirmation.confirm(SandboxHome(tmp_path, tmp_path), airflow, lines.append) == "success"
    assert [done[0], done[1], done[2][:2]] == ["deliver", ("unpause", "evidence__phi"), ("trigger", "evidence__phi")]
    assert lines[:2] == [
        "trail: 2 files and 1 digests delivered",
        "evidence manual__2026-10-06T02:30:00+00:00 started",
    ]
    assert "reconcile: success, 2 s" in lines


def test_the_page_shows_the_packs_and_its_reading_is_noted(tmp_path: Path, store: FakeLockedStore) -> None:
    told = confirmation.told(night(store), tmp_path / "reports")
    page = Path(told.evidence.report or "")
    assert page.parent == tmp_path / "reports"
    assert packs.RUN in page.name
    assert "<title>Evidence of a night: patient_vitals" in page.read_text()
    assert told.evidence.pack == f"{PLACE.uri}packs/patient_vitals/{packs.RUN}/0000.jsonl"
    assert told.evidence.unread == ["attestation"]
    (noted,) = [json.loads(body) for uri, (body, _) in store.objects.items() if "/access/" in uri.key]
    assert (noted["identity"], len(noted["packs"])) == (OPERATOR, 1)


def test_where_its_reading_cannot_be_noted_nothing_is_shown(
    tmp_path: Path, store: FakeLockedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = night(store)

    def refuse(*_: Any, **__: Any) -> None:
        raise RefusedError("write", resource="access", came_back="AccessDenied", remedy="ask")

    monkeypatch.setattr(store, "put_locked", refuse)
    with pytest.raises(RefusedError):
        confirmation.told(summary, tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_night_without_a_pack_has_no_page(tmp_path: Path, store: FakeLockedStore) -> None:
    summary = Summary("failed", "r")
    assert confirmation.told(summary, tmp_path) == summary
    assert list(tmp_path.iterdir()) == []
    assert store.objects == {}


def test_dags_without_the_one_of_evidence_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert confirmation.is_there()
    monkeypatch.setenv(confirmation.airflow.DAGS_VARIABLE, str(tmp_path))
    assert not confirmation.is_there()
