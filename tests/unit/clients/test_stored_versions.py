"""Tests of what is found in a place of deep storage: whose each version is, and what belongs to nothing."""

from __future__ import annotations

from druid_reindex.clients.stored_versions import Place
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName, interval_folder
from timelines import span
from twins import FakeVersions

ROOT = S3Uri.parse("s3://drx-phi-111122223333/druid/segments")
DAY, NEXT, LATER = span("09-01/09-02"), span("09-02/09-03"), span("09-05/09-06")
NAME = SegmentName(DAY, "v1")
INDEX = NAME.folder(ROOT, "vitals") / "index.zip"


def test_versions_are_told_by_segment_within_the_spans_alone() -> None:
    bucket, later = FakeVersions(), SegmentName(LATER, "v1").folder(ROOT, "vitals") / "index.zip"
    for uri in (INDEX, INDEX, later, SegmentName(DAY, "v1").folder(ROOT, "vitals_old") / "index.zip"):
        bucket.add(uri)
    found = Place(bucket, ROOT).stored("vitals", [span("09-01/09-03")])
    assert {name: len(versions) for name, versions in found.versions.items()} == {NAME: 2}
    assert found.kept == {NAME}
    assert [each.uri for each in found.of([NAME, SegmentName(NEXT, "v1")])] == [INDEX, INDEX]
    assert found.odd == frozenset()


def test_what_is_hidden_is_there_and_not_kept() -> None:
    bucket = FakeVersions()
    bucket.add(INDEX)
    bucket.hide(INDEX)
    found = Place(bucket, ROOT).stored("vitals", [DAY])
    assert (set(found.versions), found.kept) == ({NAME}, frozenset())


def test_what_belongs_to_no_segment_is_odd_unless_it_is_hidden_or_a_folder() -> None:
    bucket, day = FakeVersions(), ROOT / f"vitals/{interval_folder(DAY)}"
    bucket.add(ROOT / "vitals/20260901T000000.000Z_20260902T000000.000Z/v1/0/index.zip")
    bucket.add(day / "note.txt")
    bucket.add(ROOT / f"vitals/{interval_folder(NEXT)}/note.txt")
    bucket.hide(ROOT / f"vitals/{interval_folder(NEXT)}/note.txt")
    bucket.add(S3Uri(ROOT.bucket, f"{ROOT.key}/vitals/{interval_folder(NEXT)}/v1/"))
    assert Place(bucket, ROOT).stored("vitals", [DAY, NEXT]).odd == {None, DAY}
