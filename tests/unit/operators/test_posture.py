"""Tests of `posture`, the first task of a gated night."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections, posture
from druid_reindex.operators.posture import JudgePostureOperator, is_gated
from druid_reindex.posture.facts import Facts, Unread
from gated_night import gate, run_of, stored
from night_world import SETTINGS, World, make
from posture_facts import PHI, SECURITY, bucketed, druids, good_facts


@pytest.fixture
def gated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    gate(monkeypatch)
    return world


def surveyed(patch: pytest.MonkeyPatch, facts: Facts) -> list[Any]:
    asked: list[Any] = []

    def survey(*where: Any) -> Facts:
        asked.append(where)
        return facts

    patch.setattr(connections, "posture_facts", survey)
    return asked


def judged(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.run(make(JudgePostureOperator, "posture"))
    return found


def test_a_protected_night_may_go_on_and_leaves_its_report(gated: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = surveyed(monkeypatch, good_facts())
    told = judged(gated)
    assert told["report_uri"] == f"s3://drx-phi-111122223333/runs/{run_of(gated)}/posture.json"
    body, key = gated.store.objects[S3Uri.parse(told["report_uri"])]
    assert (digest(body), key) == (told["report_sha256"], PHI.kms_key_arn)
    assert told["counts"] | {"fail": 0, "unknown": 0, "excepted": 0} == told["counts"]
    assert stored(gated, "posture.json")["is_open"]
    assert stored(gated, "owner.json")["run_id"] == "manual__1"
    ((aws, druid, night, intent),) = asked
    assert (aws, druid, night.security) == ("aws_phi", "druid_phi", SECURITY)
    assert intent.request["BootstrapActions"][-1]["Name"] == "attest each node"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (bucketed(good_facts(), policy=None), "S3-01"),
        (druids(good_facts(), answers_strangers={"Broker": Unread("AccessDenied")}), "DRU-03"),
    ],
)
def test_a_fail_and_an_unread_fact_stop_the_night_by_name_without_a_retry(
    gated: World, monkeypatch: pytest.MonkeyPatch, facts: Facts, told: str
) -> None:
    surveyed(monkeypatch, facts)
    with pytest.raises(AirflowFailException, match=told) as stopped:
        judged(gated)
    assert "What to do" in str(stopped.value)
    assert not stored(gated, "posture.json")["is_open"]
    assert gated.emr.launched == []


def test_many_findings_are_cut_and_the_report_has_them_all(gated: World, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = replace(good_facts(), stored_configuration=Unread("denied"), block_public_access=Unread("denied"))
    surveyed(monkeypatch, druids(bucketed(facts, policy=None), servers=Unread("denied"), version=Unread("denied")))
    with pytest.raises(AirflowFailException, match=r"and \d+ more\nS3|and \d+ more"):
        judged(gated)
    assert sum(each["closes_gate"] for each in stored(gated, "posture.json")["findings"]) > 10


def test_an_exception_that_has_expired_stops_every_night(
    gated: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = surveyed(monkeypatch, good_facts())
    text = "exceptions: [{rule: S3-01, resource: s3://b, owner: me, reason: it was so before, expires: 2026-01-01}]\n"
    (tmp_path / "exceptions.yaml").write_text(text)
    task = make(JudgePostureOperator, "posture")
    task.settings = replace(SETTINGS, configs=tmp_path)
    monkeypatch.setattr(posture, "profile_names", lambda _configs: ("small",))
    with pytest.raises(AirflowFailException, match="2026-01-01, which has passed"):
        gated.run(task)
    assert asked == []


def test_only_pipelines_of_protected_data_on_a_secured_profile_are_gated() -> None:
    unsecured = SETTINGS.profile.model_copy(update={"security": None})
    assert not is_gated(replace(SETTINGS, profile=unsecured))
    assert is_gated(SETTINGS)
    general = SETTINGS.pipeline.model_copy(update={"classification": "general"})
    assert not is_gated(replace(SETTINGS, pipeline=general))
