"""Everything that a template says about a bucket is what S3 then says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from druid_reindex.sandbox.aws.cloudformation.resources import Made

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
RULES = [
    {"Id": "uploads", "Status": "Enabled", "Prefix": "", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {
        "Id": "old",
        "Status": "Enabled",
        "Prefix": "runs/",
        "ExpirationInDays": 2192,
        "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 35},
    },
]
DENY_ALL_BUT_TLS = {
    "Sid": "DenyPlainHttp",
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": "arn:aws:s3:::data/*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_each_part_of_a_bucket_is_told_again(make: Callable[..., Made], aws: Callable[[str], Any]) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    rule = {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    made = make(
        "AWS::S3::Bucket",
        {
            "BucketName": "data",
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]},
            "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": True},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "VersioningConfiguration": {"Status": "Enabled"},
            "LifecycleConfiguration": {"Rules": RULES},
        },
    )
    assert (made.id, made.attributes["Arn"]) == ("data", "arn:aws:s3:::data")
    s3 = aws("s3")
    (told,) = s3.get_bucket_encryption(Bucket="data")["ServerSideEncryptionConfiguration"]["Rules"]
    assert (told["ApplyServerSideEncryptionByDefault"], told["BucketKeyEnabled"]) == (default, True)
    block = s3.get_public_access_block(Bucket="data")["PublicAccessBlockConfiguration"]
    assert (block["BlockPublicAcls"], block["BlockPublicPolicy"], block["IgnorePublicAcls"]) == (True, True, False)
    owner = s3.get_bucket_ownership_controls(Bucket="data")["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_versioning(Bucket="data")["Status"] == "Enabled"
    uploads, old = s3.get_bucket_lifecycle_configuration(Bucket="data")["Rules"]
    assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert (old["Filter"], old["Expiration"]) == ({"Prefix": "runs/"}, {"Days": 2192})
    assert old["Transitions"] == [{"StorageClass": "STANDARD_IA", "Days": 90}]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
