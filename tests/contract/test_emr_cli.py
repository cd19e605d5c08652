"""The `aws` command line against the emulated account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from emulated_account import LOGS, Emulator, shell, state, step_state, until

AWS = "from awscli.clidriver import main; import sys; sys.exit(main())"


def aws(emulator: Emulator, *arguments: str) -> Any:
    environment = {"PATH": os.environ["PATH"], "HOME": str(emulator.home.root), **emulator.environment}
    # awscli's own dependencies warn; a warning of theirs is no error of ours.
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", AWS, *arguments, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(ran.stdout) if ran.stdout.strip() else None


def test_a_cluster_from_create_to_terminate(emulator: Emulator, emr: Any) -> None:
    created = aws(
        emulator,
        *("emr", "create-cluster", "--name", "from the shell", "--release-label", "emr-7.2.0"),
        *("--instance-type", "m6g.xlarge", "--instance-count", "2", "--service-role", "DrxEmrService"),
        *("--ec2-attributes", "InstanceProfile=DrxEmrEc2Phi,SubnetId=subnet-0d70000000000001"),
        *("--log-uri", f"s3://{LOGS}/emr/", "--applications", "Name=Hadoop"),
    )
    cluster_id = created["ClusterId"]
    until(lambda: state(emr, cluster_id), "WAITING")
    # A waiter asks once and is content; a second question would come half a minute later.
    aws(emulator, "emr", "wait", "cluster-running", "--cluster-id", cluster_id)
    steps = json.dumps([{"Type": "CUSTOM_JAR", "Name": "s", "ActionOnFailure": "CONTINUE", **_jar(shell("true"))}])
    added = aws(emulator, "emr", "add-steps", "--cluster-id", cluster_id, "--steps", steps)
    (step_id,) = added["StepIds"]
    until(lambda: step_state(emr, cluster_id, step_id), "COMPLETED")
    aws(emulator, "emr", "wait", "step-complete", "--cluster-id", cluster_id, "--step-id", step_id)
    described = aws(emulator, "emr", "describe-cluster", "--cluster-id", cluster_id)["Cluster"]
    assert sum(group["RunningInstanceCount"] for group in described["InstanceGroups"]) == 2
    aws(emulator, "emr", "terminate-clusters", "--cluster-ids", cluster_id)
    until(lambda: state(emr, cluster_id), "TERMINATED")
    listed = aws(emulator, "emr", "list-clusters", "--terminated")["Clusters"]
    assert cluster_id in [item["Id"] for item in listed]


def _jar(step: dict[str, Any]) -> dict[str, Any]:
    jar_step = step["HadoopJarStep"]
    return {"Jar": jar_step["Jar"], "Args": jar_step["Args"]}
