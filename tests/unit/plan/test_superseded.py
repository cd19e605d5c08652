"""Which segments in deep storage are old versions."""

from __future__ import annotations

from druid_reindex.model.segment import Segment
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.superseded import superseded
from timelines import one_job, segment, span

DAY = "09-01/09-02"
OLD, NEW, NEWER = "2026-09-04T00:00:00.000Z", "2026-10-06T00:00:00.000Z", "2026-10-07T00:00:00.000Z"


def names(*segments: Segment) -> list[SegmentName]:
    return [SegmentName.of(each) for each in segments]


def test_what_lies_under_a_higher_version_is_old_used_or_not() -> None:
    out, under, serves = segment(DAY, "2026-09-03"), segment(DAY, OLD), one_job(DAY, 1, version=NEW)
    old, unknown = superseded(names(out, under, *serves), [under, *serves], {})
    assert (old, unknown) == (names(out, under), [])


def test_what_is_of_the_version_that_serves_or_of_a_later_one_is_about_to_be_published() -> None:
    serves = one_job(DAY, 1, version=NEW)
    assert superseded(names(segment(DAY, NEW, 7), segment(DAY, NEWER)), serves, {}) == ([], [])


def test_a_longer_segment_is_old_where_all_that_serves_within_it_is_newer() -> None:
    longer = segment("09-01/09-03", OLD)
    first, second = one_job(DAY, 1, version=NEW), one_job("09-02/09-03", 1, version=NEW)
    assert superseded(names(longer), [*first, *second], {}) == (names(longer), [])
    assert superseded(names(longer), [longer, *first], {}) == ([], [])


def test_out_of_service_where_nothing_serves_is_unknown_unless_a_purge_has_emptied_it() -> None:
    out, later = segment(DAY, OLD), segment(DAY, NEWER)
    assert superseded(names(out), [], {}) == ([], names(out))
    emptied = {str(span(DAY)): [OLD]}
    assert superseded(names(out, later), [], emptied) == (names(out), names(later))
    assert superseded(names(segment("09-02/09-03", OLD)), [], emptied) == ([], names(segment("09-02/09-03", OLD)))
