"""The parts of CloudTrail, held together: what the account's process starts, asks and stops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from druid_reindex.sandbox.aws.gate import keys
from druid_reindex.sandbox.aws.site import ACCOUNT
from druid_reindex.sandbox.aws.trail import bucket
from druid_reindex.sandbox.aws.trail.delivery import Clock, Delivered, Delivery, Pace
from druid_reindex.sandbox.aws.trail.digests import Signer
from druid_reindex.sandbox.aws.trail.events import event
from druid_reindex.sandbox.aws.trail.record import TYPES, Recorded, Seen, of_service
from druid_reindex.sandbox.aws.trail.recorder import Recorder, trails
from druid_reindex.sandbox.aws.trail.spool import Spool

# By how much a record may be late. AWS says about five minutes; a sandbox's night is shorter than that.
LATE_SECONDS = 30.0


class CloudTrail:
    """Records in `folder`, delivered at a pace; without a pace, only when `deliver` is called."""

    def __init__(self, folder: Path, *, enforcing: bool, pace: Pace | None = None) -> None:
        self.spool = Spool(folder)
        self.recorder = Recorder(self.spool, late_seconds=LATE_SECONDS if pace else 0.0)
        self.delivery = Delivery(self.spool, Signer(), trails, self._used, enforcing=enforcing, pace=pace)
        self.recorder.after = self._changed
        self._clock = Clock(self.delivery, self.spool) if pace else None
        for trail in trails():
            self.delivery.begin(trail, datetime.now(UTC))

    def deliver(self) -> Delivered:
        """Deliver all that waits and close every digest, now."""
        now = datetime.now(UTC)
        with self.delivery.lock:
            return Delivered(self.delivery.deliver(now, everything=True), self.delivery.close(now))

    def assumed(self, by: str, role: str, session: str, access_key_id: str) -> None:
        """Record that a service became a session of the role.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html
        """
        made = event("sts", "AssumeRole")
        name = role.rpartition("/")[2]
        found = of_service(
            made,
            by,
            datetime.now(UTC),
            requestParameters={"roleArn": role, "roleSessionName": session},
            responseElements={
                "credentials": {"accessKeyId": access_key_id},
                "assumedRoleUser": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"},
            },
            resources=[{"accountId": ACCOUNT, "type": TYPES["sts"], "ARN": role}],
        )
        self.recorder.keep(Recorded(found, made.kind))

    def stop(self) -> None:
        """Deliver nothing more by itself; requests that are still answered are recorded."""
        if self._clock is not None:
            self._clock.stop()

    def _changed(self, seen: Seen) -> None:
        """Begin or end a trail's chain, as it was just told to log or to stop."""
        name = seen.noted.parameters.get("Name")
        changed = [trail for trail in trails() if name in {trail.trail_name, trail.arn}]
        for trail in changed if seen.error is None else ():
            match seen.noted.operation:
                case "StartLogging":
                    self.delivery.begin(trail, seen.at)
                case "StopLogging":
                    self.delivery.end(trail.arn, seen.at)

    def _used(self, trail: Any, pairs: dict[str, str]) -> None:
        """Record that CloudTrail had a data key made for a file: by itself no reason for another file."""
        made = event("kms", "GenerateDataKey")
        key = keys.key_arn(trail.kms_key_id)
        asked = {"keySpec": "AES_256", "encryptionContext": pairs, "keyId": key}
        resources = [{"accountId": ACCOUNT, "type": TYPES["kms"], "ARN": key}]
        found = of_service(made, bucket.SERVICE, datetime.now(UTC), requestParameters=asked, resources=resources)
        self.recorder.keep(Recorded(found, made.kind), quiet=True)
