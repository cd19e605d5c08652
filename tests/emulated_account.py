"""What tests need to start the emulated account and to drive its EMR."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Daemons
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import OwnedProcess

ARTIFACTS = "drx-artifacts-111122223333"
LOGS = "drx-logs-111122223333"
LOGS_KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"
AUDITOR = "DrxAuditor"
WAIT_SECONDS = 60


@dataclass
class Emulator:
    """The account as its user `airflow` sees it."""

    home: SandboxHome
    process: OwnedProcess
    environment: dict[str, str] = field(default_factory=dict)

    def client(self, name: str, **options: Any) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            verify=options.pop("verify", self.environment["AWS_CA_BUNDLE"]),
            region_name=options.pop("region_name", REGION),
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            **options,
        )


def start(
    home: SandboxHome, daemons: Daemons, *, enforcing: bool = False, postgres_port: int | None = None
) -> Emulator:
    pki.ensure_ca(home)
    service.keep_metadata_secret(home, "druid", "a password", "jdbc:postgresql://127.0.0.1:1/druid")
    process = OwnedProcess.start(
        service.aws_service(home, daemons=daemons, enforcing=enforcing, postgres_port=postgres_port)
    )
    process.wait_ready()
    return Emulator(home, process, service.user_environment(home, "airflow"))


def role_environment(
    home: SandboxHome, role_arn: str, session_name: str = "drx1.test.1", **told: Any
) -> dict[str, str]:
    """The environment with which boto3 and the `aws` CLI act as the role, which the user `airflow` has become.

    What else AssumeRole is told is ``told``.
    """
    return _as_role(home, "airflow", role_arn, session_name, **told)


def auditor_environment(home: SandboxHome, session_name: str = "grace") -> dict[str, str]:
    """The environment with which boto3 and the `aws` CLI act as the auditor, whom the user `operator` has become.

    The emulated STS knows no one-time codes, so the account's owner first lets the role be taken on without one.
    """
    iam = Emulator(home, None, service.user_environment(home, "owner")).client("iam")
    trust = iam.get_role(RoleName=AUDITOR)["Role"]["AssumeRolePolicyDocument"]
    for each in trust["Statement"]:
        each.pop("Condition", None)
    iam.update_assume_role_policy(RoleName=AUDITOR, PolicyDocument=json.dumps(trust))
    iam.close()
    return _as_role(home, "operator", f"arn:aws:iam::{ACCOUNT}:role/{AUDITOR}", session_name)


def _as_role(home: SandboxHome, user: str, role_arn: str, session_name: str, **told: Any) -> dict[str, str]:
    environment = service.user_environment(home, user)
    sts = Emulator(home, None, environment).client("sts")
    given = sts.assume_role(RoleArn=role_arn, RoleSessionName=session_name, **told)["Credentials"]
    sts.close()
    return environment | {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def request(**changes: Any) -> dict[str, Any]:
    """A RunJobFlow that is accepted, with top-level `changes`; None removes."""
    wanted = {
        "Name": "night",
        "ReleaseLabel": "emr-7.2.0",
        "LogUri": f"s3://{LOGS}/emr/",
        "LogEncryptionKmsKeyId": LOGS_KEY,
        "JobFlowRole": "DrxEmrEc2Phi",
        "ServiceRole": "DrxEmrService",
        "Applications": [{"Name": "Hadoop"}],
        "Instances": instances(),
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def instances(**changes: Any) -> dict[str, Any]:
    groups = [
        {"Name": "primary", "InstanceRole": "MASTER", "InstanceType": "m6g.xlarge", "InstanceCount": 1},
        {"Name": "core", "InstanceRole": "CORE", "InstanceType": "r6g.xlarge", "InstanceCount": 2},
    ]
    wanted = {
        "InstanceGroups": groups,
        "Ec2SubnetId": "subnet-0d70000000000001",
        "KeepJobFlowAliveWhenNoSteps": True,
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def shell(script: str, action: str = "CONTINUE", name: str = "step") -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", script]}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar_step}


def cluster(emr: Any, cluster_id: str) -> dict[str, Any]:
    return dict(emr.describe_cluster(ClusterId=cluster_id)["Cluster"])


def state(emr: Any, cluster_id: str) -> str:
    return str(cluster(emr, cluster_id)["Status"]["State"])


def step_state(emr: Any, cluster_id: str, step_id: str) -> str:
    return str(emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]["Status"]["State"])


def until(probe: Callable[[], str], *wanted: str, seconds: float = WAIT_SECONDS) -> str:
    """Return what `probe` says once it is one of `wanted`."""
    deadline = time.monotonic() + seconds
    while (found := probe()) not in wanted:
        assert time.monotonic() < deadline, f"{found} is none of {wanted} after {seconds} seconds"
        time.sleep(0.1)
    return found


def script(s3: Any, name: str, text: str) -> str:
    """Put a script into the artifacts bucket and return its URI."""
    s3.put_object(Bucket=ARTIFACTS, Key=f"tests/{name}", Body=text.encode())
    return f"s3://{ARTIFACTS}/tests/{name}"
