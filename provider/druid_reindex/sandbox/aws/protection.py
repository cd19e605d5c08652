"""What posture asks of the account that moto does not answer: the volumes of EMR's instances, a release's applications.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html,
https://docs.aws.amazon.com/emr/latest/APIReference/API_DescribeReleaseLabel.html,
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-data-encryption-options.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models.elastic_block_store import EBSBackend, Volume, VolumeAttachment
from moto.ec2.utils import generic_filter
from moto.emr.exceptions import InvalidRequestException
from moto.emr.models import emr_backends

from druid_reindex.sandbox.aws.emr import api
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.emr.model import ENDED, Cluster
from druid_reindex.sandbox.aws.emr.releases import hadoop_version
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

# Each node has its root volume and one that HDFS and YARN write to.
DEVICES = ("/dev/xvda", "/dev/sdb")
_DATA_GIB = 64

Json = dict[str, Any]
# moto declares abstract methods of CloudFormation on both, which it never fills in.
_VOLUME: Any = Volume
_ATTACHMENT: Any = VolumeAttachment


def install() -> None:
    """Answer what moto does not, and block public access to EMR; to be called once EMR's own front is installed."""
    api.QUERIES["DescribeReleaseLabel"] = describe_release_label
    api.COMMANDS["PutBlockPublicAccessConfiguration"] = put_block_public_access
    setattr(EBSBackend, "describe_volumes", _describe_volumes)  # noqa: B010 - in the place of moto's own
    _emr().put_block_public_access_configuration(block_public_security_group_rules=True, rule_ranges=[])


def describe_release_label(backend: EmrBackend, request: Json) -> Json:
    """DescribeReleaseLabel. Raises InvalidRequestException for a release that the sandbox cannot run."""
    del backend
    label = request.get("ReleaseLabel", "")
    hadoop = hadoop_version(label)
    if hadoop is None:
        raise InvalidRequestException(f"The requested release label {label} is not supported.")
    return {"ReleaseLabel": label, "Applications": [{"Name": "Hadoop", "Version": hadoop}]}


def put_block_public_access(backend: EmrBackend, request: Json) -> None:
    """PutBlockPublicAccessConfiguration, of which moto takes an off for an on.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_PutBlockPublicAccessConfiguration.html
    """
    asked = request["BlockPublicAccessConfiguration"]
    if "BlockPublicSecurityGroupRules" not in asked:
        raise InvalidRequestException("BlockPublicSecurityGroupRules is required.")
    backend.put_block_public_access_configuration(
        asked["BlockPublicSecurityGroupRules"], asked.get("PermittedPublicSecurityGroupRuleRanges")
    )


def _describe_volumes(ec2: EBSBackend, volume_ids: list[str] | None = None, filters: Any = None) -> list[Volume]:
    """EC2's own volumes and those of EMR's living instances, of which no other call knows."""
    found = [*ec2.volumes.values(), *_of_emr(ec2)]
    if volume_ids:
        found = [volume for volume in found if volume.id in volume_ids]
    return generic_filter(filters, found) if filters else found


def _of_emr(ec2: EBSBackend) -> Iterator[Volume]:
    for cluster in list(_emr().flows.values()):
        if cluster.state not in ENDED:
            yield from _of_cluster(ec2, cluster)


def _of_cluster(ec2: EBSBackend, cluster: Cluster) -> Iterator[Volume]:
    """Volumes are encrypted by EBS only where the security configuration says so; LUKS does not show here."""
    disks = _disks(cluster)
    is_encrypted = disks.get("EnableEbsEncryption") is True
    sizes = (int(cluster.request.get("EbsRootVolumeSize", 15)), _DATA_GIB)
    for instance in cluster.instances:
        for number, (device, size) in enumerate(zip(DEVICES, sizes, strict=True)):
            key = disks.get("AwsKmsKey") if is_encrypted else None
            zone = SimpleNamespace(name=cluster.availability_zone)
            volume = _VOLUME(ec2, f"vol-{number}{instance.ec2_id[3:]}", size, zone, None, is_encrypted, key, "gp3")
            holder = SimpleNamespace(id=instance.ec2_id)
            volume.attachment = _ATTACHMENT(volume, holder, device, "attached")
            volume.create_time = cluster.timeline.created or utcnow()
            yield volume


def _disks(cluster: Cluster) -> Json:
    stored = _emr().security_configurations.get(cluster.request.get("SecurityConfiguration", ""))
    document = json.loads(stored.security_configuration) if stored is not None else {}
    at_rest = document.get("EncryptionConfiguration", {}).get("AtRestEncryptionConfiguration", {})
    disks: Json = at_rest.get("LocalDiskEncryptionConfiguration", {})
    return disks


def _emr() -> EmrBackend:
    backend = emr_backends[ACCOUNT][REGION]
    assert isinstance(backend, EmrBackend)
    return backend
