"""The account that exists when the emulator starts: what `emr_configs/cloudformation` makes, and what a sandbox adds.

A sandbox has no single sign-on and no instances, so IAM users with fixed keys stand for Airflow's workers, for Druid's
servers, for the person who operates both, and for the account's owner, who may turn its protections off; and it puts
bootstrap scripts and the secret's value where they belong.
"""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from druid_reindex.sandbox.aws.cloudformation import keys
from druid_reindex.sandbox.aws.cloudformation.deploy import deploy
from druid_reindex.sandbox.aws.service import METADATA_SECRET, USERS, access_key, emr_configs
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SITE_ADMIN_SECRET
from druid_reindex.sandbox.tokens import TOKEN_KEY_ID, TOKEN_KEY_SECRET, TOKEN_KEY_VERSION

PARTITION = "aws"
ARTIFACTS_BUCKET = f"drx-artifacts-{ACCOUNT}"
KDC_SECRET = "druid-reindex/kdc"  # noqa: S105
WORKER_POLICY = f"arn:{PARTITION}:iam::{ACCOUNT}:policy/DrxAirflowWorker"
# Whose inline policies a user has: `airflow` only becomes the roles of the two sides.
USER_ROLES = {"druid": "DrxDruidNode", "operator": "DrxAirflowPhi"}
_LANDING = f"arn:{PARTITION}:s3:::drx-phi-{ACCOUNT}/landing/*"
_GENERAL = f"arn:{PARTITION}:s3:::drx-general-{ACCOUNT}"
_ARTIFACTS = f"arn:{PARTITION}:s3:::{ARTIFACTS_BUCKET}/*"
_TASK_LOGS = f"arn:{PARTITION}:s3:::drx-phi-{ACCOUNT}/druid/logs/*"
_EVIDENCE = f"arn:{PARTITION}:s3:::drx-evidence-{ACCOUNT}"
_LOGS = f"arn:{PARTITION}:s3:::drx-logs-{ACCOUNT}"
# What the sandbox alone needs: patients' files that Druid ingests, and Druid's archive for steps; and what a person
# looks at: logs, and in `druid-reindex doctor` their own permissions. They may change the policies of the product's
# identities, to see what a night without a permission says.
OWN_STATEMENTS: dict[str, list[dict[str, Any]]] = {
    "druid": [{"Sid": "IngestLanding", "Effect": "Allow", "Action": "s3:GetObject", "Resource": _LANDING}],
    "operator": [
        {
            "Sid": "PutInputAndArtifacts",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            "Resource": [_LANDING, _ARTIFACTS],
        },
        {
            "Sid": "ListArtifacts",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": f"arn:{PARTITION}:s3:::{ARTIFACTS_BUCKET}",
        },
        {
            "Sid": "UseArtifactsKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{keys.IDS['LogsKey']}",
        },
        {
            "Sid": "SubmitToRedshift",
            "Effect": "Allow",
            "Action": ["redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement"],
            "Resource": f"arn:{PARTITION}:redshift:{REGION}:{ACCOUNT}:cluster:drx",
        },
        {
            "Sid": "FollowStatements",
            "Effect": "Allow",
            "Action": [
                "redshift-data:CancelStatement",
                "redshift-data:DescribeStatement",
                "redshift-data:GetStatementResult",
                "redshift-data:ListStatements",
                "redshift:DescribeClusters",
            ],
            "Resource": "*",
        },
        {
            "Sid": "SignInToRedshift",
            "Effect": "Allow",
            "Action": ["redshift:GetClusterCredentials", "redshift:GetClusterCredentialsWithIAM"],
            "Resource": [
                f"arn:{PARTITION}:redshift:{REGION}:{ACCOUNT}:dbname:drx/nights",
                f"arn:{PARTITION}:redshift:{REGION}:{ACCOUNT}:dbuser:drx/*",
            ],
        },
        {
            "Sid": "ReadLogs",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [_TASK_LOGS, _LOGS, f"{_LOGS}/*"],
        },
        {
            "Sid": "OperateGeneralNights",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            "Resource": [_GENERAL, f"{_GENERAL}/runs/*"],
        },
        {
            "Sid": "FindGeneralEvidence",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": _EVIDENCE,
            "Condition": {"StringLike": {"s3:prefix": "general/*"}},
        },
        {
            "Sid": "KeepGeneralEvidence",
            "Effect": "Allow",
            "Action": [
                "s3:GetObject",
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:PutObject",
                "s3:PutObjectLegalHold",
                "s3:PutObjectRetention",
            ],
            "Resource": f"{_EVIDENCE}/general/*",
        },
        {
            "Sid": "UseGeneralKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{keys.IDS['GeneralKey']}",
        },
        {
            "Sid": "AskForOwnPermissions",
            "Effect": "Allow",
            "Action": "iam:SimulatePrincipalPolicy",
            "Resource": f"arn:{PARTITION}:iam::{ACCOUNT}:user/operator",
        },
        {
            "Sid": "ChangePolicies",
            "Effect": "Allow",
            "Action": ["iam:GetRolePolicy", "iam:GetUserPolicy", "iam:PutRolePolicy", "iam:PutUserPolicy"],
            "Resource": [f"arn:{PARTITION}:iam::{ACCOUNT}:role/Drx*", f"arn:{PARTITION}:iam::{ACCOUNT}:user/druid"],
        },
        {
            "Sid": "BecomeAuditor",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:{PARTITION}:iam::{ACCOUNT}:role/DrxAuditor",
        },
    ],
    "owner": [{"Sid": "OwnTheAccount", "Effect": "Allow", "Action": "*", "Resource": "*"}],
}


def create(home: SandboxHome) -> dict[str, str]:
    """Create the users, deploy the templates, add what they cannot have, and return the stacks' outputs."""
    for user in USERS:
        _create_user(home, user)
    outputs = deploy(emr_configs() / "cloudformation", parameters())
    _give_policies()
    _put_metadata_secret(home)
    password = json.dumps({"password": home.secret(SITE_ADMIN_SECRET)})
    _make_secret(KDC_SECRET, password)
    _make_secret(TOKEN_KEY_ID, home.secret(TOKEN_KEY_SECRET), version=TOKEN_KEY_VERSION)
    _upload_bootstrap_scripts()
    return outputs


def parameters() -> dict[str, str]:
    """Return what a person would answer to the templates' questions."""
    return {
        "AirflowPrincipalArn": user_arn("airflow"),
        "AuditorPrincipalArn": user_arn("operator"),
        "DruidPrincipalArn": user_arn("druid"),
        "OperatorPrincipalArn": user_arn("operator"),
    }


def user_arn(user: str) -> str:
    """Return the ARN of one of the account's IAM users."""
    return f"arn:{PARTITION}:iam::{ACCOUNT}:user/{user}"


def key_arn(logical_id: str) -> str:
    """Return the ARN of the key that the templates call so, such as `PhiKey`."""
    return f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{keys.IDS[logical_id]}"


def _create_user(home: SandboxHome, user: str) -> None:
    iam = iam_backends[ACCOUNT][PARTITION]
    iam.create_user(REGION, user)
    wanted = access_key(home, user)
    made = iam.create_access_key(user)
    del iam.access_keys[made.access_key_id]
    made.access_key_id, made.secret_access_key = wanted.id, wanted.secret
    iam.access_keys[wanted.id] = made


def _give_policies() -> None:
    iam = iam_backends[ACCOUNT][PARTITION]
    iam.attach_user_policy(WORKER_POLICY, "airflow")
    for user, role in USER_ROLES.items():
        for name, document in iam.get_role(role).policies.items():
            iam.put_user_policy(user, name, document)
    for user, statements in OWN_STATEMENTS.items():
        iam.put_user_policy(user, "sandbox", json.dumps({"Version": "2012-10-17", "Statement": statements}))


def _put_metadata_secret(home: SandboxHome) -> None:
    value = home.known_secrets().get(METADATA_SECRET)
    if value is None:
        return
    secrets: Any = secretsmanager_backends[ACCOUNT][REGION]
    secrets.put_secret_value(METADATA_SECRET, value, None, None, ["AWSCURRENT"])


def _make_secret(name: str, value: str, *, version: str | None = None) -> None:
    """Make a secret that no template makes: the KDC is the site's, and so is the key of the patients' tokens."""
    secrets: Any = secretsmanager_backends[ACCOUNT][REGION]
    secrets.create_secret(name, value, None, None, None, key_arn("DruidKey"), version, [], False)


def _upload_bootstrap_scripts() -> None:
    s3 = s3_backends[ACCOUNT][PARTITION]
    for script in sorted((emr_configs() / "bootstrap").glob("*.*")):
        s3.put_object(ARTIFACTS_BUCKET, f"bootstrap/{script.name}", script.read_bytes())
