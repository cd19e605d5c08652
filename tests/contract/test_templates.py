"""The account is what the templates say: told by DescribeStacks, and by each service that was asked for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import shipped_policies
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws.account import key_arn
from druid_reindex.sandbox.aws.cloudformation.deploy import STACKS, region_of
from druid_reindex.sandbox.aws.cloudformation.keys import IDS
from druid_reindex.sandbox.aws.service import emr_configs
from emulated_account import Emulator

PHI, GENERAL = "drx-phi-111122223333", "drx-general-111122223333"
UNDER_KMS = {PHI: "PhiKey", GENERAL: "GeneralKey", "drx-artifacts-111122223333": "LogsKey",
             "drx-logs-111122223333": "LogsKey", "drx-evidence-111122223333": "EvidenceKey"}  # fmt: skip
SIGNING = {"phi": "PhiSigningKey", "general": "GeneralSigningKey"}
EVERY = [*UNDER_KMS, "drx-access-logs-111122223333", "drx-trail-111122223333"]
REFUSALS = {"DenyPlainHttp", "DenyOldTls", "DenyOtherEncryption", "DenyOtherKeys", "DenyAwsManagedKey"}


@pytest.fixture(scope="module")
def outputs(emulator: Emulator) -> dict[str, str]:
    here = emulator.client("cloudformation")
    stacks = [here.describe_stacks(StackName=f"druid-reindex-{name}")["Stacks"][0] for name in STACKS[1:]]
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}
    return {each["OutputKey"]: each["OutputValue"] for stack in stacks for each in stack["Outputs"]}


@pytest.fixture(scope="module")
def boundaries() -> Boundaries:
    return load_boundaries(emr_configs())


@pytest.mark.parametrize("side", ["phi", "general"])
def test_the_outputs_are_the_values_of_the_boundaries(
    outputs: dict[str, str], boundaries: Boundaries, side: str
) -> None:
    boundary, name = getattr(boundaries, side), side.capitalize()
    bucket = f"s3://{outputs[f'{name}BucketName']}/"
    assert boundary.data_uri == bucket
    assert {S3Uri.parse(uri).bucket for uri in (boundary.runs_uri, boundary.segments_uri, boundary.task_logs_uri)} == {
        outputs[f"{name}BucketName"]
    }
    assert S3Uri.parse(boundary.emr_log_uri).bucket == outputs["LogsBucketName"]
    assert (boundary.kms_key_arn, boundary.emr_log_kms_key_arn) == (outputs[f"{name}KeyArn"], outputs["LogsKeyArn"])
    assert boundary.disk_kms_key_arn == outputs[f"{name}DisksKeyArn"]
    assert boundary.emr_service_role == outputs["EmrServiceRole"]
    assert boundary.emr_instance_profile == outputs[f"{name}InstanceProfile"]
    network = boundary.network
    assert ",".join(network.subnet_ids) == outputs["SubnetIds"]
    groups = (network.primary_security_group, network.core_security_group, network.service_access_security_group)
    assert groups == tuple(outputs[f"{kind}SecurityGroupId"] for kind in ("Primary", "Core", "ServiceAccess"))
    assert boundary.metadata_secret_id in outputs["MetadataSecretArn"]
    assert boundaries.artifacts_uri == f"s3://{outputs['ArtifactsBucketName']}/"
    evidence = boundary.evidence
    assert evidence.uri == f"s3://{outputs['EvidenceBucketName']}/{side}/"
    keys = (outputs["EvidenceKeyArn"], outputs[f"{name}SigningKeyArn"])
    assert (evidence.kms_key_arn, evidence.signing_key_arn) == keys


@pytest.mark.parametrize("logical_id", [name for name in IDS if name != "ReplicaKey"])
def test_a_key_rotates_and_nobody_but_iam_administers_it(emulator: Emulator, logical_id: str) -> None:
    """KMS rotates no asymmetric key: https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html"""
    kms = emulator.client("kms")
    rotates = kms.get_key_rotation_status(KeyId=key_arn(logical_id))["KeyRotationEnabled"]
    assert rotates == (logical_id not in SIGNING.values())
    policy = json.loads(kms.get_key_policy(KeyId=key_arn(logical_id), PolicyName="default")["Policy"])
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert "kms:*" not in actions
        assert statement["Effect"] == "Deny" or statement["Sid"] == "AdministerThroughIam" or statement["Condition"]


@pytest.mark.parametrize("logical_id", ["PhiKey", "GeneralKey"])
def test_a_data_key_opens_objects_of_its_own_bucket_through_s3_alone(emulator: Emulator, logical_id: str) -> None:
    policy = json.loads(
        emulator.client("kms").get_key_policy(KeyId=key_arn(logical_id), PolicyName="default")["Policy"]
    )
    bucket = PHI if logical_id == "PhiKey" else GENERAL
    (use,) = [each for each in policy["Statement"] if each["Sid"] == "UseThroughS3"]
    assert use["Condition"]["StringEquals"] == {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    context = use["Condition"]["StringLike"]["kms:EncryptionContext:aws:s3:arn"]
    assert context == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


@pytest.mark.parametrize("bucket", EVERY)
def test_a_bucket_is_private_versioned_and_speaks_tls(emulator: Emulator, bucket: str) -> None:
    s3 = emulator.client("s3")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert len(block) == 4
    assert not s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    statements = {each["Sid"]: each for each in json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]}
    assert REFUSALS & statements.keys() == (REFUSALS if bucket in UNDER_KMS else {"DenyPlainHttp", "DenyOldTls"})
    assert statements["DenyPlainHttp"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(("bucket", "logical_id"), UNDER_KMS.items())
def test_a_bucket_encrypts_under_its_key_and_logs_its_accesses(
    emulator: Emulator, bucket: str, logical_id: str
) -> None:
    s3 = emulator.client("s3")
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn(logical_id)}
    assert (rule["ApplyServerSideEncryptionByDefault"], rule["BucketKeyEnabled"]) == (default, True)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetBucket"] == "drx-access-logs-111122223333"


def test_access_logs_are_under_sse_s3_and_kept_for_six_years(emulator: Emulator) -> None:
    s3, bucket = emulator.client("s3"), "drx-access-logs-111122223333"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    rules = {each["ID"]: each for each in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
    assert rules["six-years"]["Expiration"]["Days"] >= 6 * 365


def test_protected_data_are_copied_to_another_region_under_its_key(emulator: Emulator) -> None:
    replication = emulator.client("s3").get_bucket_replication(Bucket=PHI)["ReplicationConfiguration"]
    (rule,) = replication["Rules"]
    copy = rule["Destination"]["Bucket"].rpartition(":")[2]
    key = rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"]
    assert rule["Status"] == "Enabled"
    location = emulator.client("s3").get_bucket_location(Bucket=copy)["LocationConstraint"]
    assert (location, key.split(":")[3]) == (region_of("replica"), location)


def test_no_route_leaves_the_vpc_but_by_an_endpoint(emulator: Emulator, outputs: dict[str, str]) -> None:
    ec2 = emulator.client("ec2")
    of_the_vpc = [{"Name": "vpc-id", "Values": [outputs["VpcId"]]}]
    tables = ec2.describe_route_tables(Filters=of_the_vpc)["RouteTables"]
    private = {
        association.get("SubnetId"): {route.get("GatewayId", "") for route in table["Routes"]}
        for table in tables
        for association in table["Associations"]
    }
    for subnet in outputs["SubnetIds"].split(","):
        assert {gateway.partition("-")[0] for gateway in private[subnet]} == {"local", "vpce"}
    endpoints = ec2.describe_vpc_endpoints(Filters=of_the_vpc)["VpcEndpoints"]
    reached = {endpoint["ServiceName"].rpartition("us-east-1.")[2] for endpoint in endpoints}
    assert {"s3", "kms", "elasticmapreduce", "secretsmanager", "sts", "logs"} <= reached
    (flows,) = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [outputs["VpcId"]]}])["FlowLogs"]
    assert (flows["FlowLogStatus"], flows["TrafficType"]) == ("ACTIVE", "ALL")


def test_emr_reaches_its_nodes_and_nobody_else_does(emulator: Emulator, outputs: dict[str, str]) -> None:
    ids = {kind: outputs[f"{kind}SecurityGroupId"] for kind in ("Primary", "Core", "ServiceAccess")}
    found = emulator.client("ec2").describe_security_groups(GroupIds=list(ids.values()))["SecurityGroups"]
    rules = {group["GroupId"]: group["IpPermissions"] for group in found}
    assert not [end for each in rules.values() for rule in each for end in rule["IpRanges"]]
    for node in ("Primary", "Core"):
        assert opened(rules[ids[node]], ids["ServiceAccess"]) == {8443}
    assert opened(rules[ids["ServiceAccess"]], ids["Primary"]) == {9443}
    assert opened(rules[ids["ServiceAccess"]], ids["Core"]) == set()


def opened(rules: list[dict[str, Any]], group: str) -> set[int | None]:
    """The ports that are open to a group; None is all of them."""
    return {rule.get("FromPort") for rule in rules for pair in rule["UserIdGroupPairs"] if pair["GroupId"] == group}


def test_the_trail_covers_all_regions_and_the_objects_of_both_sides(emulator: Emulator) -> None:
    cloudtrail = emulator.client("cloudtrail")
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert trail["IsMultiRegionTrail"]
    assert trail["LogFileValidationEnabled"]
    assert trail["KmsKeyId"] == key_arn("LogsKey")
    assert cloudtrail.get_trail_status(Name=trail["Name"])["IsLogging"]
    (selector,) = cloudtrail.get_event_selectors(TrailName=trail["Name"])["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)
    values = {value for each in selector["DataResources"] for value in each["Values"]}
    assert {f"arn:aws:s3:::{PHI}/", f"arn:aws:s3:::{GENERAL}/"} <= values


def test_databases_are_encrypted_and_private(emulator: Emulator) -> None:
    (store,) = emulator.client("rds").describe_db_clusters()["DBClusters"]
    assert (store["StorageEncrypted"], store["KmsKeyId"]) == (True, key_arn("DruidKey"))
    (redshift,) = emulator.client("redshift").describe_clusters()["Clusters"]
    assert (redshift["Encrypted"], redshift["KmsKeyId"]) == (True, key_arn("PhiKey"))
    assert redshift["EnhancedVpcRouting"]
    assert not redshift["PubliclyAccessible"]
    found = emulator.client("secretsmanager").describe_secret(SecretId="druid-reindex/metadata")
    assert found["KmsKeyId"] == key_arn("DruidKey")


def test_the_shipped_policies_are_those_of_the_templates(emulator: Emulator) -> None:
    deployed = shipped_policies.of_the_account(emulator.client("iam"))
    files = {path.stem: json.loads(path.read_text()) for path in shipped_policies.IAM.glob("*.json")}
    assert files == deployed, "run `make policies`"


def test_airflows_user_may_only_take_on_the_roles_of_the_two_sides(emulator: Emulator) -> None:
    iam = emulator.client("iam")
    assert iam.list_user_policies(UserName="airflow")["PolicyNames"] == []
    attached = iam.list_attached_user_policies(UserName="airflow")["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [shipped_policies.WORKER_ARN]


def test_a_stack_of_unknown_resources_is_refused(emulator: Emulator) -> None:
    body = json.dumps({"Resources": {"Job": {"Type": "AWS::Glue::Crawler2"}}})
    cloudformation = emulator.client("cloudformation")
    with pytest.raises(
        cloudformation.exceptions.ClientError, match=r"Unrecognized resource types: \[AWS::Glue::Crawler2\]"
    ):
        cloudformation.create_stack(StackName="unknown", TemplateBody=body)


def test_evidence_is_locked_whoever_writes_it_and_only_its_own_side_signs(emulator: Emulator) -> None:
    s3 = emulator.client("s3")
    lock = s3.get_object_lock_configuration(Bucket="drx-evidence-111122223333")["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (lock["ObjectLockEnabled"], retention["Mode"], retention["Days"]) == ("Enabled", "GOVERNANCE", 2192)
    for side, logical_id in SIGNING.items():
        kms = emulator.client("kms")
        key = kms.describe_key(KeyId=key_arn(logical_id))["KeyMetadata"]
        assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
        policy = json.loads(kms.get_key_policy(KeyId=key_arn(logical_id), PolicyName="default")["Policy"])
        (signs,) = [each for each in policy["Statement"] if each["Sid"] == "SignEvidence"]
        role = f"arn:aws:iam::111122223333:role/DrxAirflow{side.capitalize()}"
        assert signs["Condition"] == {"ArnEquals": {"aws:PrincipalArn": role}}
