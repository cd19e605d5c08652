"""What a request asks of S3, read from its method, path and query: operation, actions and condition keys.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html (actions of operations),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html (condition keys)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote
from xml.parsers.expat import ExpatError

import xmltodict

from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.operations import EVERY, Check, Owner
from druid_reindex.sandbox.aws.gate.sessions import PARTITION

OBJECT = {
    ("GET", ""): ("GetObject", "s3:GetObject"),
    ("HEAD", ""): ("HeadObject", "s3:GetObject"),
    ("PUT", ""): ("PutObject", "s3:PutObject"),
    ("DELETE", ""): ("DeleteObject", "s3:DeleteObject"),
    ("POST", "uploads"): ("CreateMultipartUpload", "s3:PutObject"),
    ("PUT", "uploadId"): ("UploadPart", "s3:PutObject"),
    ("POST", "uploadId"): ("CompleteMultipartUpload", "s3:PutObject"),
    ("DELETE", "uploadId"): ("AbortMultipartUpload", "s3:AbortMultipartUpload"),
    ("GET", "uploadId"): ("ListParts", "s3:ListMultipartUploadParts"),
    ("GET", "tagging"): ("GetObjectTagging", "s3:GetObjectTagging"),
    ("PUT", "tagging"): ("PutObjectTagging", "s3:PutObjectTagging"),
    ("DELETE", "tagging"): ("DeleteObjectTagging", "s3:DeleteObjectTagging"),
    ("GET", "acl"): ("GetObjectAcl", "s3:GetObjectAcl"),
    ("PUT", "acl"): ("PutObjectAcl", "s3:PutObjectAcl"),
    ("GET", "attributes"): ("GetObjectAttributes", "s3:GetObject"),
    ("GET", "retention"): ("GetObjectRetention", "s3:GetObjectRetention"),
    ("PUT", "retention"): ("PutObjectRetention", "s3:PutObjectRetention"),
    ("GET", "legal-hold"): ("GetObjectLegalHold", "s3:GetObjectLegalHold"),
    ("PUT", "legal-hold"): ("PutObjectLegalHold", "s3:PutObjectLegalHold"),
    ("POST", "restore"): ("RestoreObject", "s3:RestoreObject"),
}
# Sub-resources of a bucket, with the names of what is read, written and deleted.
BUCKET = {
    "policy": ("BucketPolicy", "BucketPolicy", "DeleteBucketPolicy"),
    "encryption": ("BucketEncryption", "EncryptionConfiguration", "PutEncryptionConfiguration"),
    "versioning": ("BucketVersioning", "BucketVersioning", ""),
    "lifecycle": ("BucketLifecycleConfiguration", "LifecycleConfiguration", "PutLifecycleConfiguration"),
    "logging": ("BucketLogging", "BucketLogging", ""),
    "tagging": ("BucketTagging", "BucketTagging", "PutBucketTagging"),
    "acl": ("BucketAcl", "BucketAcl", ""),
    "cors": ("BucketCors", "BucketCORS", "PutBucketCORS"),
    "notification": ("BucketNotificationConfiguration", "BucketNotification", ""),
    "replication": ("BucketReplication", "ReplicationConfiguration", "PutReplicationConfiguration"),
    "publicAccessBlock": ("PublicAccessBlock", "BucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    "ownershipControls": ("BucketOwnershipControls", "BucketOwnershipControls", "PutBucketOwnershipControls"),
    "object-lock": ("ObjectLockConfiguration", "BucketObjectLockConfiguration", ""),
    "accelerate": ("BucketAccelerateConfiguration", "AccelerateConfiguration", ""),
    "requestPayment": ("BucketRequestPayment", "BucketRequestPayment", ""),
    "website": ("BucketWebsite", "BucketWebsite", "DeleteBucketWebsite"),
}
LISTS = {
    "": ("ListObjects", "s3:ListBucket"),
    "versions": ("ListObjectVersions", "s3:ListBucketVersions"),
    "uploads": ("ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    "location": ("GetBucketLocation", "s3:GetBucketLocation"),
    "policyStatus": ("GetBucketPolicyStatus", "s3:GetBucketPolicyStatus"),
}
BARE = {
    "HEAD": ("HeadBucket", "s3:ListBucket"),
    "PUT": ("CreateBucket", "s3:CreateBucket"),
    "DELETE": ("DeleteBucket", "s3:DeleteBucket"),
}
# With a version, these actions are others.
VERSIONED = {
    "s3:GetObject", "s3:DeleteObject", "s3:GetObjectTagging", "s3:PutObjectTagging", "s3:DeleteObjectTagging",
    "s3:GetObjectAcl", "s3:PutObjectAcl",
}  # fmt: skip
ACL_HEADERS = (
    "x-amz-acl",
    "x-amz-grant-read",
    "x-amz-grant-full-control",
    "x-amz-grant-read-acp",
    "x-amz-grant-write-acp",
)
# Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (permissions)
BESIDES = {
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
SSE, SSE_KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
KEYED_HEADERS = (
    "x-amz-acl", SSE, SSE_KEY, "x-amz-copy-source", "x-amz-metadata-directive", "x-amz-storage-class",
    "x-amz-content-sha256", "x-amz-website-redirect-location", "x-amz-object-ownership", "x-amz-grant-read",
    "x-amz-grant-full-control", "x-amz-server-side-encryption-customer-algorithm",
)  # fmt: skip
KEYED_ARGUMENTS = {
    "prefix": "s3:prefix",
    "delimiter": "s3:delimiter",
    "max-keys": "s3:max-keys",
    "versionId": "s3:versionid",
}
MULTIPART_DELETE = "DeleteObjects"


@dataclass(frozen=True)
class ObjectCall:
    """One request to S3. `operation` is empty when it is none that is known; `action` is the first that it needs."""

    incoming: Incoming
    operation: str
    action: str
    bucket: str
    key: str

    @property
    def arn(self) -> str:
        """The object's ARN, the bucket's when the request names no object, and `*` when it names neither."""
        if not self.bucket:
            return EVERY
        return f"arn:{PARTITION}:s3:::{self.bucket}/{self.key}" if self.key else bucket_arn(self.bucket)

    @property
    def copy_source(self) -> tuple[str, str, str | None] | None:
        """Bucket, key and version of what is copied."""
        header = self.incoming.header("x-amz-copy-source")
        if header is None or self.operation not in {"PutObject", "UploadPart"}:
            return None
        path, _, version = unquote(header).lstrip("/").partition("?versionId=")
        bucket, _, key = path.partition("/")
        return bucket, key, version or None

    @cached_property
    def deleted(self) -> tuple[dict[str, str], ...]:
        """What DeleteObjects names, in its order."""
        return tuple(deletions(self.incoming.body))

    def context(self) -> dict[str, tuple[str, ...]]:
        """Return the condition keys that the request itself gives."""
        headers = {f"s3:{name}": self.incoming.header(name) for name in KEYED_HEADERS}
        arguments = {key: self.incoming.arguments.get(name) for name, key in KEYED_ARGUMENTS.items()}
        given: dict[str, tuple[str, ...]] = {
            name: (value,) for name, value in (headers | arguments).items() if value is not None
        }
        for header in ("if-match", "if-none-match"):
            if self.incoming.header(header) is not None:
                given[f"s3:{header}"] = (str(self.incoming.header(header)),)
        return given | ({"s3:object-lock-legal-hold": (hold,)} if (hold := self._legal_hold) else {})

    @property
    def _legal_hold(self) -> str:
        """ON or OFF, as a put's header or PutObjectLegalHold's body asks for it; empty where neither does."""
        if self.operation != "PutObjectLegalHold":
            return self.incoming.header("x-amz-object-lock-legal-hold") or ""
        try:
            return str(xmltodict.parse(self.incoming.body)["LegalHold"]["Status"])
        except (ExpatError, KeyError, TypeError):
            return ""

    def checks(self) -> Iterator[Check]:
        """Return what S3's own policies have to allow; KMS's part is in `keys`."""
        if self.operation == MULTIPART_DELETE:
            for each in self.deleted:
                action = "s3:DeleteObjectVersion" if "VersionId" in each else "s3:DeleteObject"
                yield _check(action, f"{bucket_arn(self.bucket)}/{each['Key']}", self.bucket)
            return
        versioned = "versionId" in self.incoming.arguments and self.action in VERSIONED
        action = _version_of(self.action) if versioned else self.action
        context = self.context()
        yield Check(action, self.arn, context, Owner.BUCKET if self.bucket else Owner.NONE, bucket_arn(self.bucket))
        if self.operation in {"PutObject", "CreateMultipartUpload"}:
            for also in self._put_besides():
                yield Check(also, self.arn, context, Owner.BUCKET, bucket_arn(self.bucket))
        if self.copy_source is not None:
            bucket, key, version = self.copy_source
            source = "s3:GetObjectVersion" if version else "s3:GetObject"
            yield _check(source, f"{bucket_arn(bucket)}/{key}", bucket)

    def _put_besides(self) -> Iterator[str]:
        """What a put needs besides s3:PutObject, by its headers."""
        yield from (action for header, action in BESIDES.items() if self.incoming.header(header))
        if any(self.incoming.header(name) for name in ACL_HEADERS):
            yield "s3:PutObjectAcl"


def read(incoming: Incoming) -> ObjectCall:
    """Return what the request asks of S3; path-style, as every client of this account addresses it."""
    bucket, _, key = unquote(incoming.path).lstrip("/").partition("/")
    operation, action = _operation(incoming, bucket, key)
    return ObjectCall(incoming, operation, action, bucket, key)


def bucket_arn(bucket: str) -> str:
    """Return the bucket's ARN; nothing for no bucket."""
    return f"arn:{PARTITION}:s3:::{bucket}" if bucket else ""


def deletions(body: bytes) -> list[dict[str, str]]:
    """Return what a DeleteObjects body names, as `Key` and perhaps `VersionId`; nothing for what is no such body."""
    try:
        objects = xmltodict.parse(body, force_list=("Object",))["Delete"]["Object"]
    except (ExpatError, KeyError, TypeError):
        return []
    return [{name: each[name] or "" for name in ("Key", "VersionId") if name in each} for each in objects]


def _operation(incoming: Incoming, bucket: str, key: str) -> tuple[str, str]:
    given = incoming.arguments.keys()
    if not bucket:
        return ("ListBuckets", "s3:ListAllMyBuckets") if incoming.method == "GET" else ("", "")
    if key:
        named = {name for _, name in OBJECT if name} & given
        return OBJECT.get((incoming.method, min(named, default="")), ("", ""))
    if incoming.method == "POST":
        return (MULTIPART_DELETE, "s3:DeleteObject") if "delete" in given else ("", "")
    named = BUCKET.keys() & given
    if named:
        return _configuration(incoming.method, min(named))
    if incoming.method == "GET":
        operation, action = LISTS[min((LISTS.keys() - {""}) & given, default="")]
        return ("ListObjectsV2", action) if "list-type" in given else (operation, action)
    return BARE.get(incoming.method, ("", ""))


def _configuration(method: str, name: str) -> tuple[str, str]:
    noun, action, deleting = BUCKET[name]
    match method:
        case "GET":
            return f"Get{noun}", f"s3:Get{action}"
        case "PUT":
            return f"Put{noun}", f"s3:Put{action}"
        case "DELETE" if deleting:
            return f"Delete{noun}", f"s3:{deleting}"
    return "", ""


def _version_of(action: str) -> str:
    """`GetObject` with a version is `GetObjectVersion`, `GetObjectTagging` is `GetObjectVersionTagging`."""
    return action.replace("Object", "ObjectVersion", 1)


def _check(action: str, arn: str, bucket: str) -> Check:
    return Check(action, arn, {}, Owner.BUCKET, bucket_arn(bucket))
