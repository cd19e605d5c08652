"""S3 as Redshift reaches it: as a role that is associated with the cluster, or at the end of a chain of roles.

Sources: https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html,
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-access-permissions.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any
from urllib.parse import urlsplit

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.gate import encryption
from druid_reindex.sandbox.aws.gate.services import ServiceAccess
from druid_reindex.sandbox.aws.redshift.model import Target
from druid_reindex.sandbox.aws.redshift.moving import Moved
from druid_reindex.sandbox.aws.redshift.refusals import S3_CODE, SqlRefusal, detailed, error
from druid_reindex.sandbox.aws.redshift.targets import user_arn
from druid_reindex.sandbox.aws.site import ACCOUNT, Credentials, Site

SERVICE = "redshift.amazonaws.com"
SESSION = "RedshiftIamRoleSession"
PARTS = TransferConfig(use_threads=False, multipart_threshold=16 << 20, multipart_chunksize=16 << 20)
_REDIRECT = (
    "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future "
    "requests to this endpoint."
)


@dataclass(frozen=True)
class Stored:
    """One object: `mandatory` and `size_bytes` are a manifest's word on it."""

    bucket: str
    key: str
    mandatory: bool = True
    size_bytes: int | None = None

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"s3://{self.bucket}/{self.key}"


def stored(uri: str) -> Stored:
    """Return what the URI names. Raises SqlRefusal for another scheme, or without a bucket."""
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise SqlRefusal(error(f"The S3 path {uri} is not valid"))
    return Stored(parts.netloc, parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else ""))


class Identities:
    """Assumes roles for Redshift."""

    def __init__(self, site: Site, access: ServiceAccess) -> None:
        self._site = site
        self._access = access

    def credentials(self, target: Target, user: str, chain: tuple[str, ...]) -> Credentials:
        """Return a session of the last role of the chain. Raises SqlRefusal when one of them may not be assumed."""
        first = target.roles[0] if chain == ("default",) and target.roles else chain[0]
        arn = f"arn:aws:redshift:{target.region}:{ACCOUNT}:cluster:{target.name}"
        about = {"aws:sourceaccount": (ACCOUNT,), "aws:sourcearn": (arn,), "sts:rolesessionname": (SESSION,)}
        if first not in target.roles or not self._access.may_assume(SERVICE, first, about):
            raise _not_assumable(target, user, first)
        found = roles.assume(first, SESSION, SERVICE)
        for role in chain[1:]:
            found = self._next(found, role, partial(_not_assumable, target, user, role))
        return found

    def store(self, credentials: Credentials) -> Store:
        """Return S3 as the session reaches it."""
        return Store(self._site.client("s3", credentials))

    def _next(self, before: Credentials, role: str, refusal: Callable[[], SqlRefusal]) -> Credentials:
        sts = self._site.client("sts", before)
        try:
            made = sts.assume_role(RoleArn=role, RoleSessionName=SESSION)["Credentials"]
        except ClientError as raised:
            raise refusal() from raised
        finally:
            sts.close()
        expiration = made["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ")
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"], expiration)


def _not_assumable(target: Target, user: str, role: str) -> SqlRefusal:
    text = f"User {user_arn(target, user)} is not authorized to assume IAM Role {role}"
    return detailed(text, S3_CODE, f"IAM Role={role}")


def check_region(moved: Moved, target: Target, bucket: str) -> None:
    """Raise SqlRefusal when the bucket is not in the Region that the statement, or the cluster, says."""
    found = encryption.bucket(bucket)
    wanted = moved.region or target.region
    if found is not None and str(found.region_name) != wanted:
        text = f"S3ServiceException:{_REDIRECT},Status 301,Error PermanentRedirect,Rid ,ExtRid ,CanRetry 1"
        raise detailed(text, S3_CODE, f"Bucket={bucket} Region={wanted}")


class Store:
    """S3 by one session; what it refuses becomes Redshift's error."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def listed(self, prefix: Stored) -> Iterator[Stored]:
        """Yield the objects below the prefix, by name. Raises SqlRefusal."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
        try:
            for page in pages:
                for each in page.get("Contents", ()):
                    yield Stored(prefix.bucket, str(each["Key"]), size_bytes=int(each["Size"]))
        except ClientError as raised:
            raise refused(raised, f"Listing bucket={prefix.bucket} prefix={prefix.key}") from raised

    def open(self, wanted: Stored) -> Any:
        """Return the object's body as a stream. Raises SqlRefusal."""
        try:
            return self._client.get_object(Bucket=wanted.bucket, Key=wanted.key)["Body"]
        except ClientError as raised:
            raise refused(raised, f"S3 key being read : {wanted.uri}") from raised

    def size(self, wanted: Stored) -> int | None:
        """Return the object's size in bytes; None when it is not there. Raises SqlRefusal."""
        try:
            return int(self._client.head_object(Bucket=wanted.bucket, Key=wanted.key)["ContentLength"])
        except ClientError as raised:
            if raised.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise refused(raised, f"S3 key being read : {wanted.uri}") from raised

    def put(self, body: IO[bytes], wanted: Stored, encrypted: dict[str, str]) -> None:
        """Write the object, in parts when it is large. Raises SqlRefusal."""
        try:
            self._client.upload_fileobj(body, wanted.bucket, wanted.key, ExtraArgs=encrypted, Config=PARTS)
        except ClientError as raised:
            raise refused(raised, f"S3 key being written : {wanted.uri}") from raised
        except S3UploadFailedError as raised:
            text = f"S3ServiceException:{raised},Status 0,Error UploadFailed"
            raise detailed(text, S3_CODE, f"S3 key being written : {wanted.uri}") from raised

    def delete(self, wanted: Stored) -> None:
        """Delete the object. Raises SqlRefusal."""
        try:
            self._client.delete_object(Bucket=wanted.bucket, Key=wanted.key)
        except ClientError as raised:
            raise refused(raised, f"S3 key being deleted : {wanted.uri}") from raised

    def document(self, wanted: Stored) -> Any:
        """Return the JSON document in the object. Raises SqlRefusal."""
        try:
            return json.loads(self.open(wanted).read())
        except ValueError as raised:
            raise detailed("Problem reading manifest file - invalid JSON", S3_CODE, wanted.uri) from raised


def refused(raised: ClientError, context: str) -> SqlRefusal:
    """Return S3's refusal in Redshift's form.

    Source: https://github.com/aws-samples/aws-redshift-spectrum-poc/issues/3
    """
    said, about = raised.response["Error"], raised.response["ResponseMetadata"]
    text = (
        f"S3ServiceException:{said.get('Message', '')},Status {about['HTTPStatusCode']},Error {said['Code']},"
        f"Rid {about.get('RequestId', '')},ExtRid {about.get('HostId', '')},CanRetry 1"
    )
    return detailed(text, S3_CODE, context)
