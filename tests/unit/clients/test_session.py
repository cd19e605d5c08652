"""Tests of sessions and of what every AWS client has in common."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from druid_reindex import __version__
from druid_reindex.clients.journal import SPOOL_VARIABLE, journalled
from druid_reindex.clients.session import build_session, client_config, role_session
from druid_reindex.errors import ConfigurationError
from journals import ATTEMPT, BINDING, RUN, aws_calls_in
from scripted_aws import Answer, scripted


def test_an_existing_session_is_used_as_it_is() -> None:
    existing = boto3.Session(region_name="eu-west-1")
    assert build_session(existing, region="us-east-1") is existing


def test_a_session_is_made_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    credentials = build_session(region="us-east-1").get_credentials()
    assert credentials is not None
    assert credentials.access_key == "AKIDEXAMPLE"


def test_a_profile_that_does_not_exist_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match="nobody"):
        build_session()


def test_clients_repeat_in_standard_mode_within_time_outs_under_our_name() -> None:
    config = client_config()
    assert config.retries == {"mode": "standard", "total_max_attempts": 8}
    assert config.user_agent_extra == f"druid-reindex/{__version__}"
    assert 0 < config.connect_timeout < config.read_timeout <= 60
    assert client_config(attempts=1).retries["total_max_attempts"] == 1


def test_the_name_is_in_the_user_agent_beside_the_sessions_own() -> None:
    session = boto3.Session("AKIDEXAMPLE", "example", region_name="us-east-1")
    agent = session.client("emr", config=client_config()).meta.config.user_agent
    assert f"druid-reindex/{__version__}" in agent


def test_in_a_task_the_mark_is_there_too_and_each_request_is_journalled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with scripted(lambda _n, _t: Answer(body={"Steps": []}, request_id="r")) as url, journalled(BINDING) as journal:
        emr = build_session(region="us-east-1").client("emr", endpoint_url=url, config=client_config())
        assert f"druid-reindex/{__version__} drx1#{ATTEMPT.mark}" in emr.meta.config.user_agent
        emr.list_steps(ClusterId="j-1")
    assert [call.operation for call in aws_calls_in(journal.path)] == ["ListSteps"]


def test_a_roles_session_is_told_what_its_way_of_becoming_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    assert role_session("assume_role") == {}
    with journalled(BINDING):
        told = role_session("assume_role")
        assert (told["RoleSessionName"], told["SourceIdentity"]) == (ATTEMPT.session_name, str(RUN))
        assert {"Key": "druid-reindex:datasource", "Value": "patient_vitals"} in told["Tags"]
        assert role_session("assume_role_with_web_identity") == {"RoleSessionName": ATTEMPT.session_name}
        assert role_session("assume_role_with_saml") == role_session(None) == {}
