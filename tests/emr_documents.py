"""EMR's security configurations for tests: one with everything in it, and changes to it by dotted paths."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

PHI_KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
DISK_KEY = "arn:aws:kms:us-east-1:111122223333:key/44444444-4444-4444-8444-444444444444"
OTHER_KEY = "arn:aws:kms:us-east-1:111122223333:key/99999999-9999-4999-8999-999999999999"
ROLE = "arn:aws:iam::111122223333:role/Reindex"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:ranger"
GONE = object()

FULL: Mapping[str, Any] = {
    "EncryptionConfiguration": {
        "EnableInTransitEncryption": True,
        "EnableAtRestEncryption": True,
        "InTransitEncryptionConfiguration": {
            "TLSCertificateConfiguration": {"CertificateProviderType": "PEM", "S3Object": "s3://certs/emr/certs.zip"}
        },
        "AtRestEncryptionConfiguration": {
            "S3EncryptionConfiguration": {
                "EncryptionMode": "SSE-KMS",
                "AwsKmsKey": PHI_KEY,
                "Overrides": [{"BucketName": "other-phi", "EncryptionMode": "SSE-KMS", "AwsKmsKey": OTHER_KEY}],
            },
            "LocalDiskEncryptionConfiguration": {
                "EncryptionKeyProviderType": "AwsKms",
                "AwsKmsKey": DISK_KEY,
                "EnableEbsEncryption": True,
            },
        },
    },
    "AuthenticationConfiguration": {
        "KerberosConfiguration": {
            "Provider": "ClusterDedicatedKdc",
            "ClusterDedicatedKdcConfiguration": {
                "TicketLifetimeInHours": 24,
                "CrossRealmTrustConfiguration": {
                    "Realm": "AD.EXAMPLE.COM",
                    "Domain": "ad.example.com",
                    "AdminServer": "ad.example.com:749",
                    "KdcServer": "ad.example.com",
                },
            },
        }
    },
    "AuthorizationConfiguration": {
        "EmrFsConfiguration": {
            "RoleMappings": [{"Role": ROLE, "IdentifierType": "User", "Identifiers": ["druid"]}],
        },
        "RangerConfiguration": {
            "AdminServerURL": "https://ranger.internal:6182",
            "RoleForRangerPluginsARN": ROLE,
            "RoleForOtherAWSServicesARN": ROLE,
            "AdminServerSecretARN": SECRET,
            "RangerPluginConfigurations": [
                {"App": "Spark", "ClientSecretARN": SECRET, "PolicyRepositoryName": "spark"},
                {"App": "Hive", "ClientSecretARN": SECRET, "PolicyRepositoryName": "hive"},
            ],
        },
        "IAMConfiguration": {
            "EnableApplicationScopedIAMRole": True,
            "ApplicationScopedIAMRoleConfiguration": {"PropagateSourceIdentity": True},
        },
        "LakeFormationConfiguration": {"AuthorizedSessionTagValue": "Amazon EMR"},
    },
    "InstanceMetadataServiceConfiguration": {
        "MinimumInstanceMetadataServiceVersion": 2,
        "HttpPutResponseHopLimit": 1,
    },
}

# Short names of the paths that tests change most.
SHORT = {
    "ENC": "EncryptionConfiguration",
    "REST": "EncryptionConfiguration.AtRestEncryptionConfiguration",
    "S3": "EncryptionConfiguration.AtRestEncryptionConfiguration.S3EncryptionConfiguration",
    "DISK": "EncryptionConfiguration.AtRestEncryptionConfiguration.LocalDiskEncryptionConfiguration",
    "TLS": "EncryptionConfiguration.InTransitEncryptionConfiguration.TLSCertificateConfiguration",
    "KRB": "AuthenticationConfiguration.KerberosConfiguration",
    "KDC": "AuthenticationConfiguration.KerberosConfiguration.ClusterDedicatedKdcConfiguration",
    "TRUST": "AuthenticationConfiguration.KerberosConfiguration.ClusterDedicatedKdcConfiguration"
    ".CrossRealmTrustConfiguration",
    "EMRFS": "AuthorizationConfiguration.EmrFsConfiguration",
    "RANGER": "AuthorizationConfiguration.RangerConfiguration",
    "AUTHZ": "AuthorizationConfiguration",
    "IMDS": "InstanceMetadataServiceConfiguration",
}
EXTERNAL = {
    "Provider": "ExternalKdc",
    "ExternalKdcConfiguration": {
        "TicketLifetimeInHours": 24,
        "KdcServerType": "Single",
        "AdminServer": "kdc.internal:749",
        "KdcServer": "kdc.internal:88",
    },
}


def path(text: str) -> str:
    """The dotted path with its short name spelled out."""
    head, dot, rest = text.partition(".")
    name, bracket, index = head.partition("[")
    return f"{SHORT.get(name, name)}{bracket}{index}{dot}{rest}"


def changed(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with each dotted path of ``changes`` set, or taken out where the value is GONE."""
    made = copy.deepcopy(dict(document))
    for dotted, value in changes.items():
        *way, last = [int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path(dotted))]
        here: Any = made
        for part in way:
            here = here[part] if isinstance(part, int) else here.setdefault(part, {})
        if value is GONE:
            del here[last]
        else:
            here[last] = copy.deepcopy(value)
    return made
