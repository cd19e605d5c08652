"""The request's rules beyond the table of `test_judge.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.model.pipeline import Engine
from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules import emr_cluster as rules
from posture_facts import druids, good_facts, requested

FACTS = good_facts()


@pytest.mark.parametrize(
    "harmless",
    [
        {"Tags": [{"Key": "token-policy", "Value": "true"}]},
        {"Configurations": [{"Properties": {"hadoop.security.credential.provider.path": "s3://bucket/path"}}]},
        {"Steps": [{"Args": ["druid_index.sh", "s3://drx-phi/spec.json", "druid-reindex/metadata", "3600"]}]},
        {"Tags": [{"Key": "secret", "Value": "arn:aws:secretsmanager:us-east-1:111122223333:secret:x"}]},
    ],
)
def test_names_of_secrets_and_switches_are_no_secrets(harmless: dict[str, Any]) -> None:
    facts = requested(FACTS, **harmless)
    assert rules.no_secret_in_the_request(facts, facts).status is Status.PASS


@pytest.mark.parametrize(
    "text",
    ["AKIAIOSFODNN7EXAMPLE", "-----BEGIN RSA PRIVATE KEY-----", "passwd: x", "jdbc:postgresql://druid:x@db/druid"],
)
def test_texts_that_are_secrets(text: str) -> None:
    facts = requested(FACTS, BootstrapActions=[{"ScriptBootstrapAction": {"Args": [text]}}])
    seen = rules.no_secret_in_the_request(facts, facts).seen
    assert seen == "RunJobFlow.BootstrapActions[0].ScriptBootstrapAction.Args[0] looks like a secret"


def test_msq_asks_nothing_of_hadoop() -> None:
    facts = replace(FACTS, intent=replace(FACTS.intent, engine=Engine.MSQ))
    assert rules.hadoop_java_and_druid_fit(facts, facts).status is Status.NOT_APPLICABLE


@pytest.mark.parametrize(("version", "major"), [("25.0.0", 25), ("36.0.0-SNAPSHOT", 36), ("", 0), ("dev", 0)])
def test_druids_major(version: str, major: int) -> None:
    assert rules.druid_major(version) == major


def test_java_17_runs_every_druid_with_hadoop() -> None:
    for version in ("25.0.0", "32.0.0", "36.0.0"):
        facts = druids(FACTS, version=version)
        assert rules.hadoop_java_and_druid_fit(facts, facts).status is Status.PASS
