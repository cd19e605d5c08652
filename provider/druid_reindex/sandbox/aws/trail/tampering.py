"""A trail as AWS itself would have written it wrongly: without an event, or without a digest.

Everything that stands behind what is taken away is hashed and signed anew, so that the chain is whole: only who knows
of the call can miss it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from druid_reindex.sandbox.aws.trail import bucket
from druid_reindex.sandbox.aws.trail.delivery import Delivery
from druid_reindex.sandbox.aws.trail.digests import Chain, Signed, folder
from druid_reindex.sandbox.aws.trail.recorder import trails

Json = dict[str, Any]


@dataclass(frozen=True)
class Removed:
    """The files that said the event, and how many digests were signed anew."""

    files: list[str]
    digests: int


def remove_event(delivery: Delivery, event_id: str) -> Removed:
    """Take the event out of every delivered file. Raises KeyError when no file has it."""
    with delivery.lock:
        files: list[str] = []
        signed = 0
        for trail, region in _places(delivery):
            hashes = {key: digest for key in _files(trail, region) if (digest := _without(trail, key, event_id))}
            files += hashes
            signed += _sign_anew(delivery, trail, region, hashes) if hashes else 0
        if not files:
            raise KeyError(event_id)
        return Removed(files, signed)


def remove_digest(delivery: Delivery, key: str | None = None) -> str:
    """Delete the digest, by default the oldest; return its key. Raises KeyError when there is none."""
    with delivery.lock:
        for trail, region in _places(delivery):
            for each in bucket.names(trail.bucket_name, folder(trail, "CloudTrail-Digest", region)):
                if key in {None, each}:
                    bucket.remove(trail.bucket_name, each)
                    return each
    raise KeyError(key)


def _places(delivery: Delivery) -> Iterator[tuple[Any, str]]:
    known = {trail.arn: trail for trail in trails()}
    yield from ((known[arn], region) for arn, region in delivery.chains if arn in known)


def _files(trail: Any, region: str) -> Iterator[str]:
    yield from bucket.names(trail.bucket_name, folder(trail, "CloudTrail", region))


def _without(trail: Any, key: str, event_id: str) -> str:
    """Write the file anew without the event; return its new hash, empty when it does not have the event."""
    said = bucket.read(trail.bucket_name, key)
    if event_id.encode() not in said:
        return ""
    records = [each for each in json.loads(said)["Records"] if each["eventID"] != event_id]
    content = json.dumps({"Records": records}, separators=(",", ":")).encode()
    bucket.rewrite(trail.bucket_name, key, content)
    return hashlib.sha256(content).hexdigest()


def _sign_anew(delivery: Delivery, trail: Any, region: str, hashes: dict[str, str]) -> int:
    """Correct the digests of the Region from the first one that lists a changed file; return how many there were."""
    chain = delivery.chains[(trail.arn, region)]
    before: Signed | None = None
    count = 0
    for key in bucket.names(trail.bucket_name, folder(trail, "CloudTrail-Digest", region)):
        document = json.loads(bucket.read(trail.bucket_name, key))
        changed = [each for each in document["logFiles"] if each["s3Object"] in hashes]
        if before is None and not changed:
            continue
        for each in changed:
            each["hashValue"] = hashes[each["s3Object"]]
        if before is not None and document["previousDigestS3Object"] is not None:
            document |= before.as_previous()
        before = delivery.signer.sign(region, document)
        bucket.rewrite(trail.bucket_name, key, before.content, before.metadata)
        count += 1
    _correct(chain, before, hashes)
    return count


def _correct(chain: Chain, last: Signed | None, hashes: dict[str, str]) -> None:
    """Let the digest that is still open know of the change."""
    if last is not None and chain.last is not None:
        chain.last = last
    chain.files = [
        type(each)(each.bucket, each.key, hashes.get(each.key, each.hash), each.oldest, each.newest)
        for each in chain.files
    ]
