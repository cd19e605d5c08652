"""Buckets with everything that a template says about them, and bucket policies.

CloudFormation's names of a bucket's parts differ from the API's.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made, Wanted, resource
from druid_reindex.sandbox.aws.site import REGION

Part = Callable[[Any, str, Any], None]
_RULE_NAMES = {"Id": "ID", "ExpirationInDays": "Expiration", "Prefix": "Filter"}


def _encryption(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    names = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    rules = [_renamed(rule, names) for rule in part["ServerSideEncryptionConfiguration"]]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _public_access(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=part)


def _ownership(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=part)


def _versioning(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=part)


def _logging(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    target = _renamed(part, {"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"})
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _lifecycle(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in part["Rules"]]}
    )


def _replication(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    rules = [_renamed(rule, {"Id": "ID"}) for rule in part["Rules"]]
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={"Role": part["Role"], "Rules": rules})


def _object_lock(s3: Any, bucket: str, part: Mapping[str, Any]) -> None:
    rule = {"DefaultRetention": {**part["Rule"]["DefaultRetention"]}}
    rule["DefaultRetention"]["Days"] = int(rule["DefaultRetention"]["Days"])
    s3.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": part["ObjectLockEnabled"], "Rule": rule}
    )


_PARTS: dict[str, Part] = {
    "OwnershipControls": _ownership,
    "BucketEncryption": _encryption,
    "PublicAccessBlockConfiguration": _public_access,
    "VersioningConfiguration": _versioning,
    "LoggingConfiguration": _logging,
    "LifecycleConfiguration": _lifecycle,
    "ReplicationConfiguration": _replication,
    "ObjectLockConfiguration": _object_lock,
}


@resource("AWS::S3::Bucket", "BucketName", "ObjectLockEnabled", *_PARTS)
def bucket(wanted: Wanted) -> Made:
    """A bucket; each part of it is one call."""
    s3, name = wanted.client("s3"), str(wanted.properties["BucketName"])
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": wanted.region}} if wanted.region != REGION else {}
    locks = bool(wanted.properties.get("ObjectLockEnabled"))
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locks, **elsewhere)
    for part, put in _PARTS.items():
        if part in wanted.properties:
            put(s3, name, wanted.properties[part])
    return Made(name, {"Arn": f"arn:aws:s3:::{name}"})


@resource("AWS::S3::BucketPolicy", "Bucket", "PolicyDocument")
def bucket_policy(wanted: Wanted) -> Made:
    """A bucket's policy."""
    name, document = str(wanted.properties["Bucket"]), json.dumps(wanted.properties["PolicyDocument"])
    wanted.client("s3").put_bucket_policy(Bucket=name, Policy=document)
    return Made(f"{name}-policy")


def _lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    wrapped: dict[str, Callable[[Any], Any]] = {
        "ExpirationInDays": lambda days: {"Days": days},
        "Prefix": lambda prefix: {"Prefix": prefix},
        "Transitions": lambda all_: [_renamed(each, {"TransitionInDays": "Days"}) for each in all_],
    }
    values = {name: wrapped[name](value) if name in wrapped else value for name, value in rule.items()}
    return _renamed(values, _RULE_NAMES)


def _renamed(part: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in part.items()}
