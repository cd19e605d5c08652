"""The policies of emr_configs/iam as the templates' roles have them; `make policies` writes them anew.

The templates are the source: they are deployed, and what the roles then have is what is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

IAM = Path(__file__).parents[1] / "emr_configs" / "iam"
# By file: the role whose inline policy of that name it is.
ROLES = {
    "airflow_general": "DrxAirflowGeneral",
    "airflow_phi": "DrxAirflowPhi",
    "auditor": "DrxAuditor",
    "cluster_general": "DrxEmrEc2General",
    "cluster_phi": "DrxEmrEc2Phi",
    "druid_node": "DrxDruidNode",
    "emr_service": "DrxEmrService",
    "redshift": "DrxRedshift",
}
WORKER = "airflow_worker"
WORKER_ARN = "arn:aws:iam::111122223333:policy/DrxAirflowWorker"


def of_the_account(iam: Any) -> dict[str, Any]:
    """Every policy by its file's name, as IAM's client tells them."""
    found = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name, role in ROLES.items()
    }
    version = iam.get_policy(PolicyArn=WORKER_ARN)["Policy"]["DefaultVersionId"]
    worker = iam.get_policy_version(PolicyArn=WORKER_ARN, VersionId=version)["PolicyVersion"]
    return found | {WORKER: worker["Document"]}


def write() -> None:
    """Deploy the templates in this process and write the files."""
    from moto import mock_aws

    from druid_reindex.sandbox.aws import account
    from druid_reindex.sandbox.aws.cloudformation.deploy import deploy
    from druid_reindex.sandbox.aws.cloudformation.resources import client

    deploy(IAM.parent / "cloudformation", account.parameters())
    calls = mock_aws()
    calls.start(reset=False)
    try:
        found = of_the_account(client("iam", "us-east-1"))
    finally:
        calls.stop()
    for name, document in found.items():
        (IAM / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
