"""Which segments in deep storage are old versions, of which nothing is to be left after a purge.

What serves decides, and what a purge has recorded: a segment out of service where nothing serves may have been taken
out by somebody who wants it back, so that it is named and left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.timeline import serving, visible_segments


def superseded(
    stored: Iterable[SegmentName], used: Sequence[Segment], emptied: Mapping[str, Collection[str]]
) -> tuple[list[SegmentName], list[SegmentName]]:
    """Of the ``stored`` segments those of old versions, and those out of service that may or may not be.

    Old is what is under a higher version that serves, in all that serves where it lies; and what lies in a chunk that a
    purge has ``emptied``, and is of no higher version than it had. What serves is neither, nor is what is of the
    version that serves: a task may be about to publish it.
    """
    serves = [(each.interval, each.version) for each in visible_segments(serving(used))]
    old, unknown = [], []
    for name in sorted(set(stored) - {SegmentName.of(segment) for segment in used}):
        above = [version for interval, version in serves if interval.overlaps(name.interval)]
        if (above and min(above) > name.version) or (not above and _is_emptied(name, emptied)):
            old.append(name)
        elif not above:
            unknown.append(name)
    under = [SegmentName.of(each) for each in used if _is_under(each, serves)]
    return sorted({*old, *under}), unknown


def _is_under(segment: Segment, serves: Iterable[tuple[Interval, str]]) -> bool:
    above = [version for interval, version in serves if interval.overlaps(segment.interval)]
    return bool(above) and min(above) > segment.version


def _is_emptied(name: SegmentName, emptied: Mapping[str, Collection[str]]) -> bool:
    """Whether it lies in a chunk of which a purge has left nothing, and is of a version from before it."""
    return any(
        name.version <= max(versions)
        for chunk, versions in emptied.items()
        if versions and Interval.parse(chunk).contains(name.interval)
    )
