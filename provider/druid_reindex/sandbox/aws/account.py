"""The fixed account that exists when the emulator starts: the ids are those of `emr_configs/boundaries.yaml`.

Written into moto's backends before the first request, because AWS's own calls do not let a caller choose ids.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from moto.ec2.models import ec2_backends, security_groups, subnets, vpcs
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from druid_reindex.sandbox.aws.service import METADATA_SECRET, USERS, access_key, emr_configs
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.home import SandboxHome

PARTITION = "aws"
KEYS = {
    "phi": "11111111-1111-4111-8111-111111111111",
    "general": "22222222-2222-4222-8222-222222222222",
    "logs": "33333333-3333-4333-8333-333333333333",
}
ARTIFACTS_BUCKET = f"drx-artifacts-{ACCOUNT}"
BUCKETS = {
    f"drx-phi-{ACCOUNT}": "phi",
    f"drx-general-{ACCOUNT}": "general",
    ARTIFACTS_BUCKET: "logs",
    f"drx-logs-{ACCOUNT}": "logs",
}
SERVICE_ROLES = {
    "DrxEmrService": "elasticmapreduce.amazonaws.com",
    "DrxEmrEc2Phi": "ec2.amazonaws.com",
    "DrxEmrEc2General": "ec2.amazonaws.com",
    "DrxDruidNode": "ec2.amazonaws.com",
}
USER_ROLES = {"DrxAirflowPhi": "airflow", "DrxAirflowGeneral": "airflow"}
# The shipped policies in emr_configs/iam, by whom they belong to; the user stands for the role that Airflow assumes.
ROLE_POLICIES = {"DrxEmrEc2Phi": "cluster_phi", "DrxAirflowPhi": "airflow_phi"}
USER_POLICIES = {"airflow": "airflow_phi"}
INSTANCE_PROFILES = ("DrxEmrEc2Phi", "DrxEmrEc2General", "DrxDruidNode")
VPC = "vpc-0d70000000000001"
SUBNETS = {
    "subnet-0d70000000000001": ("us-east-1a", "10.77.0.0/20"),
    "subnet-0d70000000000002": ("us-east-1b", "10.77.16.0/20"),
}
SECURITY_GROUPS = {
    "sg-0d70000000000001": "emr-primary",
    "sg-0d70000000000002": "emr-core",
    "sg-0d70000000000003": "emr-service-access",
}


def create(home: SandboxHome) -> None:
    """Create keys, buckets, roles, users, network and secrets, and put the bootstrap scripts into their bucket."""
    for alias, key_id in KEYS.items():
        _create_key(alias, key_id)
    for bucket, key in BUCKETS.items():
        _create_bucket(bucket, key)
    _create_identities(home)
    _create_network()
    _create_metadata_secret(home)
    _upload_bootstrap_scripts()


def key_arn(name: str) -> str:
    """Return the ARN of the account's KMS key `name`: phi, general or logs."""
    return f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{KEYS[name]}"


def _create_key(alias: str, key_id: str) -> None:
    kms = kms_backends[ACCOUNT][REGION]
    key = kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", f"Druid reindex: {alias}", None)
    del kms.keys[key.id]
    key.id, key.arn = key_id, key_arn(alias)
    kms.keys[key_id] = key
    kms.enable_key_rotation(key_id)
    kms.create_alias(key_id, f"alias/drx-{alias}")


def _create_bucket(name: str, key: str) -> None:
    s3 = s3_backends[ACCOUNT][PARTITION]
    s3.create_bucket(name, REGION)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn(key)}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": "true"}
    s3.put_bucket_encryption(name, {"Rule": rule})


def _create_identities(home: SandboxHome) -> None:
    iam = iam_backends[ACCOUNT][PARTITION]
    for user in USERS:
        iam.create_user(REGION, user)
        _create_access_key(home, user)
    for role, service in SERVICE_ROLES.items():
        _create_role(role, {"Service": service})
    for role, user in USER_ROLES.items():
        _create_role(role, {"AWS": f"arn:{PARTITION}:iam::{ACCOUNT}:user/{user}"})
    for profile in INSTANCE_PROFILES:
        iam.create_instance_profile(profile, "/", [profile])
    for role, policy in ROLE_POLICIES.items():
        iam.put_role_policy(role, policy, _shipped_policy(policy))
    for user, policy in USER_POLICIES.items():
        iam.put_user_policy(user, policy, _shipped_policy(policy))


def _shipped_policy(name: str) -> str:
    return (emr_configs() / "iam" / f"{name}.json").read_text(encoding="utf-8")


def _create_access_key(home: SandboxHome, user: str) -> None:
    iam = iam_backends[ACCOUNT][PARTITION]
    wanted = access_key(home, user)
    made = iam.create_access_key(user)
    del iam.access_keys[made.access_key_id]
    made.access_key_id, made.secret_access_key = wanted.id, wanted.secret
    iam.access_keys[wanted.id] = made


def _create_role(name: str, principal: dict[str, str]) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam_backends[ACCOUNT][PARTITION].create_role(name, trust, "/", None, "", [], "3600")


def _create_network() -> None:
    ec2 = ec2_backends[ACCOUNT][REGION]
    with _fixed(vpcs, "random_vpc_id", VPC):
        ec2.create_vpc("10.77.0.0/16")
    for subnet_id, (zone, block) in SUBNETS.items():
        with _fixed(subnets, "random_subnet_id", subnet_id):
            subnet = ec2.create_subnet(VPC, block, availability_zone=zone)
        subnet.map_public_ip_on_launch = False
    for group_id, name in SECURITY_GROUPS.items():
        with _fixed(security_groups, "random_security_group_id", group_id):
            ec2.create_security_group(name, f"Druid reindex: {name}", vpc_id=VPC)


def _create_metadata_secret(home: SandboxHome) -> None:
    value = home.known_secrets().get(METADATA_SECRET)
    if value is None:
        return
    secrets: Any = secretsmanager_backends[ACCOUNT][REGION]
    secrets.create_secret(METADATA_SECRET, value, None, "Druid's metadata store", [], key_arn("phi"), None, [], False)


def _upload_bootstrap_scripts() -> None:
    s3 = s3_backends[ACCOUNT][PARTITION]
    for script in sorted((emr_configs() / "bootstrap").glob("*.sh")):
        s3.put_object(ARTIFACTS_BUCKET, f"bootstrap/{script.name}", script.read_bytes())


@contextlib.contextmanager
def _fixed(module: ModuleType, generator: str, value: str) -> Iterator[None]:
    """Let moto's id generator return `value` inside the block."""
    original = getattr(module, generator)
    setattr(module, generator, lambda: value)
    try:
        yield
    finally:
        setattr(module, generator, original)
