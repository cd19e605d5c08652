"""A record that several write: no change is lost, and who is late is asked again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from druid_reindex.clients.shelf import Shelf
from druid_reindex.errors import ConflictError
from druid_reindex.model.uri import S3Uri
from twins import FakeStore

WHERE = S3Uri.parse("s3://bucket/groups/nightly.json")


@dataclass
class Rival(FakeStore):
    """A store in which, before a write arrives, somebody else writes ``first``, each once."""

    first: list[bytes] = field(default_factory=list)

    def put_if(self, uri: S3Uri, body: bytes, *, kms_key_arn: str, etag: str | None) -> str:
        if self.first:
            self.put(uri, self.first.pop(0), kms_key_arn=kms_key_arn)
        return super().put_if(uri, body, kms_key_arn=kms_key_arn, etag=etag)


def shelf(store: FakeStore) -> Shelf[str]:
    return Shelf(store, WHERE, "key", bytes.decode, str.encode)


def test_the_first_change_makes_the_record_and_none_leaves_it() -> None:
    store = FakeStore()
    assert shelf(store).swap(lambda _: None) is None
    assert shelf(store).read() is None
    assert shelf(store).swap(lambda now: f"{now}+a") == "None+a"
    assert shelf(store).swap(lambda _: None) == "None+a"
    assert store.objects == {WHERE: (b"None+a", "key")}


def test_a_change_is_made_anew_of_what_somebody_quicker_wrote() -> None:
    assert shelf(Rival(first=[b"theirs"])).swap(lambda now: f"{now}+mine") == "theirs+mine"


def test_who_is_late_each_time_is_told() -> None:
    with pytest.raises(ConflictError):
        shelf(Rival(first=[f"{n}".encode() for n in range(99)])).swap(lambda now: f"{now}+mine")
