"""A kerberized cluster of the sandbox's EMR with Druid's CLI indexer, for steps that a test adds one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_profile
from druid_reindex.sandbox.aws.service import emr_configs
from emulated_account import ARTIFACTS, request, state, step_state, until
from real_sandbox import Sandbox
from secured_clusters import dedicated, put_certificates, secured

STEP_SECONDS = 300


def local_profile() -> Any:
    """The shipped profile, whose jobs run within the step, on splits that are much smaller than a day's file."""
    shipped = load_profile(emr_configs(), "small")
    small = {"mapreduce.framework.name": "local", "mapreduce.input.fileinputformat.split.maxsize": "50000"}
    return shipped.model_copy(update={"job": shipped.job.model_copy(update={"properties": small})})


@contextmanager
def indexing_cluster(sandbox: Sandbox, boundary: Boundary, name: str) -> Iterator[str]:
    """Yield the id of the cluster, which is up; it has ended afterwards."""
    emr = boto3.client("emr")
    put_certificates(sandbox.home, boto3.client("s3"))
    install = {"Path": f"s3://{ARTIFACTS}/bootstrap/install_druid.sh", "Args": [f"s3://{ARTIFACTS}/"]}
    wanted = request(
        SecurityConfiguration=secured(emr, name, dedicated()),
        KerberosAttributes={"Realm": "EC2.INTERNAL", "KdcAdminPassword": "of this cluster alone"},
        JobFlowRole=boundary.emr_instance_profile,
        LogUri=boundary.emr_log_uri,
        BootstrapActions=[{"Name": "druid", "ScriptBootstrapAction": install}],
    )
    launched = emr.run_job_flow(**wanted)["JobFlowId"]
    until(lambda: state(emr, launched), "WAITING", seconds=STEP_SECONDS)
    try:
        yield launched
    finally:
        emr.terminate_job_flows(JobFlowIds=[launched])
        until(lambda: state(emr, launched), "TERMINATED")


def ended(cluster_id: str, step: Mapping[str, Any]) -> str:
    """The state in which the step ended."""
    emr = boto3.client("emr")
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"]
    return until(lambda: step_state(emr, cluster_id, step_id), "COMPLETED", "FAILED", seconds=STEP_SECONDS)
