"""What CloudTrail calls an operation of ours where its word is not the API's.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
"""

from __future__ import annotations

from druid_reindex.model.aws_call import AwsCall

_OF_S3 = {
    "ListObjectsV2": "ListObjects",
    "DeleteBucketLifecycleConfiguration": "DeleteBucketLifecycle",
    "GetBucketLifecycleConfiguration": "GetBucketLifecycle",
    "PutBucketLifecycleConfiguration": "PutBucketLifecycle",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "DeletePublicAccessBlock": "DeleteBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
NAMES = {("s3.amazonaws.com", operation): name for operation, name in _OF_S3.items()}


def event_name(call: AwsCall) -> str:
    """The eventName of the call's event."""
    return NAMES.get((call.event_source, call.operation), call.operation)
