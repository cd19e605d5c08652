"""What a trail records: management events, and S3's data events below some ARNs.

Sources: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html (S3's data events)
"""

from __future__ import annotations

from dataclasses import dataclass

from druid_reindex.evidence.event_names import event_name
from druid_reindex.model.aws_call import AwsCall

S3_DATA_EVENTS = frozenset(
    [
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjects",
        "GetObject",
        "GetObjectAcl",
        "GetObjectAttributes",
        "GetObjectLegalHold",
        "GetObjectRetention",
        "GetObjectTagging",
        "GetObjectTorrent",
        "HeadBucket",
        "HeadObject",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjects",
        "ListParts",
        "PutObject",
        "PutObjectAcl",
        "PutObjectLegalHold",
        "PutObjectRetention",
        "PutObjectTagging",
        "RestoreObject",
        "SelectObjectContent",
        "UploadPart",
        "UploadPartCopy",
    ]
)


@dataclass(frozen=True, slots=True)
class Selectors:
    """What a trail records: management events, those of some services aside, and S3's data events below some ARNs."""

    management: bool = True
    excluded_sources: frozenset[str] = frozenset()
    s3_prefixes: tuple[str, ...] = ()

    def records(self, call: AwsCall) -> bool:
        """Whether the trail records such a call; a call that names no object is taken for recorded where any is."""
        if call.event_source == "s3.amazonaws.com" and event_name(call) in S3_DATA_EVENTS:
            if not call.resources:
                return bool(self.s3_prefixes)
            return any(f"{arn}/".startswith(prefix) for arn in call.resources for prefix in self.s3_prefixes)
        return self.management and call.event_source not in self.excluded_sources
