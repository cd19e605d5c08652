"""Read-only looks at EMR and at what its clusters stand on: configurations, releases, instances, volumes, secrets.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_config
from druid_reindex.errors import NotFoundError, RefusedError
from druid_reindex.model.account import ClusterInstance, KeptSecret, LiveCluster, Volume

_ATTEMPTS = 2
_MOST_FILTER_VALUES = 200


class EmrSurvey:
    """EMR, EC2's volumes and Secrets Manager's names in one account and Region."""

    def __init__(self, session: boto3.Session, *, attempts: int = _ATTEMPTS) -> None:
        config = client_config(attempts=attempts)
        with translated("make AWS clients", "the AWS session"):
            self._emr = session.client("emr", config=config)
            self._ec2 = session.client("ec2", config=config)
            self._secrets = session.client("secretsmanager", config=config)
        self._where = f"EMR {self._emr.meta.region_name}"

    def security_configuration(self, name: str) -> Mapping[str, Any] | None:
        """The stored document of that name; None when EMR lists no such name."""
        with translated("list security configurations", self._where):
            pages = self._emr.get_paginator("list_security_configurations").paginate()
            known = {each["Name"] for page in pages for each in page["SecurityConfigurations"]}
        if name not in known:
            return None
        with translated("read a security configuration", name):
            text = self._emr.describe_security_configuration(Name=name)["SecurityConfiguration"]
        found: Mapping[str, Any] = json.loads(text)
        return found

    def block_public_access(self) -> Mapping[str, Any]:
        """EMR's block public access configuration of the Region."""
        with translated("read EMR's block public access", self._where):
            found = self._emr.get_block_public_access_configuration()["BlockPublicAccessConfiguration"]
        return dict(found)

    def release_labels(self) -> frozenset[str]:
        """The releases that EMR offers."""
        with translated("list EMR's releases", self._where):
            labels: list[str] = []
            more: dict[str, Any] = {}
            while True:
                page = self._emr.list_release_labels(**more)
                labels += page.get("ReleaseLabels", [])
                if not page.get("NextToken"):
                    return frozenset(labels)
                more = {"NextToken": page["NextToken"]}

    def applications(self, release_label: str) -> Mapping[str, str]:
        """The release's applications with their versions."""
        with translated("describe an EMR release", release_label):
            found = self._emr.describe_release_label(ReleaseLabel=release_label).get("Applications", [])
        return {each["Name"]: each.get("Version", "") for each in found}

    def cluster(self, cluster_id: str) -> LiveCluster:
        """What EMR says of the cluster's protection. Raises NotFoundError for an id that EMR does not know."""
        try:
            with translated("describe a cluster", cluster_id):
                found: Any = self._emr.describe_cluster(ClusterId=cluster_id)["Cluster"]
        except RefusedError as error:
            raise NotFoundError(
                error.attempted, resource=cluster_id, came_back=error.came_back, remedy="check the id and the Region"
            ) from error
        instances, name = found.get("Ec2InstanceAttributes", {}), found.get("SecurityConfiguration", "")
        groups = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
        return LiveCluster(
            cluster_id=cluster_id,
            configuration_name=name,
            configuration=self.security_configuration(name) if name else None,
            realm=found.get("KerberosAttributes", {}).get("Realm", ""),
            log_uri=found.get("LogUri", ""),
            log_key_arn=found.get("LogEncryptionKmsKeyId", ""),
            release_label=found.get("ReleaseLabel", ""),
            subnet_id=instances.get("Ec2SubnetId", ""),
            group_ids=tuple(instances[each] for each in groups if instances.get(each)),
        )

    def instances(self, cluster_id: str) -> list[ClusterInstance]:
        """Every instance that the cluster has or had, by its EC2 id; one that EC2 has not given yet has none."""
        with translated("list a cluster's instances", cluster_id):
            pages = self._emr.get_paginator("list_instances").paginate(ClusterId=cluster_id)
            found = [each for page in pages for each in page.get("Instances", [])]
        return [
            ClusterInstance(each.get("Ec2InstanceId") or each["Id"], each.get("Status", {}).get("State", ""))
            for each in found
        ]

    def volumes(self, instance_ids: Iterable[str]) -> tuple[Volume, ...]:
        """The EBS volumes that are attached to the instances, root volumes among them."""
        ids, found = sorted(instance_ids), []
        for start in range(0, len(ids), _MOST_FILTER_VALUES):
            some: Any = [{"Name": "attachment.instance-id", "Values": ids[start : start + _MOST_FILTER_VALUES]}]
            with translated("read the instances' volumes", ", ".join(ids)):
                for page in self._ec2.get_paginator("describe_volumes").paginate(Filters=some):
                    found += page["Volumes"]
        return tuple(
            Volume(
                each["VolumeId"],
                at["InstanceId"],
                at.get("Device", ""),
                bool(each.get("Encrypted")),
                each.get("KmsKeyId", ""),
            )
            for each in found
            for at in each.get("Attachments", [])
        )

    def secret_exists(self, secret_id: str) -> bool:
        """Whether there is such a secret that is not about to be deleted; its value is not read."""
        return self.secret(secret_id) is not None

    def secret(self, secret_id: str) -> KeptSecret | None:
        """The secret; None when there is none, or it is about to be deleted. Its value is not read."""
        try:
            with translated("read about a secret", secret_id):
                found = self._secrets.describe_secret(SecretId=secret_id)
        except NotFoundError:
            return None
        return None if "DeletedDate" in found else KeptSecret(found["ARN"], found.get("KmsKeyId", ""))
