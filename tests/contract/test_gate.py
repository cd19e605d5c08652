"""The account as a process that enforces: what its policies allow passes, all else is refused in AWS's words."""

from __future__ import annotations

import contextlib
import io
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.iam.replay import read, replay, without
from druid_reindex.sandbox.aws.site import REGION, Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import LOGS, Emulator, cluster, request, role_environment, start, state, until
from faults import Injector, TlsFiles, faulty, forwarding

PHI = "drx-phi-111122223333"
ROLE = "arn:aws:iam::111122223333:role/DrxAirflowPhi"
SESSION = "drx1.gate.1"
GENERAL = "drx-general-111122223333"
PARTS = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20)
CLI = Path(sys.executable).parent / "aws"


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("enforcing") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.NONE, enforcing=True)
    try:
        yield started
    finally:
        assert started.process.stop() == 0


@pytest.fixture(scope="module")
def airflow(enforcing: Emulator) -> dict[str, str]:
    """The environment of a session of the role that Airflow's worker assumes."""
    return role_environment(enforcing.home, ROLE, SESSION)


@contextlib.contextmanager
def client(name: str, environment: dict[str, str]) -> Iterator[Any]:
    made = boto3.client(
        name,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
        region_name=REGION,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"] or None,
        config=Config(signature_version="s3v4") if name == "s3" else None,
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def s3(airflow: dict[str, str]) -> Iterator[Any]:
    with client("s3", airflow) as made:
        yield made


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    """Code and sentence of the refusal."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    error = raised.value.response["Error"]
    return str(error["Code"]), str(error.get("Message"))


def test_a_large_object_in_parts_and_back_in_ranges(s3: Any) -> None:
    content = os.urandom(11 << 20)
    s3.upload_fileobj(io.BytesIO(content), PHI, "runs/gate/big object+ü", Config=PARTS)
    back = io.BytesIO()
    s3.download_fileobj(PHI, "runs/gate/big object+ü", back, Config=PARTS)
    assert back.getvalue() == content
    s3.copy_object(Bucket=PHI, Key="runs/gate/copy", CopySource={"Bucket": PHI, "Key": "runs/gate/big object+ü"})
    part = s3.get_object(Bucket=PHI, Key="runs/gate/copy", Range="bytes=5242870-5242889")["Body"].read()
    assert part == content[5242870:5242890]


def test_what_no_policy_allows_is_refused_with_the_sentence(s3: Any, airflow: dict[str, str]) -> None:
    code, said = refused(s3.put_object, Bucket=LOGS, Key="x", Body=b"x")
    assert code == "AccessDenied"
    assert f"assumed-role/DrxAirflowPhi/{SESSION} is not authorized to perform: s3:PutObject on resource:" in said
    code, said = refused(s3.get_object, Bucket=GENERAL, Key="x")
    assert (code, "s3:GetObject" in said) == ("AccessDenied", True)
    with client("kms", airflow) as kms:
        code, said = refused(kms.disable_key, KeyId="alias/drx-phi")
    assert (code, "kms:DisableKey" in said) == ("AccessDeniedException", True)


def test_a_presigned_url_holds_until_it_is_changed(s3: Any, enforcing: Emulator) -> None:
    s3.put_object(Bucket=PHI, Key="runs/gate/presigned", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": PHI, "Key": "runs/gate/presigned"})
    trust = ssl.create_default_context(cafile=str(enforcing.home.ca_file))
    with urllib.request.urlopen(url, context=trust) as answer:
        assert answer.read() == b"content"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(url.replace("/presigned", "/other"), context=trust)
    with raised.value as answer:
        assert b"SignatureDoesNotMatch" in answer.read()


def test_what_is_signed_passes_a_proxy_that_keeps_the_host(enforcing: Emulator, airflow: dict[str, str]) -> None:
    made = pki.server_certificate(enforcing.home, "faults")
    with (
        forwarding(airflow["AWS_ENDPOINT_URL"], enforcing.home.ca_file) as upstream,
        faulty(upstream, Injector(), TlsFiles(made.certificate, made.key)) as url,
        client("s3", airflow | {"AWS_ENDPOINT_URL": url}) as s3,
        client("emr", airflow | {"AWS_ENDPOINT_URL": url}) as emr,
    ):
        s3.put_object(Bucket=PHI, Key="runs/gate/through", Body=b"x", IfNoneMatch="*")
        assert s3.get_object(Bucket=PHI, Key="runs/gate/through", ChecksumMode="ENABLED")["Body"].read() == b"x"
        assert "Clusters" in emr.list_clusters()


def test_the_aws_cli_meets_the_same(airflow: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "in"
    file.write_bytes(os.urandom(9 << 20))
    env = os.environ | airflow

    def aws(*argv: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([CLI, *argv], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert aws("s3", "cp", "--quiet", file, f"s3://{PHI}/runs/gate/cli").returncode == 0
    assert aws("s3", "cp", "--quiet", f"s3://{PHI}/runs/gate/cli", tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == file.read_bytes()
    denied = aws("s3", "cp", file, f"s3://{GENERAL}/x")
    assert denied.returncode != 0
    assert "AccessDenied" in denied.stderr
    assert aws("s3", "rm", "--quiet", "--recursive", f"s3://{PHI}/runs/gate/cli").returncode == 0


def test_a_cluster_whose_service_role_lacks_a_permission_says_which(
    enforcing: Emulator, airflow: dict[str, str]
) -> None:
    policy = {"RoleName": "DrxEmrService", "PolicyName": "emr_service"}
    person = service.user_environment(enforcing.home, "operator") | {"AWS_SESSION_TOKEN": ""}
    with client("iam", person) as iam, client("emr", airflow) as emr:
        shipped = iam.get_role_policy(**policy)["PolicyDocument"]
        left = [each for each in shipped["Statement"] if each["Sid"] != "LaunchInstances"]
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(shipped | {"Statement": left}))
        cluster_id = emr.run_job_flow(**request())["JobFlowId"]
        until(lambda: state(emr, cluster_id), "TERMINATED_WITH_ERRORS")
        reason = cluster(emr, cluster_id)["Status"]["StateChangeReason"]
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(shipped))
    assert reason["Code"] == "VALIDATION_ERROR"
    assert "assumed-role/DrxEmrService/emr is not authorized to perform: ec2:RunInstances on" in reason["Message"]


def test_recorded_decisions_are_decided_alike_again_and_otherwise_without_their_statement(
    enforcing: Emulator, s3: Any
) -> None:
    s3.put_object(Bucket=PHI, Key="runs/gate/replayed", Body=b"x")
    night = read(records.file(enforcing.home))
    for each in night.decisions:
        if each.request.action != "authenticate":
            assert replay(each, night.deployed).outcome is each.outcome, each.said
    (put,) = [each for each in night.decisions if each.request.resource.endswith("runs/gate/replayed")]
    assert put.statements == ("airflow_phi/KeepRuns",)
    changed = without(night.deployed, "airflow_phi/KeepRuns", put.request.principal.identity)
    assert not replay(put, changed).allowed
