"""Amazon S3 with Object Lock as ``ports.LockedStorePort``: an object is locked by the very request that writes it.

S3 shows an object's lock to those alone who may ``s3:GetObjectRetention`` and ``s3:GetObjectLegalHold``: to anybody
else it looks as if there were none.
Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html
"""

from __future__ import annotations

from datetime import UTC

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.s3 import S3Client
from druid_reindex.model.evidence_place import LockMode, ObjectLock
from druid_reindex.model.uri import S3Uri


class LockedStore(S3Client):
    """S3 in one account, with the locks of its objects."""

    def put_locked(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, lock: ObjectLock) -> None:
        """Write the object, locked, where there is none. Raises ConflictError when another one is there."""
        locked = {
            "IfNoneMatch": "*",
            "ChecksumAlgorithm": "SHA256",  # S3 asks for it beside a lock
            "ObjectLockMode": lock.mode.value,
            "ObjectLockRetainUntilDate": lock.until,
            "ObjectLockLegalHoldStatus": "ON" if lock.is_held else "OFF",
        }
        self._write_if(uri, body, kms_key_arn, locked)

    def lock_of(self, uri: S3Uri) -> ObjectLock | None:
        """The object's lock; None where S3 shows no retention. Raises NotFoundError when there is no object."""
        with translated("read an object's lock", str(uri)):
            found = self._s3.head_object(Bucket=uri.bucket, Key=uri.key)
        if "ObjectLockMode" not in found:
            return None
        until = found["ObjectLockRetainUntilDate"].astimezone(UTC)
        return ObjectLock(LockMode(found["ObjectLockMode"]), until, found.get("ObjectLockLegalHoldStatus") == "ON")
