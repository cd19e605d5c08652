"""AWS CloudTrail and the bucket that it delivers to, as ``ports.TrailPort``: read-only.

The names of digests within a window come from S3's listing, which is in order of time within a Region. Of an
organization's trail, the caller's own account is looked at; the organization's id is read off the bucket's folders, for
which no right in AWS Organizations is needed.
Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListPublicKeys.html,
https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html (AWSLogs/O-ID/account)
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.clients.trail_selectors import read_selectors
from druid_reindex.errors import NotAuthorizedError, NotFoundError
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.model.trail import BEFORE, StoredDigest, TrailKey, TrailScope, Window, digest_end
from druid_reindex.model.uri import Arn, S3Uri

if TYPE_CHECKING:
    import boto3

READS_AT_ONCE = 8
# Source: https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_SPILLED = timedelta(hours=1)  # a file that is delivered late stands in the next hour's digest


class CloudTrailClient:
    """CloudTrail in the trail's home Region, and S3."""

    def __init__(self, session: boto3.Session, *, attempts: int = ATTEMPTS) -> None:
        config = client_config(attempts=attempts).merge(Config(max_pool_connections=READS_AT_ONCE))
        with translated("make a CloudTrail client", "CloudTrail"):
            self._cloudtrail = session.client("cloudtrail", config=config)
            self._s3 = session.client("s3", config=config)
            self._sts = session.client("sts", config=config)

    def trail(self, name_or_arn: str) -> TrailScope:
        """The trail's own scope: where its digests lie, in its home Region. Raises NotFoundError.

        Of an organization's trail it is the scope of the caller's account, whose digests must be there.
        """
        with translated("find a trail", name_or_arn):
            found = self._cloudtrail.describe_trails(trailNameList=[name_or_arn])["trailList"]
        if not found:
            raise _no_trail(name_or_arn)
        return self._scope(found[0])

    def trails(self) -> list[TrailScope]:
        """The trails that deliver events of this account and Region, those of an organization among them."""
        with translated("list the trails", "CloudTrail"):
            found = self._cloudtrail.describe_trails(includeShadowTrails=True)["trailList"]
        return [self._scope(each) for each in found]

    def selectors(self, scope: TrailScope) -> Selectors:
        """What the trail records. Raises ProtocolError where it chooses by what is not understood here."""
        with translated("read what a trail records", scope.name):
            return read_selectors(self._cloudtrail.get_event_selectors(TrailName=scope.arn), scope.name)

    def regions(self, scope: TrailScope) -> list[str]:
        """The Regions of which the trail has ever delivered a digest, in order."""
        return self._folders("list the Regions of a trail", scope.regions_folder)

    def digest_keys(self, scope: TrailScope, window: Window) -> list[str]:
        """The keys of the digests that end in ``window`` or in the hour after it, those of backfills among them."""
        folder, first, last = scope.folder, scope.digest_key(window.start - BEFORE), window.end + _SPILLED
        keys: list[str] = []
        with translated("list the digests of a trail", str(folder)):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=folder.bucket, Prefix=folder.key, StartAfter=first
            )
            for key in (each["Key"] for page in pages for each in page.get("Contents", [])):
                ended = digest_end(key)
                if not scope.owns(key) or ended is None or ended < window.start:
                    continue
                if ended > last:
                    break
                keys.append(key)
        return keys

    def digest(self, uri: S3Uri) -> StoredDigest | None:
        """The digest's bytes and metadata; None where there is none."""
        return self._stored("read a digest", uri)

    def log(self, uri: S3Uri) -> bytes | None:
        """The log file's bytes; None where there is none."""
        found = self._stored("read a log file", uri)
        return None if found is None else found.body

    def public_keys(self, window: Window) -> dict[str, TrailKey]:
        """The keys that CloudTrail signed digests with in ``window``, by fingerprint."""
        with translated("list CloudTrail's public keys", str(window)):
            pages = self._cloudtrail.get_paginator("list_public_keys").paginate(
                StartTime=window.start, EndTime=window.end
            )
            return {each["Fingerprint"]: _key(each) for page in pages for each in page["PublicKeyList"]}

    def _scope(self, trail: Any) -> TrailScope:
        scope = TrailScope.of(Arn.parse(trail["TrailARN"]), trail["S3BucketName"], trail.get("S3KeyPrefix") or "")
        return self._of_caller(scope) if trail.get("IsOrganizationTrail") else scope

    def _of_caller(self, scope: TrailScope) -> TrailScope:
        """The caller's account in its organization's trail. Raises NotFoundError where it has no digest there."""
        with translated("find out whose trail it is", scope.name):
            account = self._sts.get_caller_identity()["Account"]
        folder = scope.logs_folder
        named = self._folders("list the organizations of a trail", folder)
        members = [scope.of_member(each, account) for each in named if _ORGANIZATION.fullmatch(each)]
        found = [each for each in members if self.regions(each)]
        if len(found) != 1:
            raise NotFoundError(
                "find an account in its organization's trail",
                resource=f"{scope.name}, account {account}",
                came_back=f"{len(found)} organizations below {folder} with digests of it",
                remedy="turn on the trail's log file validation, and wait for its first digest",
            )
        return found[0]

    def _folders(self, attempted: str, folder: S3Uri) -> list[str]:
        """The names of the folders right below ``folder``, in order."""
        with translated(attempted, str(folder)):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=folder.bucket, Prefix=folder.key, Delimiter="/"
            )
            found = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
        return sorted(each.removeprefix(folder.key).rstrip("/") for each in found)

    def _stored(self, attempted: str, uri: S3Uri) -> StoredDigest | None:
        """What is stored there; None where nothing is.

        To whom lists by prefix alone S3 refuses what is not there: then the listing says whether it is.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (permissions)
        """
        try:
            with translated(attempted, str(uri)):
                found = self._s3.get_object(Bucket=uri.bucket, Key=uri.key)
                return StoredDigest(found["Body"].read(), dict(found["Metadata"]))
        except NotFoundError as error:
            if error.came_back.startswith("NoSuchBucket"):
                raise
            return None
        except NotAuthorizedError:
            if self._is_listed(uri):
                raise
            return None

    def _is_listed(self, uri: S3Uri) -> bool:
        with translated("look for a file of a trail", str(uri)):
            found = self._s3.list_objects_v2(Bucket=uri.bucket, Prefix=uri.key, MaxKeys=1)
        return any(each["Key"] == uri.key for each in found.get("Contents", ()))


def _key(listed: Any) -> TrailKey:
    since, until = listed["ValidityStartTime"], listed["ValidityEndTime"]
    return TrailKey(listed["Fingerprint"], listed["Value"], since.astimezone(UTC), until.astimezone(UTC))


def _no_trail(name: str) -> NotFoundError:
    return NotFoundError(
        "find a trail", resource=name, came_back="there is none", remedy="check its name, the account and the Region"
    )
