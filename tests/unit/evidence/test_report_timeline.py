"""The night in the order of its hours."""

from __future__ import annotations

from datetime import UTC, datetime

from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report_figure import Box
from druid_reindex.evidence.report_timeline import LANES, Moment, moments_of, timeline_figure, timeline_table
from told_nights import FOREIGN, MISSING, confirmed, evidence, night

AT = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)


def test_all_that_has_an_instant_in_its_order() -> None:
    moments = moments_of(evidence(night(supplement=confirmed(FOREIGN, MISSING))))
    assert [each.at for each in moments] == sorted(each.at for each in moments)
    assert {each.lane for each in moments} == set(LANES)
    assert moments[0].what == "The run began"
    assert moments[-1].what == "Pack 0001 was signed"


def test_an_instant_with_another_offset_is_told_in_utc() -> None:
    asked = parts.told(parts.Asked("scheduled", None, None, None, None, "2026-10-06T02:30:00-04:00"))
    moments = moments_of(evidence(night({Kind.ASKED: asked})))
    assert moments[0].at == AT
    assert timeline_table(moments).rows[0][0] == "2026-10-06 06:30:00"


def test_what_reads_as_no_instant_is_left_out() -> None:
    asked = parts.told(parts.Asked("scheduled", None, None, None, None, "yesterday"))
    assert all(each.what != "The run began" for each in moments_of(evidence(night({Kind.ASKED: asked}))))


def test_each_moment_is_a_mark_within_the_drawing() -> None:
    moments = moments_of(evidence(night(supplement=confirmed(FOREIGN))))
    figure = timeline_figure(moments)
    assert figure is not None
    boxes = [shape for shape in figure.shapes if isinstance(shape, Box)]
    assert len(boxes) == len(moments)
    assert all(box.x >= 0 and box.x + box.width <= figure.width for box in boxes)


def test_a_single_moment_and_none() -> None:
    assert timeline_figure([Moment(AT, AT, "Night", "x")]) is not None
    assert timeline_figure([]) is None
