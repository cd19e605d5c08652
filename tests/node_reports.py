"""A node's report of a cluster on which everything holds, and what AWS says of that cluster."""

from __future__ import annotations

import json
from typing import Any

from druid_reindex.model.account import ClusterInstance, LiveCluster, Volume

CLUSTER = "j-0000000000001"
NODES = ("i-0000000000000000a", "i-0000000000000000b")
CIPHER = "AES/CTR/NoPadding"


def report(instance_id: str, nonce: str, /, **changes: Any) -> dict[str, Any]:
    """The report as `attest.sh` writes it; ``changes`` replace whole parts."""
    return {
        "schema": "druid-reindex/node-attestation/1",
        "nonce": nonce,
        "cluster_id": CLUSTER,
        "instance_id": instance_id,
        "role": "CORE",
        "reported_at": "2026-10-06T02:35:00Z",
        "release_label": "emr-7.2.0",
        "volumes": [{"mount": "/mnt", "device": "/dev/mapper/mnt", "encryption": "luks", "cipher": "aes-xts-plain64"}],
        "kerberos": {"authentication": "kerberos", "realm": "EC2.INTERNAL", "simple_refused": True},
        "rpc": {"protection": "privacy"},
        "hdfs": {
            "transfer_protection": "privacy",
            "encrypt_data_transfer": True,
            "cipher_suites": CIPHER,
            "http_policy": "HTTPS_ONLY",
        },
        "shuffle": {"ssl": True},
        "certificates": [
            {
                "endpoint": "datanode:9865",
                "subject": "CN=*.ec2.internal",
                "issuer": "CN=CA",
                "not_after": "2099-01-01T00:00:00Z",
                "key_bits": 2048,
                "trusted": True,
            }
        ],
        "imds": {"v1_refused": True},
        **changes,
    }


def body(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode()


def instances(*ids: str, state: str = "RUNNING") -> list[ClusterInstance]:
    return [ClusterInstance(each, state) for each in ids]


def volumes(*ids: str, key: str) -> tuple[Volume, ...]:
    return tuple(Volume(f"vol-{each[2:]}", each, "/dev/xvda", is_encrypted=True, key_arn=key) for each in ids)


def live(request: dict[str, Any], **changes: Any) -> LiveCluster:
    """The cluster that EMR made of the request, under the security that `posture_facts` names."""
    from posture_facts import DOCUMENT, SECURITY

    placed = request["Instances"]
    groups = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup")
    told = {
        "cluster_id": CLUSTER,
        "configuration_name": SECURITY.name,
        "configuration": DOCUMENT,
        "realm": SECURITY.realm,
        "log_uri": request["LogUri"],
        "log_key_arn": request["LogEncryptionKmsKeyId"],
        "release_label": request["ReleaseLabel"],
        "subnet_id": placed["Ec2SubnetId"],
        "group_ids": tuple(placed[each] for each in groups),
    }
    return LiveCluster(**told | changes)
