"""Wrong security configurations, security files, cluster profiles, boundaries and pairings, in one table.

Each is refused when a file is read or a DAG is parsed, so before anything is asked of AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emr_documents import EXTERNAL, GONE, OTHER_KEY, PHI_KEY, ROLE, SECRET


@dataclass(frozen=True)
class Wrong:
    """What is changed where, and the field and the words of the remedy that the refusal must name."""

    what: str
    changes: Mapping[str, Any]
    field: str
    remedy: str
    also: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


FRANKFURT = PHI_KEY.replace("us-east-1", "eu-central-1")
ALIAS = "arn:aws:kms:us-east-1:111122223333:alias/phi"
JAR = {"S3Object": "s3://jars/p.jar", "EncryptionKeyProviderClass": "com.example.Keys"}
MAPPING = {"Role": ROLE, "IdentifierType": "User", "Identifiers": ["druid"]}

# EMR's own document, judged by `security-config check` and by whoever builds one.
DOCUMENTS = [
    Wrong("unknown section", {"Encryption": {}}, "Encryption", "did you mean EncryptionConfiguration?"),
    Wrong("typing error in a key", {"S3.AwsKmsKeys": PHI_KEY}, "S3.AwsKmsKeys", "did you mean AwsKmsKey?"),
    Wrong("AWS's own old name of a block", {"REST.LocalDiskEncryptionKeyProvider": {}},
          "REST.LocalDiskEncryptionKeyProvider", "did you mean LocalDiskEncryptionConfiguration?"),
    Wrong("flag in quotes", {"ENC.EnableAtRestEncryption": "true"}, "ENC.EnableAtRestEncryption", "true or false"),
    Wrong("flag as a number", {"ENC.EnableInTransitEncryption": 1}, "ENC.EnableInTransitEncryption", "true or false"),
    Wrong("EBS flag in quotes", {"DISK.EnableEbsEncryption": "yes"}, "DISK.EnableEbsEncryption", "without quotes"),
    Wrong("null section", {"IMDS": None}, "(the whole file)", "leave it out"),
    Wrong("null key", {"S3.AwsKmsKey": None}, "S3", "AwsKmsKey is null"),
    Wrong("at rest on, no block", {"REST": GONE}, "REST", "add the block, or write false"),
    Wrong("in transit on, no block", {"ENC.InTransitEncryptionConfiguration": GONE},
          "ENC.InTransitEncryptionConfiguration", "add the block, or write false"),
    Wrong("at rest off beside its block", {"ENC.EnableAtRestEncryption": False}, "ENC.EnableAtRestEncryption",
          "write true"),
    Wrong("in transit off beside its block", {"ENC.EnableInTransitEncryption": False},
          "ENC.EnableInTransitEncryption", "write true"),
    Wrong("at rest flag left out beside its block", {"ENC.EnableAtRestEncryption": GONE},
          "ENC.EnableAtRestEncryption", "EMR ignores"),
    Wrong("at rest, but nothing", {"REST": {}}, "REST", "add S3EncryptionConfiguration or"),
    Wrong("unknown mode", {"S3.EncryptionMode": "SSE_KMS"}, "S3.EncryptionMode", "SSE-S3, SSE-KMS, CSE-KMS"),
    Wrong("no mode", {"S3.EncryptionMode": GONE}, "S3.EncryptionMode", "add it: SSE-S3"),
    Wrong("SSE-KMS without key", {"S3.AwsKmsKey": GONE}, "S3.AwsKmsKey", "SSE-KMS needs it"),
    Wrong("CSE-KMS without key", {"S3.EncryptionMode": "CSE-KMS", "S3.AwsKmsKey": GONE}, "S3.AwsKmsKey",
          "CSE-KMS needs it"),
    Wrong("SSE-S3 with key", {"S3.EncryptionMode": "SSE-S3"}, "S3.AwsKmsKey", "goes with SSE-KMS, CSE-KMS"),
    Wrong("CSE-Custom without JAR", {"S3.EncryptionMode": "CSE-Custom", "S3.AwsKmsKey": GONE}, "S3.S3Object",
          "CSE-Custom needs it"),
    Wrong("CSE-Custom without class",
          {"S3.EncryptionMode": "CSE-Custom", "S3.AwsKmsKey": GONE, "S3.S3Object": "s3://jars/p.jar"},
          "S3.EncryptionKeyProviderClass", "CSE-Custom needs it"),
    Wrong("SSE-KMS with JAR", {"S3.S3Object": "s3://jars/p.jar"}, "S3.S3Object", "it goes with CSE-Custom"),
    Wrong("alias as S3's key", {"S3.AwsKmsKey": ALIAS}, "S3.AwsKmsKey", "no alias"),
    Wrong("bare key id", {"S3.AwsKmsKey": "11111111-1111-4111-8111-111111111111"}, "S3.AwsKmsKey", "full ARN"),
    Wrong("ARN of something else", {"S3.AwsKmsKey": ROLE}, "S3.AwsKmsKey", "a KMS key's full ARN"),
    Wrong("S3's key of another Region", {"S3.AwsKmsKey": FRANKFURT}, "DISK.AwsKmsKey",
          "a key of eu-central-1"),
    Wrong("override's key of another Region", {"S3.Overrides[0].AwsKmsKey": FRANKFURT},
          "S3.Overrides[0].AwsKmsKey", "a key of us-east-1"),
    Wrong("disk's key of another Region", {"DISK.AwsKmsKey": FRANKFURT}, "DISK.AwsKmsKey", "a key of us-east-1"),
    Wrong("no overrides in the list", {"S3.Overrides": []}, "S3.Overrides", "it has no item"),
    Wrong("override without bucket", {"S3.Overrides[0].BucketName": GONE}, "S3.Overrides[0].BucketName", "add it"),
    Wrong("override with an address", {"S3.Overrides[0].BucketName": "s3://other/"}, "S3.Overrides[0].BucketName",
          "a bucket's name"),
    Wrong("override without key", {"S3.Overrides[0].AwsKmsKey": GONE}, "S3.Overrides[0].AwsKmsKey",
          "SSE-KMS needs it"),
    Wrong("two overrides of a bucket",
          {"S3.Overrides": [{"BucketName": "b-one", "EncryptionMode": "SSE-KMS", "AwsKmsKey": OTHER_KEY}] * 2},
          "S3.Overrides[1].BucketName", "keep one override"),
    Wrong("unknown provider of disks", {"DISK.EncryptionKeyProviderType": "KMS"}, "DISK.EncryptionKeyProviderType",
          "AwsKms or Custom"),
    Wrong("disks without key", {"DISK.AwsKmsKey": GONE}, "DISK.AwsKmsKey", "AwsKms needs it"),
    Wrong("alias as the disks' key", {"DISK.AwsKmsKey": ALIAS}, "DISK.AwsKmsKey", "no alias"),
    Wrong("custom disks without JAR", {"DISK": {"EncryptionKeyProviderType": "Custom"}}, "DISK.S3Object",
          "Custom needs it"),
    Wrong("custom disks with EBS",
          {"DISK": JAR | {"EncryptionKeyProviderType": "Custom", "EnableEbsEncryption": True}},
          "DISK.EnableEbsEncryption", "a KMS key alone"),
    Wrong("one class for S3 and disks",
          {"S3": JAR | {"EncryptionMode": "CSE-Custom"}, "DISK": JAR | {"EncryptionKeyProviderType": "Custom"}},
          "DISK.EncryptionKeyProviderClass", "another one here"),
    Wrong("no class's name", {"DISK": JAR | {"EncryptionKeyProviderType": "Custom",
                                            "EncryptionKeyProviderClass": "Keys"}},
          "DISK.EncryptionKeyProviderClass", "full name"),
    Wrong("unknown certificates", {"TLS.CertificateProviderType": "pem"}, "TLS.CertificateProviderType", "PEM"),
    Wrong("certificates from nowhere", {"TLS.S3Object": GONE}, "TLS.S3Object", "add it"),
    Wrong("certificates over https", {"TLS.S3Object": "https://certs/emr.zip"}, "TLS.S3Object", "address in S3"),
    Wrong("certificates in a bucket alone", {"TLS.S3Object": "s3://certs/"}, "TLS.S3Object", "address in S3"),
    Wrong("PEM in a JAR", {"TLS.S3Object": "s3://certs/emr.jar"}, "TLS.S3Object", "needs a .zip"),
    Wrong("PEM with a class", {"TLS.CertificateProviderClass": "com.example.Certs"}, "TLS.CertificateProviderClass",
          "it goes with Custom"),
    Wrong("custom certificates without class",
          {"TLS": {"CertificateProviderType": "Custom", "S3Object": "s3://jars/p.jar"}},
          "TLS.CertificateProviderClass", "Custom needs it"),
    Wrong("custom certificates in a zip",
          {"TLS": {"CertificateProviderType": "Custom", "S3Object": "s3://jars/p.zip",
                   "CertificateProviderClass": "com.example.Certs"}}, "TLS.S3Object", "needs a .jar"),
    Wrong("Kerberos without provider", {"KRB.Provider": GONE}, "KRB.Provider", "ClusterDedicatedKdc or ExternalKdc"),
    Wrong("unknown KDC", {"KRB.Provider": "MIT"}, "KRB.Provider", "ClusterDedicatedKdc or ExternalKdc"),
    Wrong("dedicated KDC without its block", {"KDC": GONE}, "KDC", "ClusterDedicatedKdc needs it"),
    Wrong("external KDC with the dedicated one's block", {"KRB.Provider": "ExternalKdc"},
          "KRB.ExternalKdcConfiguration", "ExternalKdc needs it"),
    Wrong("two KDCs", {"KRB.ExternalKdcConfiguration": EXTERNAL["ExternalKdcConfiguration"]},
          "KRB.ExternalKdcConfiguration", "it goes with ExternalKdc"),
    Wrong("ticket for no time", {"KDC.TicketLifetimeInHours": 0}, "KDC.TicketLifetimeInHours", "from 1"),
    Wrong("ticket's hours in quotes", {"KDC.TicketLifetimeInHours": "24"}, "KDC.TicketLifetimeInHours",
          "whole number"),
    Wrong("AWS's own old spelling of tickets", {"KDC.TicketLifeTimeInHours": 24}, "KDC.TicketLifeTimeInHours",
          "did you mean TicketLifetimeInHours?"),
    Wrong("trusted realm in small letters", {"TRUST.Realm": "ad.example.com"}, "TRUST.Realm", "capital letters"),
    Wrong("trusted domain in capital letters", {"TRUST.Domain": "AD.EXAMPLE.COM"}, "TRUST.Domain", "small letters"),
    Wrong("trust without KDC", {"TRUST.KdcServer": GONE}, "TRUST.KdcServer", "add it"),
    Wrong("trusted KDC as an URL", {"TRUST.KdcServer": "https://ad.example.com"}, "TRUST.KdcServer", "host"),
    Wrong("external KDC of an unknown type",
          {"KRB": EXTERNAL, "KRB.ExternalKdcConfiguration.KdcServerType": "Multiple"},
          "KRB.ExternalKdcConfiguration.KdcServerType", "Single"),
    Wrong("external KDC without admin server",
          {"KRB": EXTERNAL, "KRB.ExternalKdcConfiguration.AdminServer": GONE},
          "KRB.ExternalKdcConfiguration.AdminServer", "host:749"),
    Wrong("directory's realm in small letters",
          {"KRB": EXTERNAL, "KRB.ExternalKdcConfiguration.AdIntegrationConfiguration":
           {"AdRealm": "ad.example.com", "AdDomain": "ad.example.com"}},
          "KRB.ExternalKdcConfiguration.AdIntegrationConfiguration.AdRealm", "capital letters"),
    Wrong("no mappings", {"EMRFS.RoleMappings": []}, "EMRFS.RoleMappings", "it has no item"),
    Wrong("mapping to a user", {"EMRFS.RoleMappings[0].Role": "arn:aws:iam::111122223333:user/x"},
          "EMRFS.RoleMappings[0].Role", "role's full ARN"),
    Wrong("unknown identifiers", {"EMRFS.RoleMappings[0].IdentifierType": "Role"},
          "EMRFS.RoleMappings[0].IdentifierType", "User, Group or Prefix"),
    Wrong("nobody mapped", {"EMRFS.RoleMappings[0].Identifiers": []}, "EMRFS.RoleMappings[0].Identifiers", "a list"),
    Wrong("prefix that is none", {"EMRFS.RoleMappings": [MAPPING | {"IdentifierType": "Prefix"}]},
          "EMRFS.RoleMappings[0].Identifiers[0]", "s3://bucket/prefix"),
    Wrong("user that is a prefix", {"EMRFS.RoleMappings[0].Identifiers": ["s3://phi/"]},
          "EMRFS.RoleMappings[0].Identifiers[0]", "needs the type Prefix"),
    Wrong("user mapped twice", {"EMRFS.RoleMappings": [MAPPING, MAPPING]},
          "EMRFS.RoleMappings[1].Identifiers[0]", "keep one"),
    Wrong("Ranger over http", {"RANGER.AdminServerURL": "http://ranger:6080"}, "RANGER.AdminServerURL", "https://"),
    Wrong("Ranger's secret by name", {"RANGER.AdminServerSecretARN": "ranger"}, "RANGER.AdminServerSecretARN",
          "ARN of the secret"),
    Wrong("Ranger's role of another kind", {"RANGER.RoleForRangerPluginsARN": SECRET},
          "RANGER.RoleForRangerPluginsARN", "IAM role's full ARN"),
    Wrong("Ranger in an unknown application", {"RANGER.RangerPluginConfigurations[0].App": "Druid"},
          "RANGER.RangerPluginConfigurations[0].App", "Spark, Hive"),
    Wrong("Ranger twice in one", {"RANGER.RangerPluginConfigurations[1].App": "Spark"},
          "RANGER.RangerPluginConfigurations[1].App", "keep one plugin"),
    Wrong("Ranger's audit to S3", {"RANGER.AuditConfiguration": {"Destinations": {"S3": {}}}},
          "RANGER.AuditConfiguration.Destinations.S3", "AmazonCloudWatchLogs"),
    Wrong("Ranger without Kerberos", {"AuthenticationConfiguration": GONE}, "AuthenticationConfiguration",
          "add KerberosConfiguration"),
    Wrong("Lake Formation without roles of steps", {"AUTHZ.IAMConfiguration": GONE},
          "AUTHZ.IAMConfiguration.EnableApplicationScopedIAMRole", "Lake Formation needs"),
    Wrong("roles of steps configured, but off", {"AUTHZ.IAMConfiguration.EnableApplicationScopedIAMRole": False,
                                                 "AUTHZ.LakeFormationConfiguration": GONE},
          "AUTHZ.IAMConfiguration.EnableApplicationScopedIAMRole", "write true, or leave it out"),
    Wrong("IMDSv3", {"IMDS.MinimumInstanceMetadataServiceVersion": 3}, "IMDS.MinimumInstanceMetadataServiceVersion",
          "2, or 1"),
    Wrong("IMDS's version in quotes", {"IMDS.MinimumInstanceMetadataServiceVersion": "2"},
          "IMDS.MinimumInstanceMetadataServiceVersion", "2, or 1"),
    Wrong("no hop", {"IMDS.HttpPutResponseHopLimit": 0}, "IMDS.HttpPutResponseHopLimit", "1 to 64"),
    Wrong("too many hops", {"IMDS.HttpPutResponseHopLimit": 65}, "IMDS.HttpPutResponseHopLimit", "1 to 64"),
    Wrong("hops in quotes", {"IMDS.HttpPutResponseHopLimit": "1"}, "IMDS.HttpPutResponseHopLimit", "1 to 64"),
]  # fmt: skip

# The document that is sound for EMR, under the rules for protected health information.
UNSAFE = [
    Wrong("nothing at rest", {"ENC.EnableAtRestEncryption": False, "REST": GONE}, "S3", "write SSE-KMS with the key"),
    Wrong("S3 in clear", {"S3": GONE}, "S3", "write SSE-KMS with the key"),
    Wrong("S3's own keys", {"S3": {"EncryptionMode": "SSE-S3"}}, "S3.EncryptionMode", "write SSE-KMS"),
    Wrong("encrypted by the client", {"S3.EncryptionMode": "CSE-KMS"}, "S3.EncryptionMode", "write SSE-KMS"),
    Wrong("another key", {"S3.AwsKmsKey": OTHER_KEY}, "S3.AwsKmsKey", PHI_KEY),
    Wrong("weaker override", {"S3.Overrides": [{"BucketName": "loose", "EncryptionMode": "SSE-S3"}]},
          "S3.Overrides[0].EncryptionMode", "weaker"),
    Wrong("disks in clear", {"DISK": GONE}, "DISK", "AwsKms with the key of disks"),
    Wrong("disks by a class", {"DISK": JAR | {"EncryptionKeyProviderType": "Custom"}},
          "DISK.EncryptionKeyProviderType", "write AwsKms"),
    Wrong("disks under another key", {"DISK.AwsKmsKey": OTHER_KEY}, "DISK.AwsKmsKey", "key of disks"),
    Wrong("root volume in clear", {"DISK.EnableEbsEncryption": False}, "DISK.EnableEbsEncryption", "root volume"),
    Wrong("EBS left out", {"DISK.EnableEbsEncryption": GONE}, "DISK.EnableEbsEncryption", "root volume"),
    Wrong("clear between nodes",
          {"ENC.EnableInTransitEncryption": False, "ENC.InTransitEncryptionConfiguration": GONE},
          "ENC.InTransitEncryptionConfiguration", "add the certificates"),
    Wrong("no Kerberos", {"AuthenticationConfiguration": GONE, "RANGER": GONE}, "AuthenticationConfiguration",
          "add Kerberos"),
    Wrong("no IMDS section", {"IMDS": GONE}, "IMDS", "HttpPutResponseHopLimit 1"),
    Wrong("IMDSv1", {"IMDS.MinimumInstanceMetadataServiceVersion": 1}, "IMDS.MinimumInstanceMetadataServiceVersion",
          "write 2"),
    Wrong("IMDS two hops away", {"IMDS.HttpPutResponseHopLimit": 2}, "IMDS.HttpPutResponseHopLimit", "write 1"),
    Wrong("IMDS's hops left out", {"IMDS.HttpPutResponseHopLimit": GONE}, "IMDS.HttpPutResponseHopLimit", "write 1"),
]  # fmt: skip

# Releases that lack what the full document asks for.
RELEASES = [
    Wrong("emr-4.7.0", {}, "(the whole file)", "emr-4.8.0 and later"),
    Wrong("emr-5.9.0", {}, "KRB.Provider", "emr-5.10.0 and later"),
    Wrong("emr-5.19.0", {"KRB": EXTERNAL}, "KRB.Provider", "emr-5.20.0 and later"),
    Wrong("emr-5.9.1", {}, "EMRFS", "emr-5.10.0 and later"),
    Wrong("emr-5.23.1", {}, "DISK.EnableEbsEncryption", "emr-5.24.0 and later"),
    Wrong("emr-5.31.1", {}, "IMDS", "emr-5.32.0 or emr-6.2.0 and later"),
    Wrong("emr-6.1.0", {}, "IMDS", "emr-5.32.0 or emr-6.2.0 and later"),
    Wrong("emr-6.2.1", {}, "RANGER", "emr-5.32.0 or emr-6.3.0 and later"),
    Wrong("emr-6.6.0", {}, "AUTHZ.IAMConfiguration", "emr-6.7.0 and later"),
    Wrong("emr-5.36.0", {}, "AUTHZ.IAMConfiguration", "emr-6.7.0 and later"),
]

MASTER = {"role": "MASTER", "instance_type": "m6g.xlarge", "count": 1}
CORE = {"role": "CORE", "instance_type": "r6g.xlarge", "count": 2}
TYPES = [{"instance_type": "m6g.xlarge"}, {"instance_type": "m7g.xlarge"}]
FLEETS = [
    {"role": "MASTER", "on_demand_units": 1, "instance_types": TYPES},
    {"role": "CORE", "on_demand_units": 4, "instance_types": TYPES},
]


def fleets(**changes: Any) -> dict[str, Any]:
    """A profile of fleets, the second of which is changed."""
    return {"instance_groups": GONE, "instance_fleets": [FLEETS[0], FLEETS[1] | changes]}


# The profile `secure_step`, changed.
PROFILES = [
    Wrong("groups and fleets", {"instance_fleets": FLEETS}, "instance_fleets", "keep one of the two"),
    Wrong("neither", {"instance_groups": GONE}, "instance_groups", "exactly one MASTER group"),
    Wrong("no primary node", {"instance_groups": [CORE]}, "instance_groups", "exactly one MASTER group"),
    Wrong("two primary groups", {"instance_groups": [MASTER, MASTER, CORE]}, "instance_groups[1]", "exactly one"),
    Wrong("no core nodes", {"instance_groups": [MASTER]}, "instance_groups", "one CORE group"),
    Wrong("two primary nodes", {"instance_groups[0].count": 2}, "instance_groups[0].count", "write 1 or 3"),
    Wrong("primary node on Spot", {"instance_groups[0].market": "SPOT"}, "instance_groups[0].market", "On-Demand"),
    Wrong("HDFS on Spot", {"instance_groups[1].market": "SPOT"}, "instance_groups[1].market", "core_and_task"),
    Wrong("Spot against the policy", {"spot_policy": "none", "instance_groups":
          [MASTER, CORE, CORE | {"role": "TASK", "market": "SPOT"}]}, "instance_groups[2].market", "write task there"),
    Wrong("unknown Spot policy", {"spot_policy": "all"}, "spot_policy", "none, task or core_and_task"),
    Wrong("49 task groups", {"instance_groups": [MASTER, CORE, *[CORE | {"role": "TASK"}] * 49]}, "instance_groups",
          "at most 48"),
    Wrong("fleets without a primary node", {"instance_groups": GONE, "instance_fleets": [FLEETS[1]]},
          "instance_fleets", "exactly one MASTER fleet"),
    Wrong("primary fleet of two", {"instance_groups": GONE, "instance_fleets":
          [FLEETS[0] | {"on_demand_units": 2}, FLEETS[1]]}, "instance_fleets[0]", "one instance"),
    Wrong("primary fleet with weights", {"instance_groups": GONE, "instance_fleets":
          [FLEETS[0] | {"instance_types": [{"instance_type": "m6g.xlarge", "weight": 2}]}, FLEETS[1]]},
          "instance_fleets[0].instance_types[0].weight", "leave it out"),
    Wrong("fleet of nothing", fleets(on_demand_units=0), "instance_fleets[1]", "on_demand_units, spot_units or both"),
    Wrong("core fleet on Spot", fleets(spot_units=2), "instance_fleets[1].spot_units", "core_and_task"),
    Wrong("fleet without types", fleets(instance_types=[]), "instance_fleets[1].instance_types", "at most 30"),
    Wrong("fleet with a type twice", fleets(instance_types=[TYPES[0], TYPES[0]]),
          "instance_fleets[1].instance_types[1].instance_type", "each type once"),
    Wrong("Spot time-out too short", fleets(spot_timeout_minutes=4), "instance_fleets[1].spot_timeout_minutes",
          "5 to 1440"),
    Wrong("unknown end of a Spot time-out", fleets(spot_timeout_action="WAIT"),
          "instance_fleets[1].spot_timeout_action", "SWITCH_TO_ON_DEMAND"),
    Wrong("two task fleets", {"instance_groups": GONE, "instance_fleets":
          [*FLEETS, FLEETS[1] | {"role": "TASK"}, FLEETS[1] | {"role": "TASK"}]}, "instance_fleets", "at most 1"),
    Wrong("old release for the log key", {"release_label": "emr-5.29.0"}, "release_label", "emr-5.30.0 and later"),
    Wrong("6.0.0 for the log key", {"release_label": "emr-6.0.0"}, "release_label", "not emr-6.0.0"),
    Wrong("old release for private subnets", {"release_label": "emr-4.1.0"}, "release_label", "emr-4.2.0"),
    Wrong("malformed release", {"release_label": "emr-7.2"}, "release_label", "an EMR release such as"),
    Wrong("unknown tenancy", {"tenancy": "host"}, "tenancy", "shared, or dedicated hardware"),
    Wrong("T on dedicated Spot", {"tenancy": "dedicated", "instance_groups":
          [MASTER, CORE, {"role": "TASK", "instance_type": "t3.xlarge", "market": "SPOT"}]},
          "instance_groups[2].instance_type", "another family"),
    Wrong("unknown security", {"security": "dedicated_kcd"}, "security", "did you mean dedicated_kdc?"),
    Wrong("security as a list", {"security": ["dedicated_kdc"]}, "security", "emr_configs/security/"),
    Wrong("four tags of its own", {"tags": dict.fromkeys("abcd", "v")}, "tags", "keep 3"),
    Wrong("AWS's tag", {"tags": {"aws:owner": "me"}}, "tags.aws:owner", "use another"),
    Wrong("the provider's tag", {"tags": {"druid-reindex:run-id": "me"}}, "tags.druid-reindex:run-id", "use another"),
    Wrong("password in a tag", {"tags": {"password": "xyzzy"}}, "tags.password", "Secrets Manager"),
    Wrong("access key in a tag", {"tags": {"note": "AKIAABCDEFGHIJKLMNOP"}}, "tags.note", "Secrets Manager"),
    Wrong("password in an argument", {"bootstrap": [{"name": "x", "path": "x.sh", "args": ["--password=xyzzy"]}]},
          "bootstrap[0].args[0]", "Secrets Manager"),
    Wrong("password after an option", {"bootstrap": [{"name": "x", "path": "x.sh", "args": ["--password", "xyzzy"]}]},
          "bootstrap[0].args[0]", "Secrets Manager"),
    Wrong("password in an address", {"bootstrap":
          [{"name": "x", "path": "x.sh", "args": ["jdbc:postgresql://u:xyzzy@db/druid"]}]},
          "bootstrap[0].args[0]", "Secrets Manager"),
    Wrong("secret in a configuration", {"configurations":
          [{"Classification": "core-site", "Properties": {"fs.s3a.secret.key": "password=xyzzy"}}]},
          "configurations[0]", "Secrets Manager"),
    Wrong("idle for a second", {"idle_timeout_seconds": 1}, "idle_timeout_seconds", "60 to 604800"),
]  # fmt: skip

# The file `dedicated_kdc` of emr_configs/security/, changed.
SECURITY = [
    Wrong("named otherwise", {"name": "other"}, "name", "write dedicated_kdc"),
    Wrong("unknown field", {"kms_key": PHI_KEY}, "kms_key", "known here"),
    Wrong("unknown mode", {"s3": "KMS"}, "s3", "SSE-KMS, CSE-KMS"),
    Wrong("flag in quotes", {"local_disks": "true"}, "local_disks", "true or false"),
    Wrong("EBS without disks", {"local_disks": False}, "ebs", "turn local_disks on"),
    Wrong("other buckets without S3", {"s3": "none", "s3_other_buckets":
          [{"bucket": "b-one", "kms_key_arn": OTHER_KEY}]}, "s3_other_buckets", "write how the others"),
    Wrong("bucket twice", {"s3_other_buckets": [{"bucket": "b-one", "kms_key_arn": OTHER_KEY}] * 2},
          "s3_other_buckets[1].bucket", "keep one of them"),
    Wrong("alias for a bucket", {"s3_other_buckets": [{"bucket": "b-one", "kms_key_arn": ALIAS}]},
          "s3_other_buckets[0].kms_key_arn", "no alias"),
    Wrong("provider without TLS", {"in_transit": False, "certificate_provider":
          {"jar": "s3://jars/p.jar", "class_name": "com.example.Certs"}}, "certificate_provider", "leave it out"),
    Wrong("no word about Kerberos", {"kerberos": GONE}, "kerberos", "or null for none"),
    Wrong("unknown KDC", {"kerberos.kdc": "ad"}, "kerberos.kdc", "dedicated (on the cluster itself) or external"),
    Wrong("trust of an external KDC", {"kerberos": {"kdc": "external", "cross_realm_trust": True}},
          "kerberos.cross_realm_trust", "write kdc: dedicated"),
    Wrong("hops", {"metadata_service.hop_limit": 99}, "metadata_service.hop_limit", "1 to 64"),
    Wrong("a role that is none", {"authorization": {"EmrFsConfiguration": {"RoleMappings":
          [MAPPING | {"Role": "druid"}]}}}, "authorization.EmrFsConfiguration.RoleMappings[0].Role", "full ARN"),
]  # fmt: skip

REALM = {"realm": "AD.EXAMPLE.COM", "domain": "ad.example.com", "admin_server": "ad.example.com",
         "kdc_server": "ad.example.com", "secret_id": "druid-reindex/trust"}  # fmt: skip
BOUNDARIES = [
    Wrong("alias as key of disks", {"phi.disk_kms_key_arn": ALIAS}, "phi.disk_kms_key_arn", "full ARN"),
    Wrong("key of disks elsewhere", {"phi.disk_kms_key_arn": FRANKFURT}, "phi.disk_kms_key_arn",
          "a key of the Region us-east-1"),
    Wrong("service access through the primary's group",
          {"phi.network.service_access_security_group": "sg-0d70000000000001"},
          "phi.network.service_access_security_group", "a group of its own"),
    Wrong("service access through the core's group",
          {"phi.network.service_access_security_group": "sg-0d70000000000002"},
          "phi.network.service_access_security_group", "a group of its own"),
    Wrong("no service access", {"phi.network.service_access_security_group": GONE},
          "phi.network.service_access_security_group", "add it"),
    Wrong("one managed group", {"phi.network.core_security_group": GONE}, "phi.network.core_security_group", "add it"),
    Wrong("subnet twice", {"phi.network.subnet_ids": ["subnet-0d70000000000001"] * 2}, "phi.network.subnet_ids",
          "each subnet once"),
    Wrong("no subnet", {"phi.network.subnet_ids": []}, "phi.network.subnet_ids", "private subnets"),
    Wrong("no log archive", {"phi.emr_log_uri": GONE}, "phi.emr_log_uri", "clusters' logs"),
    Wrong("no log key", {"phi.emr_log_kms_key_arn": GONE}, "phi.emr_log_kms_key_arn", "full ARN"),
    Wrong("unknown tenancy", {"phi.network.tenancy": "host"}, "phi.network.tenancy", "default or dedicated"),
    Wrong("realm in small letters", {"phi.kerberos": {"cluster_realm": "ec2.internal"}},
          "phi.kerberos.cluster_realm", "the realm of clusters"),
    Wrong("a realm that trusts itself",
          {"phi.kerberos": {"cluster_realm": "AD.EXAMPLE.COM", "trusted_realm": REALM}},
          "phi.kerberos.trusted_realm.realm", "the other's name"),
    Wrong("trust without secret", {"phi.kerberos": {"trusted_realm": {k: v for k, v in REALM.items()
          if k != "secret_id"}}}, "phi.kerberos.trusted_realm.secret_id", "Secrets Manager secret"),
    Wrong("password in the place of a secret's name",
          {"phi.kerberos": {"trusted_realm": REALM | {"password": "xyzzy"}}},
          "phi.kerberos.trusted_realm.password", "known here"),
    Wrong("external KDC that integrates itself",
          {"phi.kerberos": {"external_kdc": {"realm": "AD.EXAMPLE.COM", "admin_server": "kdc", "kdc_server": "kdc",
           "secret_id": "s", "active_directory": {"realm": "AD.EXAMPLE.COM", "domain": "ad.example.com",
                                                  "join_secret_id": "j"}}}},
          "phi.kerberos.external_kdc.active_directory.realm", "the other's name"),
]  # fmt: skip

# The pipeline patient_vitals on the profile `secure_step`; what is changed beside it stands in `also`.
PAIRINGS = [
    Wrong("PHI without a security configuration", {"cluster.profile": "small", "submit": "overlord"},
          "cluster.profile", "take a profile with a security configuration"),
    Wrong("Overlord with a dedicated KDC", {"submit": "overlord"}, "submit", "write emr_step"),
    Wrong("step with an external KDC", {}, "submit", "write overlord",
          {"profiles/secure_step.yaml": {"security": "external_kdc"}}),
    Wrong("Overlord with an external KDC that nobody named", {"submit": "overlord"}, "cluster.profile",
          "add phi.kerberos.external_kdc to boundaries.yaml",
          {"profiles/secure_step.yaml": {"security": "external_kdc"}, "boundaries.yaml": {"phi.kerberos": {}}}),
    Wrong("trust that nobody named", {}, "cluster.profile", "add phi.kerberos.trusted_realm",
          {"security/dedicated_kdc.yaml": {"kerberos.cross_realm_trust": True}}),
    Wrong("dedicated on a shared VPC", {}, "cluster.profile", "subnets of a VPC with dedicated tenancy",
          {"profiles/secure_step.yaml": {"tenancy": "dedicated"}}),
    Wrong("shared on a dedicated VPC", {}, "cluster.profile", "tenancy: dedicated in the profile",
          {"boundaries.yaml": {"phi.network.tenancy": "dedicated"}}),
    Wrong("S3's own keys for PHI", {}, "cluster.profile", "protected health information: write SSE-KMS",
          {"security/dedicated_kdc.yaml": {"s3": "SSE-S3"}}),
    Wrong("clear disks for PHI", {}, "cluster.profile", "spilled to disks",
          {"security/dedicated_kdc.yaml": {"local_disks": False, "ebs": False}}),
    Wrong("clear root volume for PHI", {}, "cluster.profile", "root volume",
          {"security/dedicated_kdc.yaml": {"ebs": False}}),
    Wrong("clear between nodes for PHI", {}, "cluster.profile", "add the certificates",
          {"security/dedicated_kdc.yaml": {"in_transit": False}}),
    Wrong("no Kerberos for PHI", {}, "cluster.profile", "add Kerberos",
          {"security/dedicated_kdc.yaml": {"kerberos": None}}),
    Wrong("IMDSv1 for PHI", {}, "cluster.profile", "any request",
          {"security/dedicated_kdc.yaml": {"metadata_service.version": 1}}),
    Wrong("two hops for PHI", {}, "cluster.profile", "containers could ask",
          {"security/dedicated_kdc.yaml": {"metadata_service.hop_limit": 2}}),
    Wrong("a bucket under a key of another Region", {}, "cluster.profile", "a key of us-east-1",
          {"security/dedicated_kdc.yaml": {"s3_other_buckets": [{"bucket": "b-one", "kms_key_arn": FRANKFURT}]}}),
    Wrong("a release without IMDSv2", {}, "cluster.profile", "emr-5.32.0 or emr-6.2.0",
          {"profiles/secure_step.yaml": {"release_label": "emr-5.31.0"}}),
]  # fmt: skip
