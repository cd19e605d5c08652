"""What AWS would have written wrongly: the chain stays whole, and only the event or the digest is gone."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from druid_reindex.sandbox.aws.trail import bucket, tampering
from druid_reindex.sandbox.aws.trail.digests import folder
from recorded_account import TRAIL, Recorded


def documents(trail: Recorded) -> list[dict[str, object]]:
    names = bucket.names(TRAIL, folder(trail.trail, "CloudTrail-Digest", "us-east-1"))
    return [json.loads(bucket.read(TRAIL, each)) for each in names]


def test_an_event_is_gone_and_each_later_digest_is_signed_anew(trail: Recorded) -> None:
    delivery, now = trail.service.delivery, datetime.now(UTC)
    delivery.close(now)
    trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    delivery.deliver(now, everything=True)
    delivery.close(now + timedelta(hours=1))
    delivery.close(now + timedelta(hours=2))
    before = documents(trail)
    (record,) = trail.named("ListKeys")
    removed = tampering.remove_event(delivery, record["eventID"])
    assert (len(removed.files), removed.digests) == (1, 3)
    after = documents(trail)
    assert after[0] == before[0]
    assert after[1]["logFiles"] != before[1]["logFiles"]
    content = bucket.read(TRAIL, removed.files[0])
    assert after[1]["logFiles"][0]["hashValue"] == hashlib.sha256(content).hexdigest()  # type: ignore[index]
    assert after[2]["previousDigestSignature"] != before[2]["previousDigestSignature"]
    assert json.loads(content)["Records"] == []
    assert trail.named("ListKeys") == []


def test_an_event_of_the_digest_that_is_still_open(trail: Recorded) -> None:
    trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys")
    trail.service.delivery.deliver(datetime.now(UTC), everything=True)
    event = next(trail.service.spool.history())["eventID"]
    (file,) = tampering.remove_event(trail.service.delivery, event).files
    (digest,) = trail.service.deliver().digests
    entry = json.loads(bucket.read(TRAIL, digest))["logFiles"][0]
    assert entry["hashValue"] == hashlib.sha256(bucket.read(TRAIL, file)).hexdigest()


def test_an_event_that_no_file_has(trail: Recorded) -> None:
    with pytest.raises(KeyError):
        tampering.remove_event(trail.service.delivery, "none")


def test_a_digest_is_gone_and_its_neighbours_are_as_they_were(trail: Recorded) -> None:
    now = datetime.now(UTC)
    keys = [trail.service.delivery.close(now + timedelta(hours=hour))[0] for hour in range(3)]
    assert tampering.remove_digest(trail.service.delivery, keys[1]) == keys[1]
    assert tampering.remove_digest(trail.service.delivery) == keys[0]
    assert [each["digestS3Object"] for each in documents(trail)] == [keys[2]]
    with pytest.raises(KeyError):
        tampering.remove_digest(trail.service.delivery, keys[1])
