"""Whole nights in Airflow with one protection off: red, stopped by name, nothing submitted, no cluster left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import boto3
import pytest

from druid_reindex.sandbox.aws import service
from emulated_account import Emulator
from posture_facts import PHI
from protected_account import ARTIFACTS_BUCKET, KDC_SECRET, PHI_BUCKET, Owner
from real_sandbox import LOOSENED_PROFILE, LOOSENING_SCRIPT, VITALS, Sandbox

pytestmark = pytest.mark.soak
DAY = "2026-10-05/2026-10-06"
# A script that a person runs on each node before its daemons start, for another reason than this one.
LOOSEN = """#!/bin/bash
sed -i 's|<value>privacy</value>|<value>integrity</value>|' "${DRX_NODE_ROOT:-}/etc/hadoop/conf/core-site.xml"
"""
OFF: dict[str, tuple[str, Callable[[Owner], AbstractContextManager[None]]]] = {
    "public access block": ("S3-06", lambda owner: owner.public_access(PHI_BUCKET)),
    "default encryption": ("S3-03", lambda owner: owner.default_encryption(PHI_BUCKET, None)),
    "closed security group": (
        "EMR-15",
        lambda owner: owner.ingress(
            PHI.network.core_security_group, {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ),
    ),
    "secret of the KDC": ("EMR-30", lambda owner: owner.deleted_secret(KDC_SECRET)),
}


def clusters() -> dict[str, str]:
    """The state of each cluster."""
    emr = boto3.client("emr")
    listed = [each for page in emr.get_paginator("list_clusters").paginate() for each in page["Clusters"]]
    return {each["Id"]: each["Status"]["State"] for each in listed}


def stopped(sandbox: Sandbox, at: str, **conf: object) -> str:
    """The log of the task ``at``, with which a night stopped that rebuilt nothing and left nothing."""
    rows, runs = sandbox.rows_by_day(VITALS), sandbox.runs(VITALS)
    run_id = runs.start({"interval": DAY, "force": True, **conf})
    assert runs.follow(run_id) == "failed"
    tasks = {task.task_id: task for task in sandbox.api.task_instances(runs.dag_id, run_id)}
    assert {name for name, task in tasks.items() if task.state == "failed"} == {at, "verdict"}
    assert tasks["reindex"].state == "upstream_failed"
    assert set(clusters().values()) <= {"TERMINATED"}
    assert sandbox.druid.active_tasks(VITALS) == []
    assert sandbox.rows_by_day(VITALS) == rows
    return "\n".join(sandbox.api.log(runs.dag_id, run_id, tasks[at]))


@pytest.mark.parametrize("what", OFF)
def test_a_night_without_a_protection_launches_nothing(sandbox: Sandbox, what: str) -> None:
    rule, turn = OFF[what]
    before = clusters()
    owner = Emulator(sandbox.home, None, service.user_environment(sandbox.home, "owner"))
    with turn(Owner(owner.client)):
        log = stopped(sandbox, "posture")
    assert f"{rule} " in log
    assert "What to do" in log
    assert clusters() == before


def test_daemons_without_privacy_stop_the_night_before_its_job(sandbox: Sandbox) -> None:
    """The nodes' daemons really run so: the script changes their file before they start."""
    boto3.client("s3").put_object(Bucket=ARTIFACTS_BUCKET, Key=LOOSENING_SCRIPT, Body=LOOSEN.encode())
    log = stopped(sandbox, "attest", profile=LOOSENED_PROFILE)
    assert "ATT-05 Hadoop RPC is private: fail" in log
    assert "hadoop.rpc.protection is integrity, not privacy" in log
