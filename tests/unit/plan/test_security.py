"""EMR's security configuration for a boundary, and what Kerberos needs at launch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from changed_configs import SHIPPED, changed_configs
from druid_reindex.model.cluster_security import CertificateProvider, ClusterSecurity, KerberosChoice, OtherBucket
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_configuration import Authorization, EmrFs, RoleMapping
from druid_reindex.model.security_file import judged, load_security
from druid_reindex.model.security_phi import phi_rules
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import security
from druid_reindex.plan.security import KerberosNeeds
from emr_documents import DISK_KEY, OTHER_KEY, PHI_KEY, ROLE
from wrong_security import REALM

PHI = load_boundaries(SHIPPED).phi
ZIP = S3Uri.parse("s3://certificates/phi.zip")
DEDICATED, EXTERNAL = load_security(SHIPPED, "dedicated_kdc"), load_security(SHIPPED, "external_kdc")


def test_the_shipped_document_word_for_word() -> None:
    assert security.document(DEDICATED, PHI, ZIP) == {
        "EncryptionConfiguration": {
            "EnableInTransitEncryption": True,
            "EnableAtRestEncryption": True,
            "AtRestEncryptionConfiguration": {
                "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": PHI_KEY},
                "LocalDiskEncryptionConfiguration": {
                    "EncryptionKeyProviderType": "AwsKms", "AwsKmsKey": DISK_KEY, "EnableEbsEncryption": True,
                },
            },
            "InTransitEncryptionConfiguration": {
                "TLSCertificateConfiguration": {
                    "CertificateProviderType": "PEM",
                    "S3Object": str(ZIP),
                }
            },
        },
        "AuthenticationConfiguration": {
            "KerberosConfiguration": {
                "Provider": "ClusterDedicatedKdc",
                "ClusterDedicatedKdcConfiguration": {"TicketLifetimeInHours": 24},
            }
        },
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1,
        },
    }  # fmt: skip


@pytest.mark.parametrize("choice", [DEDICATED, EXTERNAL], ids=lambda each: each.name)
def test_the_shipped_ones_are_safe_for_phi(choice: ClusterSecurity) -> None:
    assert security.missing(choice, PHI) == []
    assert judged(security.document(choice, PHI, ZIP), phi_rules(PHI))[1] == []


def test_the_name_is_the_contents() -> None:
    needed = security.needed(DEDICATED, PHI, ZIP)
    assert needed.name.startswith("druid-reindex-")
    assert len(needed.name) == len("druid-reindex-") + 64
    assert needed.content == security.document(DEDICATED, PHI, ZIP)
    assert needed.text == json.dumps(needed.content, sort_keys=True, separators=(",", ":"))
    assert security.needed(DEDICATED, PHI, ZIP) == needed
    assert security.needed(EXTERNAL, PHI, ZIP).name != needed.name
    assert security.is_ours(needed.name, json.dumps(needed.content, indent=2))
    assert not security.is_ours(needed.name, needed.text.replace("24", "25"))
    assert not security.is_ours(needed.name, "{")


def test_disks_other_buckets_roles_and_a_provider_of_certificates() -> None:
    mapping = RoleMapping(Role=ROLE, IdentifierType="User", Identifiers=("druid",))
    choice = DEDICATED.model_copy(update={
        "s3_other_buckets": (OtherBucket(bucket="b-one", kms_key_arn=OTHER_KEY),),
        "certificate_provider": CertificateProvider(jar="s3://jars/p.jar", class_name="com.example.Certs"),
        "authorization": Authorization(EmrFsConfiguration=EmrFs(RoleMappings=(mapping,))),
    })  # fmt: skip
    made = security.document(choice, PHI.model_copy(update={"disk_kms_key_arn": OTHER_KEY}), None)
    assert judged(made)[1] == []
    at_rest = made["EncryptionConfiguration"]["AtRestEncryptionConfiguration"]
    assert at_rest["LocalDiskEncryptionConfiguration"]["AwsKmsKey"] == OTHER_KEY
    assert at_rest["S3EncryptionConfiguration"]["Overrides"] == [
        {"BucketName": "b-one", "EncryptionMode": "SSE-KMS", "AwsKmsKey": OTHER_KEY}
    ]
    tls = made["EncryptionConfiguration"]["InTransitEncryptionConfiguration"]["TLSCertificateConfiguration"]
    assert tls["CertificateProviderClass"] == "com.example.Certs"
    assert made["AuthorizationConfiguration"]["EmrFsConfiguration"]["RoleMappings"][0]["Role"] == ROLE


def test_what_is_off_is_left_out() -> None:
    off = ClusterSecurity(name="x", s3="none", local_disks=False, ebs=False, in_transit=False, kerberos=None)
    made = security.document(off, PHI, None)
    assert made["EncryptionConfiguration"] == {"EnableInTransitEncryption": False, "EnableAtRestEncryption": False}
    assert judged(made)[1] == []
    assert security.kerberos_needs(off, PHI) is None
    assert security.kerberos_needs(None, PHI) is None
    assert security.missing(off, PHI) == []


def test_what_kerberos_needs_is_named_by_its_secrets(tmp_path: Path) -> None:
    directory = {"realm": "AD.EXAMPLE.COM", "domain": "ad.example.com", "join_secret_id": "druid-reindex/join"}
    configs = changed_configs(tmp_path, {"boundaries.yaml": {
        "phi.kerberos.trusted_realm": REALM | {"join_secret_id": "druid-reindex/join"},
        "phi.kerberos.external_kdc.active_directory": directory,
    }})  # fmt: skip
    phi = load_boundaries(configs).phi
    trusting = DEDICATED.model_copy(update={"kerberos": KerberosChoice(kdc="dedicated", cross_realm_trust=True)})
    assert security.kerberos_needs(DEDICATED, phi) == KerberosNeeds("EC2.INTERNAL")
    assert security.kerberos_needs(trusting, phi) == KerberosNeeds(
        "EC2.INTERNAL", trust_secret_id="druid-reindex/trust", join_secret_id="druid-reindex/join"
    )
    assert security.kerberos_needs(EXTERNAL, phi) == KerberosNeeds(
        "SITE.INTERNAL", "druid-reindex/kdc", join_secret_id="druid-reindex/join"
    )
    for choice in (trusting, EXTERNAL):
        assert judged(security.document(choice, phi, ZIP), phi_rules(phi))[1] == []
    kerberos = security.document(trusting, phi, ZIP)["AuthenticationConfiguration"]["KerberosConfiguration"]
    trust = kerberos["ClusterDedicatedKdcConfiguration"]["CrossRealmTrustConfiguration"]
    assert trust == {"Realm": "AD.EXAMPLE.COM", "Domain": "ad.example.com", "AdminServer": "ad.example.com",
                     "KdcServer": "ad.example.com"}  # fmt: skip


def test_what_the_boundary_lacks_is_told() -> None:
    bare = PHI.model_copy(update={"kerberos": type(PHI.kerberos)()})
    trusting = DEDICATED.model_copy(update={"kerberos": KerberosChoice(kdc="dedicated", cross_realm_trust=True)})
    assert security.missing(EXTERNAL, bare) == ["kerberos.external_kdc"]
    assert security.missing(trusting, bare) == ["kerberos.trusted_realm"]
