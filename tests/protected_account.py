"""An account's protections, each turned off by an API call of its owner's and on again when the block ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from posture_facts import ACCOUNT

PHI_BUCKET = f"drx-phi-{ACCOUNT}"
ARTIFACTS_BUCKET = f"drx-artifacts-{ACCOUNT}"
LOGS_BUCKET = f"drx-logs-{ACCOUNT}"
KDC_SECRET = "druid-reindex/kdc"
_KMS = "aws:kms"


@dataclass(frozen=True)
class Owner:
    """Who owns the account: ``client`` makes a boto3 client of a service."""

    client: Callable[[str], Any]

    @contextmanager
    def default_encryption(self, bucket: str, algorithm: str | None, key: str = "") -> Iterator[None]:
        """Another default encryption of the bucket; None deletes what it has."""
        s3 = self.client("s3")
        kept = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        if algorithm is None:
            s3.delete_bucket_encryption(Bucket=bucket)
        else:
            default = {"SSEAlgorithm": algorithm} | ({"KMSMasterKeyID": key} if key else {})
            rules = [{"ApplyServerSideEncryptionByDefault": default}]
            s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        try:
            yield
        finally:
            s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=kept)

    @contextmanager
    def bucket_policy(
        self, bucket: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
    ) -> Iterator[None]:
        """The bucket's policy with other statements; none left deletes it."""
        s3 = self.client("s3")
        kept = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        statements = change(json.loads(kept)["Statement"])
        if statements:
            s3.put_bucket_policy(Bucket=bucket, Policy=_policy(statements))
        else:
            s3.delete_bucket_policy(Bucket=bucket)
        try:
            yield
        finally:
            s3.put_bucket_policy(Bucket=bucket, Policy=kept)

    @contextmanager
    def public_access(self, bucket: str, **settings: bool) -> Iterator[None]:
        """The bucket's public access block with other settings; none at all deletes it."""
        s3 = self.client("s3")
        kept = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        if settings:
            s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=kept | settings)
        else:
            s3.delete_public_access_block(Bucket=bucket)
        try:
            yield
        finally:
            s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=kept)

    @contextmanager
    def disabled_key(self, key: str) -> Iterator[None]:
        """The KMS key, disabled; by its id, for moto knows no ARN here."""
        kms, key = self.client("kms"), key.rpartition("/")[2]
        kms.disable_key(KeyId=key)
        try:
            yield
        finally:
            kms.enable_key(KeyId=key)

    @contextmanager
    def dying_key(self, key: str) -> Iterator[None]:
        """The KMS key, waiting for its deletion; by its id, for moto knows no ARN here."""
        kms, key = self.client("kms"), key.rpartition("/")[2]
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        try:
            yield
        finally:
            kms.cancel_key_deletion(KeyId=key)
            kms.enable_key(KeyId=key)

    @contextmanager
    def key_policy(self, key: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Iterator[None]:
        """The KMS key's policy with other statements."""
        kms = self.client("kms")
        kept = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        other = _policy(change(json.loads(kept)["Statement"]))
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=other)
        try:
            yield
        finally:
            kms.put_key_policy(KeyId=key, PolicyName="default", Policy=kept)

    @contextmanager
    def ingress(self, group: str, rule: Mapping[str, Any]) -> Iterator[None]:
        """The security group with one more inbound rule."""
        ec2 = self.client("ec2")
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        try:
            yield
        finally:
            ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])

    @contextmanager
    def public_addresses(self, subnet: str) -> Iterator[None]:
        """The subnet, giving public addresses at launch."""
        ec2 = self.client("ec2")
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        try:
            yield
        finally:
            ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})

    @contextmanager
    def internet_route(self, subnet: str) -> Iterator[None]:
        """The subnet, with a route to an internet gateway."""
        ec2 = self.client("ec2")
        (found,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
        tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])[
            "RouteTables"
        ]
        table = tables[0]["RouteTableId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=found["VpcId"])
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        try:
            yield
        finally:
            ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
            ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=found["VpcId"])
            ec2.delete_internet_gateway(InternetGatewayId=gateway)

    @contextmanager
    def block_public_access(self, **settings: Any) -> Iterator[None]:
        """EMR's block public access with other settings."""
        emr = self.client("emr")
        on = {"BlockPublicSecurityGroupRules": True, "PermittedPublicSecurityGroupRuleRanges": []}
        emr.put_block_public_access_configuration(BlockPublicAccessConfiguration=on | settings)
        try:
            yield
        finally:
            emr.put_block_public_access_configuration(BlockPublicAccessConfiguration=on)

    @contextmanager
    def deleted_secret(self, secret_id: str) -> Iterator[None]:
        """The secret, deleted, as far as Secrets Manager deletes at once."""
        secrets = self.client("secretsmanager")
        secrets.delete_secret(SecretId=secret_id, RecoveryWindowInDays=7)
        try:
            yield
        finally:
            secrets.restore_secret(SecretId=secret_id)

    @contextmanager
    def role_policy(self, role: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Iterator[None]:
        """The role's inline policies with other statements."""
        iam = self.client("iam")
        kept = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        for name, document in kept.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=_policy(change(document["Statement"])))
        try:
            yield
        finally:
            for name, document in kept.items():
                iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    @contextmanager
    def stored_configuration(self, name: str, document: Mapping[str, Any]) -> Iterator[None]:
        """EMR has a security configuration of that name which says ``document``."""
        emr = self.client("emr")
        emr.create_security_configuration(Name=name, SecurityConfiguration=json.dumps(document))
        try:
            yield
        finally:
            emr.delete_security_configuration(Name=name)

    @contextmanager
    def another_configuration(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
        """The stored security configuration, deleted and made anew with other content under its old name."""
        emr = self.client("emr")
        kept = emr.describe_security_configuration(Name=name)["SecurityConfiguration"]
        emr.delete_security_configuration(Name=name)
        try:
            with self.stored_configuration(name, change(json.loads(kept))):
                yield
        finally:
            emr.create_security_configuration(Name=name, SecurityConfiguration=kept)


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
