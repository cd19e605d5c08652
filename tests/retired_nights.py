"""Nights that lie behind: what their records say, and what they left in Druid and in deep storage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from druid_reindex.model.identity import RunId
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document, names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from timelines import boundaries, one_job, span
from twins import FakeDruid, FakeStore, FakeVersions

PHI, DATASOURCE = boundaries().phi, "patient_vitals"
ROOT = S3Uri.parse(PHI.segments_uri)
DAY, NEXT = span("09-01/09-02"), span("09-02/09-03")
V0, V1, V2, V3 = "2026-09-10", "2026-09-20", "2026-10-01", "2026-10-05"
WINDOW = timedelta(days=14)
PASSED = "passed"


def index(segment: Segment) -> S3Uri:
    """Where the segment's object is."""
    return SegmentName.of(segment).folder(ROOT, DATASOURCE) / "index.zip"


def stored(segment: Segment) -> Segment:
    """The segment with the address that Druid gives it."""
    spec = {"type": "s3_zip", "bucket": ROOT.bucket, "key": index(segment).key}
    return replace(segment, payload=segment.payload | {"loadSpec": spec})


def version(name: str, *, shards: int = 2, day: Any = DAY) -> list[Segment]:
    """A whole version of the day."""
    return [stored(each) for each in one_job(day, shards, version=name)]


def ids(segments: Iterable[Segment]) -> list[str]:
    """Their ids."""
    return [each.segment_id for each in segments]


@dataclass
class Past:
    """A Druid, its deep storage and a store of records, in which nights have come and gone."""

    druid: FakeDruid = field(default_factory=FakeDruid)
    bucket: FakeVersions = field(default_factory=FakeVersions)
    store: FakeStore = field(default_factory=FakeStore)

    def __post_init__(self) -> None:
        self.druid.deep_storage = self.bucket

    def serve(self, segments: Iterable[Segment]) -> None:
        """Publish them."""
        for each in segments:
            self.druid.segments.append(each)
            self.bucket.add(index(each))

    def night(
        self, run: str, old: list[Segment], new: list[Segment], at: datetime, *, verdict: str | None = PASSED
    ) -> RunId:
        """A night that replaced ``old`` by ``new`` and was judged, whose records were written ``at`` that time."""
        run_id = RunId.of(boundaries().deployment_id, dag_id="nightly_reindex__patient_vitals", run_id=run)
        self.serve(new)
        self.druid.mark_unused(DATASOURCE, ids(old))
        chunk = Chunk(DAY, tuple(old), (Reason.FORCED,), 1)
        self._put(
            names.plan_uri(PHI, run_id), document.to_json(NightPlan(DATASOURCE, 1, (Batch(0, (chunk,), 1),), "1")), at
        )
        self.record(
            names.result_uri(PHI, run_id, 0),
            {"datasource": DATASOURCE, "before": {str(DAY): ids(old)}, "after": {str(DAY): ids(new)}, "appended": {}},
            at,
        )
        if verdict is not None:
            self.record(names.verdict_uri(PHI, run_id, 0), {"verdict": verdict}, at)
        return run_id

    def take_back(
        self, run_id: RunId, old: list[Segment], new: list[Segment], at: datetime, *, state: str = "done"
    ) -> None:
        """What a rollback leaves: the new ones unused, the old ones used, its record, and no result."""
        self.druid.mark_unused(DATASOURCE, ids(new))
        self.druid.mark_used(DATASOURCE, ids(old))
        record = {"state": state, "unused": ids(new), "used": ids(old), "chunks": [str(DAY)]}
        self.record(names.rollback_uri(PHI, run_id, 0), record, at)
        self.store.delete(names.result_uri(PHI, run_id, 0))

    def record(self, uri: S3Uri, record: dict[str, Any], at: datetime) -> None:
        """A record of that time."""
        self._put(uri, json.dumps({"protocol": 1, "plan_sha256": "0" * 64} | record).encode(), at)

    def _put(self, uri: S3Uri, body: bytes, at: datetime) -> None:
        self.store.put(uri, body, kms_key_arn=PHI.kms_key_arn)
        self.store.written[uri] = at

    def there(self, segments: Iterable[Segment]) -> set[str]:
        """Those of which anything is left, in Druid or in deep storage."""
        known = {each.segment_id for each in (*self.druid.segments, *self.druid.unused.values())}
        return {each.segment_id for each in segments if each.segment_id in known or index(each) in self.bucket.objects}
