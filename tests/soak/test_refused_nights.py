"""Whole nights on real engines in which one role lacks one permission: red, the permission named, no cluster left."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest

from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.iam.replay import read
from real_sandbox import STEPS, VITALS, Sandbox

pytestmark = pytest.mark.soak

DAY = "2026-10-05/2026-10-06"
LIMIT_SECONDS = 1500.0


@dataclass(frozen=True)
class Lacking:
    """One Allow less: whose policy it is, and the action that is then refused."""

    identity: str
    policy: str
    sid: str
    action: str
    pipeline: str = VITALS
    said: str = ""  # what the night tells, where it is not told the action

    def __str__(self) -> str:
        return f"{self.identity}-{self.sid}"


# Without the list of clusters a run would keep its lease, as nobody could say that it has left none. Druid's task
# renames what the job wrote: S3 answers its HEAD with 403 and no body, so that the record alone names the permission.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
CASES = (
    Lacking("role/DrxAirflowPhi", "airflow_phi", "PassClusterRole", "iam:PassRole"),
    Lacking("role/DrxEmrService", "emr_service", "LaunchInstances", "ec2:RunInstances"),
    Lacking(
        "role/DrxEmrEc2Phi",
        "cluster_phi",
        "ReadMetadataStoreSecretInEmrSteps",
        "secretsmanager:GetSecretValue",
        STEPS,
    ),
    Lacking("user/druid", "druid_node", "ListDeepStorage", "s3:ListBucket", said="Forbidden (Service: Amazon S3"),
)


@contextlib.contextmanager
def lacking(case: Lacking) -> Iterator[None]:
    """The account's policy is without the statement until the block ends."""
    iam = boto3.client("iam")
    kind, _, name = case.identity.partition("/")
    of = {"RoleName": name} if kind == "role" else {"UserName": name}
    get, put = getattr(iam, f"get_{kind}_policy"), getattr(iam, f"put_{kind}_policy")
    shipped = get(**of, PolicyName=case.policy)["PolicyDocument"]
    left = [each for each in shipped["Statement"] if each["Sid"] != case.sid]
    assert len(left) == len(shipped["Statement"]) - 1
    put(**of, PolicyName=case.policy, PolicyDocument=json.dumps(shipped | {"Statement": left}))
    try:
        yield
    finally:
        put(**of, PolicyName=case.policy, PolicyDocument=json.dumps(shipped))
        iam.close()


def refusals(sandbox: Sandbox) -> list[str]:
    return [each.said for each in read(records.file(sandbox.home)).decisions if each.said]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_night_without_one_permission_is_red_and_names_it(sandbox: Sandbox, case: Lacking) -> None:
    runs, rows, before = sandbox.runs(case.pipeline), sandbox.rows_by_day(case.pipeline), len(refusals(sandbox))
    with lacking(case):
        run_id = runs.start({"interval": DAY, "force": True})
        assert runs.follow(run_id, limit_seconds=LIMIT_SECONDS) == "failed"
        told = [said for said in refusals(sandbox)[before:] if f"perform: {case.action} on resource" in said]
        assert told
    emr = boto3.client("emr")
    assert {each["Status"]["State"] for each in emr.list_clusters()["Clusters"]} <= {
        "TERMINATED", "TERMINATED_WITH_ERRORS"
    }  # fmt: skip
    emr.close()
    (text,) = [text for text in sandbox.told_nights() if f"run {run_id} is failed" in text]
    assert (case.said or case.action) in text, text
    assert sandbox.rows_by_day(case.pipeline) == rows
