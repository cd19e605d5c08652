"""An account in this process whose requests are recorded, with one trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.cloudtrail.models import cloudtrail_backends

from druid_reindex.sandbox.aws import wsgi
from druid_reindex.sandbox.aws.gate.middleware import Gate
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.aws.trail import bucket
from druid_reindex.sandbox.aws.trail.api import Api
from druid_reindex.sandbox.aws.trail.delivery import Pace
from druid_reindex.sandbox.aws.trail.service import CloudTrail
from gated_account import Account, allow, document, gated_account

DATA, TRAIL = "nights", "trails"
NOBODY_TWICE = Pace(repeated=0, escaped=0)
TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."


class Recorded:
    """The account, its trail as moto has it, and the service."""

    def __init__(self, account: Account, folder: Path, *, enforcing: bool) -> None:
        self.account = account
        account.s3.create_bucket(TRAIL, REGION)
        account.s3.create_bucket(DATA, REGION)
        self.key = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
        self.trail = cloudtrail_backends[ACCOUNT][REGION].create_trail(
            "night", TRAIL, None, None, True, True, True, False, None, None, None, []
        )
        self.trail.start_logging()
        self.select(DataResources=[{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{DATA}/"]}])
        self.service = CloudTrail(folder / "trail", enforcing=enforcing)
        self.service.delivery.pace = NOBODY_TWICE
        gate = Gate(account.records, enforcing=True)
        account.application = wsgi.application((self.service.recorder, gate, Api(self.service)))
        self.alice = account.user("alice", allow(["s3:*", "kms:*", "cloudtrail:*", "sts:*", "redshift-data:*"]))

    def select(self, **selector: Any) -> None:
        wanted = {"ReadWriteType": "All", "IncludeManagementEvents": True, **selector}
        self.trail.put_event_selectors([wanted], [])

    def encrypt(self, *, bucket_key: bool = False) -> None:
        """Let the data's bucket encrypt under the key."""
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key.arn}
        both = {"ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": str(bucket_key).lower()}
        self.account.s3.put_bucket_encryption(DATA, {"Rule": both})

    def protect(self) -> None:
        """Let the trail's bucket take files of CloudTrail's alone."""
        resource = f"arn:aws:s3:::{TRAIL}/AWSLogs/*"
        given = {"Effect": "Allow", "Principal": {"Service": bucket.SERVICE}, "Action": "s3:PutObject"}
        same = {"StringEquals": {"aws:SourceArn": self.trail.arn, "s3:x-amz-acl": bucket.ACL}}
        self.account.s3.buckets[TRAIL].policy = document({**given, "Resource": resource, "Condition": same}).encode()

    def ask(self, operation: str, **parameters: Any) -> dict[str, Any]:
        answer = self.account.json_ask(self.alice, "cloudtrail", f"{TARGET}{operation}", **parameters)
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def delivered(self) -> list[dict[str, Any]]:
        """Deliver all, and return every record of every file there is."""
        self.service.deliver()
        names = bucket.names(TRAIL, f"AWSLogs/{ACCOUNT}/CloudTrail/")
        return [record for name in names for record in json.loads(bucket.read(TRAIL, name))["Records"]]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [record for record in self.delivered() if record["eventName"] == name]


@contextmanager
def recorded_account(folder: Path, *, enforcing: bool = False) -> Iterator[Recorded]:
    with gated_account(folder) as account:
        made = Recorded(account, folder, enforcing=enforcing)
        try:
            yield made
        finally:
            made.service.stop()
            made.service.spool.close()
