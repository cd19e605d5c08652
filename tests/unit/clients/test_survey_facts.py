"""All facts of a night, gathered from an account on moto and a Druid that nobody reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from druid_reindex.clients import survey_facts
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.survey_facts import Gathering, Night, read, security_of
from druid_reindex.errors import ConfigurationError, NoAnswerError, NotFoundError
from druid_reindex.model.druid_server import DruidServer, Handshake
from druid_reindex.posture.facts import Facts, Unread
from druid_reindex.posture.findings import Status
from druid_reindex.posture.judge import judge
from druid_reindex.posture.rules import RULES
from posture_facts import BOUNDARIES, PHI, PIPELINE, PROFILE, PROPERTIES, RUN, SECURITY, bucket_policy

BUCKET = "drx-phi-111122223333"
NIGHT = Night(PIPELINE, BOUNDARIES, PROFILE, SECURITY)


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name="us-east-1")


def gathered(session: boto3.Session, druid: Any) -> Facts:
    return Gathering(NIGHT, NIGHT.intent(RUN), session, druid).facts()


def nowhere() -> DruidConfig:
    raise ConfigurationError("find Druid", resource="the environment", came_back="not set", remedy="set it")


def test_what_nobody_can_read_is_unread_and_stops_the_night(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_facts, "EmrSurvey", _Silent)
    facts = gathered(session, nowhere)
    assert isinstance(facts.buckets[0].policy, Unread)
    assert "NoSuchBucket" in facts.buckets[0].policy.reason
    assert isinstance(facts.keys[0].description, Unread)
    assert isinstance(facts.stored_configuration, Unread)
    assert facts.stored_configuration.reason == "ask EMR on EMR: nothing"
    assert isinstance(facts.druid.version, Unread)
    assert set(facts.subnets.values()) == set(facts.groups.values()) == {None}
    report = judge(facts)
    assert not report.is_open
    assert {each.rule for each in report.findings} == set(RULES)
    unread = {each.rule for each in report.closing if each.status is Status.UNKNOWN}
    assert {"S3-01", "KMS-01", "KMS-05", "EMR-02", "EMR-16", "EMR-17", "EMR-30", "DRU-01", "DRU-11"} <= unread


class _Silent:
    """An EMR that does not answer."""

    def __init__(self, _session: boto3.Session) -> None:
        pass

    def __getattr__(self, _name: str) -> Any:
        def ask(*_: object) -> Any:
            raise NoAnswerError("ask EMR", resource="EMR", came_back="nothing", remedy="wait")

        return ask


def test_what_an_account_has_is_read(session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_facts, "EmrSurvey", _Silent)
    monkeypatch.setattr(survey_facts, "DruidSurvey", _GoodDruid)
    monkeypatch.setattr(survey_facts, "handshake", lambda _url, ca_file: Handshake("TLSv1.3"))
    s3 = session.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(bucket_policy(BUCKET)))
    url = "https://127.0.0.1:1"
    facts = gathered(session, lambda: DruidConfig(url, url, url, connect_seconds=0.1, deadline_seconds=0.0))
    by_rule = {(each.rule, each.resource): each.status for each in judge(facts).findings}
    assert by_rule["S3-01", f"s3://{BUCKET}"] is Status.PASS
    assert by_rule["S3-03", f"s3://{BUCKET}"] is Status.FAIL
    assert by_rule["DRU-01", "Druid"] is by_rule["DRU-03", "Broker"] is by_rule["DRU-11", "Druid"] is Status.PASS
    assert by_rule["DRU-08", "Coordinator"] is Status.PASS
    assert by_rule["DRU-10", "Druid"] is Status.UNKNOWN


@dataclass
class _GoodDruid:
    """A Druid of which every rule holds."""

    config: DruidConfig
    servers = ("Overlord", "Coordinator", "Broker")

    def version(self) -> str:
        return "25.0.0"

    def known_servers(self) -> tuple[DruidServer, ...]:
        return (DruidServer("h:8281", "coordinator", -1, 8281),)

    def properties(self, _server: str) -> dict[str, str]:
        return PROPERTIES

    def answers_strangers(self, _server: str) -> bool:
        return False


def test_the_reason_of_an_unread_fact() -> None:
    def ask() -> str:
        raise NotFoundError("read a key", resource="arn:k", came_back="NotFoundException", remedy="check the ARN")

    assert read(ask) == Unread("read a key on arn:k: NotFoundException")
    assert read(lambda: "found") == "found"


def test_a_profile_without_security_has_none() -> None:
    assert security_of(None, None, PHI) is None
    intent = NIGHT.intent(RUN)
    assert (intent.data_bucket, intent.data_key) == (BUCKET, PHI.kms_key_arn)
