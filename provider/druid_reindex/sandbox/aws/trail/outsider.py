"""A second principal: an IAM user who has no part in any night, and can be told to touch what is protected.

The user may do everything that S3 and KMS let an identity do, and has a grant on each key that is touched, so that the
requests are granted. They are ordinary requests to the account's endpoint, signed with the user's own key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.kms.utils import encrypt

from druid_reindex.sandbox.aws.gate import encryption, keys
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Credentials, Site

USER = "outsider"
MAY = {"Effect": "Allow", "Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"}


@dataclass(frozen=True)
class Touched:
    """A request of the outsider's: its id, and the code with which it was refused; empty when it was granted."""

    user: str
    request_id: str
    error: str = ""


class Outsider:
    """The user, made when first told to touch something."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._credentials: Credentials | None = None

    def read(self, bucket: str, key: str) -> Touched:
        """Read the object and throw away what it says."""
        found = encryption.stored_object(bucket, key)
        if found is not None and found.kms_key_id:
            self._grant(keys.key_arn(found.kms_key_id))
        with self._client("s3") as s3:
            return self._touch(lambda: s3.get_object(Bucket=bucket, Key=key))

    def decrypt(self, key: str) -> Touched:
        """Decrypt a few bytes of no meaning with the key itself."""
        arn = keys.key_arn(key)
        self._grant(arn)
        context = {"purpose": USER}
        blob = encrypt(kms_backends[ACCOUNT][REGION].keys, arn.rpartition("/")[2], b"of no meaning", context)
        with self._client("kms") as kms:
            return self._touch(lambda: kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, KeyId=arn))

    def _touch(self, call: Any) -> Touched:
        try:
            answer, error = call(), ""
        except ClientError as refused:
            answer, error = refused.response, str(refused.response["Error"]["Code"])
        return Touched(self._arn, str(answer["ResponseMetadata"]["RequestId"]), error)

    @property
    def _arn(self) -> str:
        return f"arn:{PARTITION}:iam::{ACCOUNT}:user/{USER}"

    def _client(self, service: str) -> _Closing:
        return _Closing(self._site.client(service, self._made()))

    def _made(self) -> Credentials:
        if self._credentials is None:
            iam = iam_backends[ACCOUNT][PARTITION]
            iam.create_user(REGION, USER)
            iam.put_user_policy(USER, USER, json.dumps({"Version": "2012-10-17", "Statement": [MAY]}))
            key = iam.create_access_key(USER)
            self._credentials = Credentials(key.access_key_id, key.secret_access_key, None, "")
        return self._credentials

    def _grant(self, arn: str) -> None:
        kms = kms_backends[ACCOUNT][REGION]
        key = keys.key(arn)
        if key is not None and not any(each.grantee_principal == self._arn for each in key.grants.values()):
            kms.create_grant(key.id, self._arn, ["Decrypt"], USER, {}, "")


class _Closing:
    """A client that is closed at the end."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()
