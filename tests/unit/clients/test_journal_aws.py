"""Each request that is sent to AWS is a line, whatever becomes of it, and no line tells a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from druid_reindex.clients.journal import Journal
from druid_reindex.clients.journal_aws import Recorder, event_source
from druid_reindex.model.aws_call import AwsCall
from journals import ACCOUNT, BINDING, RUN, aws_calls_in
from scripted_aws import Answer, scripted

KEY_ID, SECRET = "AKIAEXAMPLE", "canary-secret-access-key"
TWICE: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 2}}
CANARIES = (SECRET, "canary-body", "canary-sql", "canary-plaintext", "canary-value", "canary-header", "canary-answer")
STEPS: dict[str, Any] = {"Steps": []}
BEGAN = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(BINDING, tmp_path)
    yield made
    made.close()


@pytest.fixture
def session(journal: Journal) -> boto3.Session:
    made = boto3.Session(KEY_ID, SECRET, region_name="us-east-1")
    Recorder(journal).register(made.events)
    return made


def emr(session: boto3.Session, url: str) -> Any:
    return session.client("emr", endpoint_url=url, config=Config(**TWICE))


def test_an_answered_call(session: boto3.Session, journal: Journal) -> None:
    with scripted(lambda _n, _t: Answer(body={"JobFlowId": "j-NEW"}, request_id="r-1")) as url:
        emr(session, url).run_job_flow(
            Name="night", SecurityConfiguration="drx-abc", Instances={"KeepJobFlowAliveWhenNoSteps": True}
        )
    (call,) = aws_calls_in(journal.path)
    assert replace(call, attempted_at=BEGAN) == AwsCall(
        attempted_at=BEGAN,
        event_source="elasticmapreduce.amazonaws.com",
        operation="RunJobFlow",
        region="us-east-1",
        account=ACCOUNT,
        access_key_id=KEY_ID,
        request_id="r-1",
        status=200,
        error_code=None,
        resources=("drx-abc", "night", "j-NEW"),
        run=str(RUN),
        task="reindex.3.2",
    )


def test_a_document_that_goes_by_a_resources_name_is_not_kept(session: boto3.Session, journal: Journal) -> None:
    said = '{"EncryptionConfiguration": {"EnableAtRestEncryption": true}}'
    answers = {"Name": "drx-abc", "SecurityConfiguration": said}
    with scripted(lambda _n, _t: Answer(body=answers)) as url:
        emr(session, url).create_security_configuration(Name="drx-abc", SecurityConfiguration=said)
        emr(session, url).describe_security_configuration(Name="drx-abc")
    assert [call.resources for call in aws_calls_in(journal.path)] == [("drx-abc",), ("drx-abc",)]


def test_an_error_is_told_by_its_code(session: boto3.Session, journal: Journal) -> None:
    refused = Answer(400, {"__type": "InvalidRequestException", "message": "canary-answer"}, "r-2")
    with scripted(lambda _n, _t: refused) as url, pytest.raises(ClientError):
        emr(session, url).describe_cluster(ClusterId="j-1")
    (call,) = aws_calls_in(journal.path)
    assert (call.status, call.error_code, call.request_id) == (400, "InvalidRequestException", "r-2")
    assert call.resources == ("j-1",)
    assert "canary" not in journal.path.read_text()


def test_what_a_service_tells_of_a_statement_is_no_error_of_the_call(session: boto3.Session, journal: Journal) -> None:
    failed = Answer(body={"Id": "s-1", "Status": "FAILED", "Error": "ERROR: canary-value"}, request_id="r-5")
    with scripted(lambda _n, _t: failed) as url:
        session.client("redshift-data", endpoint_url=url).describe_statement(Id="s-1")
    (call,) = aws_calls_in(journal.path)
    assert (call.status, call.error_code, call.request_id) == (200, None, "r-5")
    assert "canary" not in journal.path.read_text()


def test_each_repetition_is_a_call_of_its_own_and_a_reset_has_no_request_id(
    session: boto3.Session, journal: Journal
) -> None:
    def script(number: int, _target: str) -> Answer:
        return Answer(None) if number == 0 else Answer(body=STEPS, request_id="r-3")

    with scripted(script) as url:
        emr(session, url).list_steps(ClusterId="j-1")
    lost, found = aws_calls_in(journal.path)
    assert (lost.status, lost.request_id, lost.error_code) == (None, None, "ConnectionClosedError")
    assert (found.status, found.request_id, found.error_code) == (200, "r-3", None)
    assert lost.attempted_at < found.attempted_at
    assert lost.access_key_id == found.access_key_id == KEY_ID


def test_throttling_that_lasts_is_as_many_calls_as_were_sent(session: boto3.Session, journal: Journal) -> None:
    throttled = Answer(400, {"__type": "ThrottlingException"}, "r-4")
    with scripted(lambda _n, _t: throttled) as url, pytest.raises(ClientError):
        emr(session, url).list_steps(ClusterId="j-1")
    assert [call.error_code for call in aws_calls_in(journal.path)] == ["ThrottlingException"] * 2


def test_nobody_listens(session: boto3.Session, journal: Journal) -> None:
    with pytest.raises(BotoCoreError):
        emr(session, "http://127.0.0.1:1").list_steps(ClusterId="j-1")
    assert {(call.status, call.error_code) for call in aws_calls_in(journal.path)} == {
        (None, "EndpointConnectionError")
    }


def test_it_is_written_before_the_answer_is_used(session: boto3.Session, journal: Journal) -> None:
    seen: list[int] = []
    session.events.register("after-call", lambda **_: seen.append(len(aws_calls_in(journal.path))))
    with scripted(lambda _n, _t: Answer(body=STEPS, request_id="r")) as url:
        client = emr(session, url)
        client.list_steps(ClusterId="j-1")
        client.list_steps(ClusterId="j-1")
    assert seen == [1, 2]


def test_two_threads_at_one_client(session: boto3.Session, journal: Journal) -> None:
    with scripted(lambda n, _t: Answer(body=STEPS, request_id=f"r-{n}")) as url, ThreadPoolExecutor(2) as pool:
        client = emr(session, url)
        list(pool.map(lambda n: client.list_steps(ClusterId=f"j-{n}"), range(40)))
    calls = aws_calls_in(journal.path)
    assert {call.resources for call in calls} == {(f"j-{n}",) for n in range(40)}
    assert {call.request_id for call in calls} == {f"r-{n}" for n in range(40)}


def test_fifty_at_once_on_asyncio_with_lost_answers_among_them(journal: Journal) -> None:
    asked: list[int] = []

    def script(number: int, _target: str) -> Answer:
        asked.append(number)
        return Answer(None) if number % 10 == 3 else Answer(body=STEPS, request_id=f"r-{number}")

    async def ask(url: str) -> None:
        session = get_session()
        Recorder(journal).register(session.get_component("event_emitter"))
        session.set_credentials(KEY_ID, SECRET)
        retries = {"retries": {"mode": "standard", "total_max_attempts": 8}}
        async with session.create_client(
            "emr", region_name="us-east-1", endpoint_url=url, config=AioConfig(max_pool_connections=50, **retries)
        ) as client:
            await asyncio.gather(*(client.list_steps(ClusterId=f"j-{n}") for n in range(50)))

    with scripted(script) as url:
        asyncio.run(ask(url))
    calls = aws_calls_in(journal.path)
    assert len(calls) == len(asked)
    answered = [call for call in calls if call.status == 200]
    assert {call.resources for call in answered} == {(f"j-{n}",) for n in range(50)}
    assert len(answered) == len({call.request_id for call in answered}) == 50
    assert {call.request_id for call in calls if call.status is None} == {None}
    assert {call.access_key_id for call in calls} == {KEY_ID}


def test_what_a_service_keeps_secret_is_in_no_line(session: boto3.Session, journal: Journal) -> None:
    with mock_aws():
        s3, kms = session.client("s3"), session.client("kms")
        s3.create_bucket(Bucket="drx-phi")
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        s3.put_object(
            Bucket="drx-phi",
            Key="runs/plan.json",
            Body=b"canary-body",
            Metadata={"told": "canary-header"},
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=key_id,
        )
        assert s3.get_object(Bucket="drx-phi", Key="runs/plan.json")["Body"].read() == b"canary-body"
        kms.encrypt(KeyId=key_id, Plaintext=b"canary-plaintext", EncryptionContext={"told": "canary-value"})
        session.client("secretsmanager").create_secret(Name="druid-reindex/x", SecretString="canary-value")
        data = session.client("redshift-data")
        asked = data.execute_statement(
            ClusterIdentifier="drx",
            Database="nights",
            DbUser="u",
            Sql="SELECT 'canary-sql'",
            StatementName="drx_unload",
        )
        data.describe_statement(Id=asked["Id"])
    text = journal.path.read_text()
    assert [canary for canary in CANARIES if canary in text] == []
    by_operation = {call.operation: call for call in aws_calls_in(journal.path)}
    put = by_operation["PutObject"]
    assert put.resources == ("arn:aws:s3:::drx-phi/runs/plan.json", key_id)
    assert by_operation["CreateBucket"].resources == ("arn:aws:s3:::drx-phi",)
    statement = by_operation["ExecuteStatement"]
    assert statement.event_source == "redshift-data.amazonaws.com"
    assert set(statement.resources) == {"drx", "drx_unload", asked["Id"]}
    assert set(by_operation["DescribeStatement"].resources) == {"drx", asked["Id"]}
    assert all(call.request_id for call in by_operation.values())


def test_the_region_is_the_one_that_was_signed_for(session: boto3.Session, journal: Journal) -> None:
    """IAM has one endpoint, and CloudTrail its events in us-east-1, wherever the client is."""
    with mock_aws():
        session.client("iam", region_name="eu-west-1").list_roles()
    (call,) = aws_calls_in(journal.path)
    assert (call.event_source, call.region) == ("iam.amazonaws.com", "us-east-1")


@pytest.mark.parametrize(
    ("prefix", "source"),
    [
        ("s3", "s3.amazonaws.com"),
        ("elasticmapreduce", "elasticmapreduce.amazonaws.com"),
        ("monitoring", "monitoring.amazonaws.com"),
        ("api.ecr", "ecr.amazonaws.com"),
        ("email", "ses.amazonaws.com"),
    ],
)
def test_cloudtrails_word_for_a_service(prefix: str, source: str) -> None:
    assert event_source(prefix) == source


def test_a_bucket_of_another_partition(journal: Journal) -> None:
    with mock_aws():
        session = boto3.Session(KEY_ID, SECRET, region_name="us-gov-west-1")
        Recorder(journal).register(session.events)
        with pytest.raises(ClientError):
            session.client("s3").head_object(Bucket="nobodys", Key="k")
    (call,) = aws_calls_in(journal.path)
    assert call.resources == ("arn:aws-us-gov:s3:::nobodys/k",)
    assert (call.status, call.region) == (404, "us-gov-west-1")


def test_what_was_registered_twice_is_written_once(session: boto3.Session, journal: Journal) -> None:
    Recorder(journal).register(session.events)
    with scripted(lambda _n, _t: Answer(body=STEPS, request_id="r")) as url:
        emr(session, url).list_steps(ClusterId="j-1")
    assert len(aws_calls_in(journal.path)) == 1
