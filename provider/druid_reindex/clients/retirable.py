"""Retires what nights have replaced: what is past the rollback window is disposed of, and then forgotten.

The task of the daily DAG and ``druid-reindex retire`` do it in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from druid_reindex.clients.replaced import Replaced
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document
from druid_reindex.plan.deep_storage import SegmentName, lies_below
from druid_reindex.plan.disposal import Decision
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.retire import Due, due, told

UNSETTLED = "neither passed nor taken back, so what it replaced stays: judge it, or take it back"
ELSEWHERE = "Druid keeps it outside the boundary's segments_uri"


@dataclass(frozen=True)
class Retirement:
    """The retirement of one datasource: what nights replaced, whose hand disposes of it, and the rollback window."""

    replaced: Replaced
    disposal: SegmentDisposal
    window: timedelta

    def due(self) -> Due:
        """What may go now."""
        return due(self.replaced.replacements(), self.disposal.clock(), self.window)

    def decided(self, found: Due) -> tuple[Decision, list[str]]:
        """How it goes, and a line for each version that stays and why. Nothing is changed."""
        outside = self.elsewhere(found)
        decision = self.disposal.decided(found.doomed - outside)
        return decision, _lines(decision.left, outside, found)

    def begin(self, found: Due) -> Disposal:
        """The record of what goes."""
        return self.disposal.begin(found.doomed - self.elsewhere(found))

    def finish(self, record: Disposal, found: Due) -> Disposal:
        """The record of what is gone, once nothing is pending; the nights that replaced it are not looked at again."""
        done = self.disposal.finish(record)
        gone = [SegmentName.parse(done.datasource, each) for each in done.gone]
        for replacement in found.finished(gone):
            self.disposal.require()
            self.replaced.forget(replacement, self.disposal.shelf.uri(done.run))
        return done

    def left(self, record: Disposal, found: Due) -> list[str]:
        """A line for each version that stays, and why."""
        left = {SegmentName.parse(record.datasource, each): why for each, why in record.left.items()}
        return _lines(left, self.elsewhere(found), found)

    def elsewhere(self, found: Due) -> frozenset[SegmentName]:
        """Those that Druid's own record, in the plans of the nights, places where this release does not look."""
        plans = {_plan_of(each.record) for each in found.replacements}
        return frozenset(self._outside(plans)) & found.doomed

    def _outside(self, plans: Iterable[S3Uri]) -> Iterable[SegmentName]:
        root = self.disposal.places[0].root
        for uri in sorted(plans):
            stored = self.replaced.store.get_with_etag(uri)
            for chunk in document.from_json(stored[0]).chunks if stored is not None else ():
                for segment in chunk.segments:
                    if segment.shard_spec_type != TOMBSTONE and not lies_below(segment, root):
                        yield SegmentName.of(segment)


def _lines(left: Mapping[SegmentName, str], outside: Iterable[SegmentName], found: Due) -> list[str]:
    lines = told([*sorted(left.items()), *((name, ELSEWHERE) for name in sorted(outside))])
    return lines + [f"{each.record}: {UNSETTLED}" for each in found.unsettled]


def _plan_of(record: S3Uri) -> S3Uri:
    """The plan of the run whose batch left the record."""
    return S3Uri(record.bucket, f"{record.key.partition('/batches/')[0]}/plan.json")
