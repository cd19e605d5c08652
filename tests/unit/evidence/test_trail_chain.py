"""The walk along a trail's digests; ``aws cloudtrail validate-logs`` is its measure in tests/contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from druid_reindex.evidence.trail_chain import DigestSource, Gap, Link, Verdict, walk
from druid_reindex.model.trail import StoredDigest, Window
from druid_reindex.model.uri import S3Uri
from trail_account import BUCKET, HOUR, NIGHT, WINDOW, TrailFiles, a_night
from twins import FakeTrail


def walked(files: TrailFiles, window: Window = WINDOW, keys: Sequence[str] | None = None) -> list[Link | Gap]:
    port = FakeTrail([files.scope], files.objects, files.public_keys())
    listed = lambda bucket: port.digest_keys(files.scope.in_bucket(bucket), window) if keys is None else keys  # noqa: E731
    return [*walk(DigestSource(listed, files.objects.get, files.public_keys()), BUCKET, window)]


def verdicts(seen: list[Link | Gap]) -> list[str]:
    return [str(each) if isinstance(each, Gap) else each.verdict for each in seen]


def test_a_whole_chain_is_walked_from_its_newest_digest_back() -> None:
    files, digests, _ = a_night()
    seen = walked(files)
    assert [each.uri for each in seen if isinstance(each, Link)] == digests[::-1]
    assert verdicts(seen) == ["valid"] * 4


def test_it_ends_where_the_window_begins() -> None:
    files, digests, _ = a_night(hours=6)
    seen = walked(files, Window(NIGHT + 3 * HOUR + timedelta(minutes=30), NIGHT + 4 * HOUR))
    assert [each.uri for each in seen if isinstance(each, Link)] == digests[4:2:-1]


def test_a_missing_digest_is_named_by_its_successor_and_the_walk_goes_on() -> None:
    files, digests, _ = a_night()
    del files.objects[digests[2]]
    seen = walked(files)
    assert verdicts(seen) == ["valid", "not found", "valid", "valid"]
    assert isinstance(seen[1], Link)
    assert seen[1].uri == digests[2]


def test_a_restart_is_a_gap_and_no_fault_and_the_first_digest_is_neither() -> None:
    files, _, _ = a_night(hours=2)
    files.start_anew()
    files.close(NIGHT + 4 * HOUR)
    seen = walked(files)
    assert verdicts(seen)[1:] == [
        "no log files were delivered from 2026-11-21T04:00:00Z to 2026-11-21T05:00:00Z", "valid", "valid"
    ]  # fmt: skip


def test_a_spliced_digest_is_not_the_one_that_its_successor_names() -> None:
    files, digests, _ = a_night()
    other, _, _ = a_night(hours=1)
    other.deliver(b'{"Records":[]}', NIGHT)
    again = other.close(NIGHT + 2 * HOUR)
    files.objects[digests[1]] = other.objects[again]
    seen = walked(files)
    assert verdicts(seen) == ["valid", "valid", Verdict.INVALID, "valid"]
    assert "the next digest names" in str(seen[2])


def test_another_bucket_before_is_followed() -> None:
    files, digests, _ = a_night(hours=1)
    files.scope = files.scope.in_bucket("drx-newer-bucket")
    newest = files.close(NIGHT + 2 * HOUR)
    port = FakeTrail([files.scope], files.objects, files.public_keys())
    listed = lambda bucket: port.digest_keys(files.scope.in_bucket(bucket), WINDOW)  # noqa: E731
    seen = [*walk(DigestSource(listed, files.objects.get, files.public_keys()), "drx-newer-bucket", WINDOW)]
    assert [each.uri for each in seen if isinstance(each, Link)] == [newest, digests[0]]


def test_nothing_is_there() -> None:
    assert walked(TrailFiles()) == []


def test_keys_that_are_no_digests_are_passed_over() -> None:
    files, digests, _ = a_night(hours=1)
    assert verdicts(walked(files, keys=["AWSLogs/readme.txt", digests[0].key])) == ["valid"]


def test_a_signed_digest_that_names_no_digest_ends_the_walk() -> None:
    files, _, _ = a_night(hours=1)
    files._last = S3Uri(BUCKET, "AWSLogs/nonsense"), "00"
    files.close(NIGHT + 2 * HOUR)
    assert verdicts(walked(files)) == ["valid", "not found"]


def test_every_broken_digest_is_told_and_none_stops_the_walk() -> None:
    files, digests, _ = a_night()
    for uri in digests:
        files.objects[uri] = replace(files.objects[uri], metadata={})
    assert verdicts(walked(files)) == [Verdict.INVALID] * 4
    assert isinstance(files.objects[digests[0]], StoredDigest)
