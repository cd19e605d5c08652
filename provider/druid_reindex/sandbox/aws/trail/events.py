"""What CloudTrail makes of an operation: its source, name and kind; and where AWS shows a record like it.

`events.csv` has every operation that the gate knows. `kind` is `management`, the resource type of a data event, or
empty for what CloudTrail does not record; `answer` names the fields of the answer that are recorded; `source` is the
page with AWS's own sample, empty where there is none: the form of such a record is unconfirmed.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html (names and kinds of S3's),
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from druid_reindex.sandbox.aws.gate.objects import ObjectCall
from druid_reindex.sandbox.aws.gate.operations import PREFIXES

S3 = "s3"
MANAGEMENT = "management"
OBJECT = "AWS::S3::Object"
DOMAIN = "amazonaws.com"
SOURCES = {"cloudwatch": "monitoring"}
# CloudTrail's words for operations of S3 that have another name in the API.
S3_NAMES = {
    "ListObjectsV2": "ListObjects",
    "BucketLifecycleConfiguration": "BucketLifecycle",
    "BucketNotificationConfiguration": "BucketNotification",
    "PublicAccessBlock": "BucketPublicAccessBlock",
}
COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
# Verbs that change nothing, and operations that AWS counts among them.
READING = ("Get", "List", "Describe", "Head", "Lookup", "Simulate", "Validate", "Filter", "BatchGet", "Generate")
READS = {"AssumeRole", "Decrypt", "Encrypt", "ReEncrypt", "Sign", "Verify", "VerifyMac", "DecodeAuthorizationMessage"}


@dataclass(frozen=True)
class Event:
    """One kind of event."""

    source: str
    name: str
    kind: str = MANAGEMENT
    answer: tuple[str, ...] = ()
    sample: str = ""

    @property
    def reads(self) -> bool:
        """Whether the operation leaves everything as it is."""
        return self.name.startswith(READING) or self.name in READS

    @property
    def is_management(self) -> bool:
        """Whether it is a management event."""
        return self.kind == MANAGEMENT


def event(service: str, operation: str) -> Event:
    """Return what CloudTrail makes of the operation; one that the table does not have is a management event."""
    found = table().get((service, operation))
    return found or Event(source(service), operation)


def s3_event(call: ObjectCall) -> Event:
    """Return what CloudTrail makes of a request to S3."""
    return event(S3, s3_name(call.operation, copies=call.copy_source is not None))


def s3_name(operation: str, *, copies: bool = False) -> str:
    """Return CloudTrail's word for an operation of S3."""
    if copies:
        return COPIES[operation]
    for verb in ("Get", "Put", "Delete"):
        noun = operation.removeprefix(verb)
        if noun != operation and noun in S3_NAMES:
            return f"{verb}{S3_NAMES[noun]}"
    return S3_NAMES.get(operation, operation)


def source(service: str) -> str:
    """Return the service as CloudTrail calls it."""
    return f"{SOURCES.get(service) or PREFIXES.get(service, service)}.{DOMAIN}"


@cache
def table() -> dict[tuple[str, str], Event]:
    """Return every event of the table, by botocore's name of the service and CloudTrail's of the event."""
    found = {}
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            for name in row["events"].split():
                answer = tuple(row["answer"].split())
                key = (row["service"], name)
                found[key] = Event(source(row["service"]), name, row["kind"], answer, row["source"])
    return found
