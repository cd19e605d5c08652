"""Segments are disposed of in an emulated S3 that keeps versions: none of theirs is left, whatever fails in between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.clients.stored_versions import Place
from druid_reindex.errors import DruidReindexError, NoAnswerError, Transient
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.sandbox.aws.site import REGION
from faults import Fault, Injector
from timelines import boundaries, one_job, span
from twins import FakeDruid

PHI, DATASOURCE = boundaries().phi, "patient_vitals"
DEPLOYMENT = boundaries().deployment_id
DAY, NEXT = span("09-01/09-02"), span("09-02/09-03")
OLD, NEW = "2026-09-10T00:00:00.000Z", "2026-10-06T02:30:00.000Z"
MOST_TRIES = 12


@dataclass
class Bucket:
    """The side's bucket below a root of the test's own, as Druid's own role writes there."""

    s3: Any
    root: S3Uri

    def put(self, segment: Segment) -> Segment:
        """The segment with the address of its object, which is written twice, as by a task that was tried again."""
        uri = self.index(segment)
        for body in (b"first", b"second"):
            self.s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=body)
        spec = {"type": "s3_zip", "bucket": uri.bucket, "key": uri.key}
        return replace(segment, payload=segment.payload | {"loadSpec": spec})

    def hide(self, uri: S3Uri) -> None:
        """What Druid's kill does to an object."""
        self.s3.delete_object(Bucket=uri.bucket, Key=uri.key)

    def index(self, segment: Segment) -> S3Uri:
        """Where the segment's object is."""
        return SegmentName.of(segment).folder(self.root, DATASOURCE) / "index.zip"

    def versions(self, segment: Segment) -> int:
        """How many versions and delete markers there are of it."""
        uri = self.index(segment)
        found = self.s3.list_object_versions(Bucket=uri.bucket, Prefix=uri.key)
        return len(found.get("Versions", [])) + len(found.get("DeleteMarkers", []))

    def body(self, segment: Segment) -> bytes:
        """What a plain request gets."""
        uri = self.index(segment)
        found: bytes = self.s3.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
        return found


@dataclass
class Stage:
    """Two days with an old version each, out of service, and a new one that serves."""

    bucket: Bucket
    druid: FakeDruid
    old: list[Segment]
    new: list[Segment]
    run_id: RunId

    def dispose(self) -> Disposal:
        """One try of a process of its own, whose client asks once."""
        store = S3Client(build_session(region=REGION), attempts=1)
        hand = SegmentDisposal(
            datasource=DATASOURCE,
            deployment_id=DEPLOYMENT,
            run_id=self.run_id,
            druid=self.druid,
            places=(Place(store, self.bucket.root),),
            shelf=DisposalShelf(store, PHI, DATASOURCE),
            require=lambda: None,
            log=lambda _said: None,
            clock=lambda: datetime(2026, 10, 20, tzinfo=UTC),
        )
        record = hand.begin(map(SegmentName.of, self.old))
        while hand.pending(record):
            pass
        return hand.finish(record)


@pytest.fixture
def stage(s3: Any) -> Stage:
    bucket = Bucket(s3, S3Uri.parse(PHI.segments_uri) / f"retired-{uuid4().hex[:8]}")
    old = [bucket.put(each) for day in (DAY, NEXT) for each in one_job(day, 2, version=OLD)]
    new = [bucket.put(each) for day in (DAY, NEXT) for each in one_job(day, 1, version=NEW)]
    druid = FakeDruid([*old, *new])
    druid.deep_storage = bucket  # type: ignore[assignment]
    druid.mark_unused(DATASOURCE, [each.segment_id for each in old])
    return Stage(bucket, druid, old, new, RunId.of(DEPLOYMENT, dag_id="retire__phi", run_id=uuid4().hex))


def assert_only_the_old_are_gone(stage: Stage) -> None:
    assert [stage.bucket.versions(each) for each in stage.old] == [0] * len(stage.old)
    assert [stage.bucket.versions(each) for each in stage.new] == [2] * len(stage.new)
    assert {stage.bucket.body(each) for each in stage.new} == {b"second"}


def test_no_version_and_no_delete_marker_is_left_and_the_record_has_each(stage: Stage, spoilt_aws: Injector) -> None:
    before = sum(map(stage.bucket.versions, stage.old))
    record = stage.dispose()
    assert_only_the_old_are_gone(stage)
    assert (len(record.objects) - record.markers, record.markers) == (before, len(stage.old))
    assert len({each.version_id for each in record.objects}) == len(record.objects)
    read = DisposalShelf(S3Client(build_session(region=REGION)), PHI, DATASOURCE).read(stage.run_id)
    assert read == record
    assert stage.dispose() == record


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.FAILED, Fault.RESET, Fault.UNANSWERED])
def test_each_request_may_fail_once_and_the_next_tries_finish(stage: Stage, spoilt_aws: Injector, fault: Fault) -> None:
    spoilt_aws.arm(fault)
    met: list[DruidReindexError] = []
    for _ in range(MOST_TRIES):
        try:
            record = stage.dispose()
            break
        except Transient as error:
            met.append(error)
    else:
        raise AssertionError(met)
    assert spoilt_aws.spoilt
    assert met
    assert_only_the_old_are_gone(stage)
    assert set(record.segments) == {each.segment_id for each in stage.old}


def test_deletions_that_stop_half_way_are_gone_on_with(stage: Stage, spoilt_aws: Injector) -> None:
    spoilt_aws.arm(Fault.UNANSWERED, "DeleteObject", times=3)
    with pytest.raises(NoAnswerError):
        stage.dispose()
    assert all(map(stage.bucket.versions, stage.new))
    for _ in range(MOST_TRIES):
        try:
            record = stage.dispose()
            break
        except NoAnswerError:
            continue
    assert record.is_done
    assert_only_the_old_are_gone(stage)
    gone = {each.uri for each in record.objects}
    assert gone == {stage.bucket.index(each) for each in stage.old}
