"""The sandbox's AWS connections: Airflow becomes the role of each side, in tasks and in triggers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

import loops
from druid_reindex.clients.journal import SPOOL_VARIABLE, journalled
from druid_reindex.errors import NotFoundError, RefusedError
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.journal import from_line
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.iam.decisions import Outcome
from druid_reindex.sandbox.aws.iam.replay import read
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from emulated_account import Emulator
from journals import ATTEMPT, BINDING, RUN, aws_calls_in

CONFIGS = Path(__file__).parents[2] / "emr_configs"
SIDES = {"phi": "DrxAirflowPhi", "general": "DrxAirflowGeneral"}


@pytest.fixture(autouse=True)
def worker(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an Airflow worker of the sandbox has in its environment."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    key = service.access_key(emulator.home, "airflow")
    for side in SIDES:
        extra = {"region_name": REGION, "role_arn": service.airflow_role_arn(side)}
        account = {"conn_type": "aws", "login": key.id, "password": key.secret, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_AWS_{side.upper()}", json.dumps(account))


@pytest.mark.parametrize(("side", "role"), SIDES.items())
def test_a_task_is_the_role(side: str, role: str) -> None:
    session = connections.aws_session(f"aws_{side}", REGION)
    assert f":assumed-role/{role}/" in session.client("sts").get_caller_identity()["Arn"]
    assert session.client("emr").list_clusters(ClusterStates=["STARTING"])["Clusters"] == []


@pytest.mark.parametrize(("side", "role"), SIDES.items())
def test_a_trigger_is_the_role_too(side: str, role: str, launch: Callable[..., str]) -> None:
    cluster_id = launch()

    async def ask() -> tuple[str, str]:
        session = await asyncio.to_thread(connections._aio_session, f"aws_{side}", REGION)
        async with session.create_client("sts", region_name=REGION) as sts:
            who = await sts.get_caller_identity()
        async with connections.async_emr(f"aws_{side}", REGION) as emr:
            return who["Arn"], (await emr.describe_cluster(cluster_id)).cluster_id

    arn, found = loops.run(ask())
    assert f":assumed-role/{role}/" in arn
    assert found == cluster_id


@pytest.mark.parametrize(("side", "role"), SIDES.items())
def test_a_try_is_a_session_of_its_own_and_the_journal_says_whose_key_each_call_was_signed_with(
    side: str, role: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    with journalled(BINDING) as journal:
        session = connections.aws_session(f"aws_{side}", REGION)
        arn = session.client("sts").get_caller_identity()["Arn"]
        session.client("emr").list_clusters(ClusterStates=["STARTING"])
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{ATTEMPT.session_name}"
    became, *asked = aws_calls_in(journal.path)
    assert (became.operation, became.access_key_id) == ("AssumeRole", service.access_key(emulator.home, "airflow").id)
    assert became.resources == (service.airflow_role_arn(side),)
    assert [call.operation for call in asked] == ["GetCallerIdentity", "ListClusters"]
    credentials = session.get_credentials()
    assert credentials is not None
    assert {call.access_key_id for call in asked} == {credentials.access_key}
    assert all(call.request_id and call.status == 200 for call in (became, *asked))
    decisions = read(records.file(emulator.home)).decisions
    becoming = [each for each in decisions
                if each.request.resource == service.airflow_role_arn(side) and each.request.action.startswith("sts:")
                and each.request.context.get("sts:rolesessionname") == (ATTEMPT.session_name,)]  # fmt: skip
    assert {each.request.action for each in becoming} == {"sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"}
    assert {each.outcome for each in becoming} == {Outcome.ALLOWED}
    seen = [each.request for each in decisions
            if str(each.request.principal).endswith(f"{role}/{ATTEMPT.session_name}")]  # fmt: skip
    told = seen[-1].context
    assert told["aws:sourceidentity"] == (str(RUN),)
    assert told["aws:principaltag/druid-reindex:datasource"] == ("patient_vitals",)


def test_a_trigger_is_journalled_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))

    async def ask() -> None:
        async with connections.async_emr("aws_phi", REGION) as emr:
            with pytest.raises(RefusedError):
                await emr.describe_cluster("j-NOBODYS")

    with journalled(BINDING) as journal:
        loops.run(ask())
    became, *asked = aws_calls_in(journal.path)
    assert became.operation == "AssumeRole"
    assert [(call.operation, call.resources) for call in asked] == [("DescribeCluster", ("j-NOBODYS",))]
    assert asked[0].access_key_id.startswith("ASIA")
    assert asked[0].error_code == "InvalidRequestException"


def test_a_connection_without_a_role_asks_as_itself(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    key = service.access_key(emulator.home, "airflow")
    plain = {"conn_type": "aws", "login": key.id, "password": key.secret, "extra": {"region_name": REGION}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_PLAIN", json.dumps(plain))
    with journalled(BINDING) as journal:
        connections.aws_session("aws_plain", REGION).client("sts").get_caller_identity()
    assert [(call.operation, call.access_key_id) for call in aws_calls_in(journal.path)] == [
        ("GetCallerIdentity", key.id)
    ]


def test_the_journal_of_a_try_lies_in_s3_when_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    boundary, warned = load_boundaries(CONFIGS).phi, list[str]()
    store = cache(partial(connections.s3_client, "aws_phi", REGION))
    uri = S3Uri.parse(boundary.runs_uri) / f"{RUN}/recorded.json"
    with journalling(Keeping.of(boundary), ATTEMPT, store, warned.append):
        store().put(uri, b"canary-body", kms_key_arn=boundary.kms_key_arn)
        with pytest.raises(NotFoundError):
            store().get(uri / "none")
    assert warned == []
    (kept,) = store().listing(S3Uri.parse(boundary.runs_uri) / f"{RUN}/journal")
    body = store().get(kept.uri)
    assert store().kms_keys([kept.uri]) == {kept.uri: boundary.kms_key_arn}
    calls = [call for call in map(from_line, body.splitlines()) if isinstance(call, AwsCall)]
    assert [(call.operation, call.status) for call in calls] == [
        ("AssumeRole", 200), ("PutObject", 200), ("GetObject", 404),
    ]  # fmt: skip
    assert calls[1].resources == (f"arn:aws:s3:::{uri.bucket}/{uri.key}", boundary.kms_key_arn)
    assert b"canary" not in body
    assert list(tmp_path.rglob("*.jsonl")) == []
