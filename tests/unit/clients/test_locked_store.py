"""Object Lock, asked of the client on moto and of its twin alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.session import build_session
from druid_reindex.errors import ConflictError, NotFoundError
from druid_reindex.model.evidence_place import LockMode, ObjectLock
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import LockedStorePort
from twins import FakeLockedStore

KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"
URI = S3Uri("drx-evidence-111122223333", "phi/packs/x/0000.jsonl")
LOCK = ObjectLock(LockMode.GOVERNANCE, datetime(2032, 10, 6, 5, 0, tzinfo=UTC), is_held=True)


@pytest.fixture(params=["twin", "moto"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LockedStorePort]:
    if request.param == "twin":
        yield FakeLockedStore()
        return
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        session = build_session()
        session.client("s3").create_bucket(Bucket=URI.bucket, ObjectLockEnabledForBucket=True)
        yield LockedStore(session)


@pytest.mark.parametrize("lock", [
    LOCK, replace(LOCK, is_held=False), replace(LOCK, mode=LockMode.COMPLIANCE, until=LOCK.until + timedelta(days=9)),
])  # fmt: skip
def test_an_object_has_the_lock_that_it_was_written_with(store: LockedStorePort, lock: ObjectLock) -> None:
    store.put_locked(URI, b"{}", kms_key_arn=KEY, lock=lock)
    assert store.lock_of(URI) == lock
    assert store.get(URI) == b"{}"
    assert store.kms_keys([URI]) == {URI: KEY}


def test_the_same_bytes_again_are_the_same_write_and_others_a_conflict(store: LockedStorePort) -> None:
    store.put_locked(URI, b"{}", kms_key_arn=KEY, lock=LOCK)
    store.put_locked(URI, b"{}", kms_key_arn=KEY, lock=replace(LOCK, until=LOCK.until + timedelta(days=1)))
    assert store.lock_of(URI) == LOCK
    with pytest.raises(ConflictError):
        store.put_locked(URI, b"[]", kms_key_arn=KEY, lock=LOCK)
    assert store.get(URI) == b"{}"


def test_an_object_without_a_lock_has_none_and_no_object_is_not_found(store: LockedStorePort) -> None:
    store.put(URI, b"{}", kms_key_arn=KEY)
    assert store.lock_of(URI) is None
    with pytest.raises(NotFoundError):
        store.lock_of(S3Uri(URI.bucket, "phi/none"))


@mock_aws
def test_a_locked_version_cannot_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    session = build_session()
    s3 = session.client("s3")
    s3.create_bucket(Bucket=URI.bucket, ObjectLockEnabledForBucket=True)
    LockedStore(session).put_locked(URI, b"{}", kms_key_arn=KEY, lock=LOCK)
    (version,) = s3.list_object_versions(Bucket=URI.bucket)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=URI.bucket, Key=URI.key, VersionId=version["VersionId"])
