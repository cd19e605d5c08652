"""Read-only looks at an AWS account: who asks, keys, network, buckets, and what IAM's policies would allow.

What cannot be read raises; a missing thing is either absent from the answer or a NotFoundError, never a pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

import boto3
from botocore.exceptions import ClientError

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.account import (
    BucketEncryption,
    CallerIdentity,
    KmsKey,
    Need,
    Permission,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.uri import Arn

_ATTEMPTS = 2
# No network is wider that belongs to one registry: two halves of everywhere are everywhere, too.
# Sources: https://www.iana.org/assignments/ipv4-address-space, https://www.iana.org/assignments/ipv6-unicast-address-assignments
_WIDEST_PREFIX = {4: 8, 6: 12}
_NO_DEFAULT_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"


class AwsSurvey:
    """One account in one Region, read through the session's own credentials."""

    def __init__(self, session: boto3.Session) -> None:
        config = client_config(attempts=_ATTEMPTS)
        with translated("make AWS clients", "the AWS session"):
            self._sts = session.client("sts", config=config)
            self._iam = session.client("iam", config=config)
            self._kms = session.client("kms", config=config)
            self._ec2 = session.client("ec2", config=config)
            self._s3 = session.client("s3", config=config)

    def identity(self) -> CallerIdentity:
        """Who the credentials belong to. Raises NotAuthorizedError when there are none, or AWS refuses them."""
        with translated("ask who we are", "AWS STS"):
            answer = self._sts.get_caller_identity()
        return CallerIdentity(answer["Account"], answer["Arn"])

    def principal(self, identity: CallerIdentity) -> str:
        """The ARN whose policies IAM can simulate: of an assumed role the role, with its path.

        Raises ConfigurationError for a caller that has no policies of its own (root, a federated user).
        Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
        """
        kind, _, name = Arn.parse(identity.arn).resource.partition("/")
        if kind == "user":
            return identity.arn
        if kind == "assumed-role":
            return self.role(name.split("/")[0])
        raise ConfigurationError(
            "simulate IAM policies",
            resource=identity.arn,
            came_back="neither a user nor a role",
            remedy="ask as the role that Airflow's AWS connection assumes",
        )

    def role(self, name: str) -> str:
        """The ARN of the role ``name``. Raises NotFoundError when there is none."""
        with translated("read a role", name):
            return self._iam.get_role(RoleName=name)["Role"]["Arn"]

    def role_of_instance_profile(self, name: str) -> str:
        """The ARN of the role in the instance profile ``name``. Raises NotFoundError when there is no such profile."""
        with translated("read an instance profile", name):
            roles = self._iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
        if not roles:
            raise ConfigurationError(
                "read an instance profile",
                resource=name,
                came_back="it has no role",
                remedy="add the clusters' role to the instance profile",
            )
        return roles[0]["Arn"]

    def permissions(self, principal: str, needs: Iterable[Need]) -> list[Permission]:
        """What IAM decides for ``principal`` about each action of ``needs``, by identity policies alone.

        Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
        """
        return [decided for need in needs for decided in self._simulated(principal, need)]

    def key(self, key_id: str) -> KmsKey:
        """The KMS key of that ARN, id or alias. Raises NotFoundError when there is none."""
        with translated("read a KMS key", key_id):
            found = self._kms.describe_key(KeyId=key_id)["KeyMetadata"]
        return KmsKey(
            found["Arn"],
            found["KeyState"],
            found["KeyManager"],
            found["KeySpec"],
            found.get("KeyUsage", "not told"),
            found.get("DeletionDate"),
        )

    def key_policy(self, key_id: str) -> Mapping[str, Any]:
        """The policy of the KMS key. Raises NotFoundError when there is no such key."""
        with translated("read a KMS key's policy", key_id):
            policy: Mapping[str, Any] = json.loads(
                self._kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
            )
        return policy

    def subnets(self, ids: Sequence[str]) -> list[Subnet]:
        """Those of ``ids`` that exist."""
        with translated("read subnets", ", ".join(ids)):
            found = self._ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": list(ids)}])["Subnets"]
        routes = self._route_tables(sorted({subnet["VpcId"] for subnet in found}))
        return [
            Subnet(
                subnet["SubnetId"],
                subnet["VpcId"],
                _internet_gateways(_route_table(routes, subnet)),
                bool(subnet.get("MapPublicIpOnLaunch")),
            )
            for subnet in found
        ]

    def tenancies(self, vpc_ids: Sequence[str]) -> dict[str, str]:
        """The instance tenancy of those VPCs that exist: default, dedicated or host.

        Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Vpc.html
        """
        with translated("read VPCs", ", ".join(vpc_ids)):
            found = self._ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": list(vpc_ids)}])["Vpcs"]
        return {each["VpcId"]: str(each.get("InstanceTenancy", "not told")) for each in found}

    def security_groups(self, ids: Sequence[str]) -> list[SecurityGroup]:
        """Those of ``ids`` that exist."""
        filters: Any = [{"Name": "group-id", "Values": list(ids)}]
        with translated("read security groups", ", ".join(ids)):
            found = self._ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        return [SecurityGroup(group["GroupId"], group["VpcId"], tuple(_public_ingress(group))) for group in found]

    def bucket_encryption(self, bucket: str) -> BucketEncryption:
        """What S3 encrypts new objects with when a request does not say. Raises NotFoundError for no such bucket.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketEncryption.html
        """
        with translated("read a bucket's default encryption", f"s3://{bucket}"):
            try:
                answer = self._s3.get_bucket_encryption(Bucket=bucket)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == _NO_DEFAULT_ENCRYPTION:
                    return BucketEncryption("none", "")
                raise
        rules = answer["ServerSideEncryptionConfiguration"]["Rules"]
        default = rules[0].get("ApplyServerSideEncryptionByDefault") if rules else None
        if default is None:
            return BucketEncryption("none", "")
        key_id = default.get("KMSMasterKeyID", "")
        return BucketEncryption(default["SSEAlgorithm"], self._arn_of_key(key_id) if key_id else "")

    def _arn_of_key(self, key_id: str) -> str:
        """A bucket may name its key by ARN, id or alias."""
        return key_id if key_id.startswith("arn:") and ":key/" in key_id else self.key(key_id).arn

    def _simulated(self, principal: str, need: Need) -> list[Permission]:
        request: dict[str, Any] = {
            "PolicySourceArn": principal,
            "ActionNames": list(need.actions),
            "ResourceArns": [need.resource],
        }
        conditions = dict(need.conditions) | ({"iam:PassedToService": need.passed_to} if need.passed_to else {})
        if conditions:
            request["ContextEntries"] = [
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in conditions.items()
            ]
        with translated("simulate IAM policies", principal):
            pages = self._iam.get_paginator("simulate_principal_policy").paginate(**request)
            results = [result for page in pages for result in page["EvaluationResults"]]
        return [Permission(each["EvalActionName"], need.resource, each["EvalDecision"]) for each in results]

    def _route_tables(self, vpc_ids: Sequence[str]) -> list[Mapping[str, Any]]:
        if not vpc_ids:
            return []
        with translated("read route tables", ", ".join(vpc_ids)):
            pages = self._ec2.get_paginator("describe_route_tables").paginate(
                Filters=[{"Name": "vpc-id", "Values": list(vpc_ids)}]
            )
            return [table for page in pages for table in page["RouteTables"]]


def _route_table(tables: Iterable[Mapping[str, Any]], subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    """The subnet's own route table, else its VPC's main one.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html
    """
    main: Mapping[str, Any] = {}
    for table in tables:
        for association in table["Associations"]:
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    if not main:
        raise ConfigurationError(
            "read a subnet's routes",
            resource=str(subnet["SubnetId"]),
            came_back="AWS shows no route table for it",
            remedy="allow ec2:DescribeRouteTables for the whole VPC",
        )
    return main


def _public_ingress(group: Mapping[str, Any]) -> Iterator[str]:
    """The inbound rules that let everybody in, or a good part of everybody, each as its protocol, ports and range."""
    for rule in group.get("IpPermissions", []):
        ranges = [each["CidrIp"] for each in rule.get("IpRanges", [])]
        ranges += [each["CidrIpv6"] for each in rule.get("Ipv6Ranges", [])]
        ports = f"{rule.get('FromPort', 'all')}-{rule.get('ToPort', 'all')}"
        yield from (f"{rule.get('IpProtocol')} {ports} from {each}" for each in ranges if _is_of_the_internet(each))


def _is_of_the_internet(cidr: str) -> bool:
    network = ip_network(cidr, strict=False)
    return network.prefixlen < _WIDEST_PREFIX[network.version]


def _internet_gateways(table: Mapping[str, Any]) -> tuple[str, ...]:
    gateways = {str(route.get("GatewayId", "")) for route in table["Routes"]}
    return tuple(sorted(gateway for gateway in gateways if gateway.startswith("igw-")))
