"""What has changed since the version that serves a chunk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Built, Ledger, merged, serves_digest
from druid_reindex.plan.changes import History, published, stale
from druid_reindex.plan.night import NightPlan, Reason
from druid_reindex.plan.planner import plan_night
from druid_reindex.plan.timeline import serving, visible_segments
from timelines import WINDOW, chunks_of, one_job, pipeline, rebuild, segment, span

DAY = "09-01/09-02"
BIG: dict[str, Any] = {"rows": 4_000_000, "size": 400_000_000}
VITALS = pipeline()


def built(segments: Sequence[Segment], *, version: str = "v1", definition: str = "1:a") -> Ledger:
    return {str(span(DAY)): (Built(version, "", "", serves_digest(segments), definition),)}


def plan(segments: Sequence[Segment], ledger: Ledger | None = None, definition: str = "1:a") -> NightPlan:
    return plan_night(VITALS, segments, WINDOW, history=History(ledger or {}, definition))


def why(segments: Sequence[Segment], ledger: Ledger | None = None, definition: str = "1:a") -> tuple[Reason, ...]:
    return next((chunk.reasons for chunk in chunks_of(plan(segments, ledger, definition))), ())


def test_what_is_as_it_was_recorded_is_left_alone() -> None:
    whole = one_job(DAY, 4, version="v1", **BIG)
    found = plan(whole, built(whole))
    assert found.is_empty
    assert found.adopted == {}


def test_rows_beyond_the_core_partitions_were_appended_whoever_built_it() -> None:
    whole = one_job(DAY, 4, version="v1", **BIG)
    grown = [*whole, segment(DAY, "v1", 4, shard={"type": "numbered", "partitionNum": 4, "partitions": 4}, **BIG)]
    assert why(grown) == why(grown, built(whole)) == why(grown, built(grown)) == (Reason.ROWS_APPENDED,)


def test_a_segment_replaced_in_place_is_not_an_appended_one() -> None:
    update = {"type": "numbered_overwrite", "startRootPartitionId": 0, "endRootPartitionId": 1, "minorVersion": 1}
    parts = [
        segment(DAY, "v1", 32_768 + n, shard=update | {"partitionId": 32_768 + n, "atomicUpdateGroupSize": 2}, **BIG)
        for n in range(2)
    ]
    assert Reason.ROWS_APPENDED not in why([*one_job(DAY, 2, version="v1", **BIG), *parts])


def test_streamed_segments_are_the_baseline_and_one_more_is_a_change() -> None:
    streamed = [segment(DAY, "v1", number, **BIG) for number in range(2)]
    first = plan(streamed)
    assert first.is_empty
    known = merged({}, first.adopted)
    assert plan(streamed, known).is_empty
    assert why([*streamed, segment(DAY, "v1", 2, **BIG)], known) == (Reason.ROWS_APPENDED,)


def test_another_version_than_the_recorded_counts_unless_a_job_wrote_it_whole() -> None:
    known = built(one_job(DAY, 1, version="v1", **BIG))
    foreign = one_job(DAY, 1, version="v2", **BIG)
    found = plan(foreign, known, "1:b")
    assert found.is_empty
    assert found.adopted == {str(span(DAY)): Built("v2", "", "", serves_digest(foreign), "1:b")}
    assert why([segment(DAY, "v2", **BIG)], known) == (Reason.ROWS_APPENDED,)


def test_a_version_that_is_rolled_back_leaves_the_one_before_as_it_was_known() -> None:
    old, new = one_job(DAY, 1, version="v1", **BIG), one_job(DAY, 1, version="v2", **BIG)
    known = merged(built(old, definition="1:a"), {str(span(DAY)): Built("v2", "", "", serves_digest(new), "1:b")})
    assert plan(new, known, "1:b").is_empty
    assert why(old, known, "1:b") == (Reason.DEFINITION_CHANGED,)


def test_a_changed_definition_rebuilds_within_the_window_and_reports_what_is_older() -> None:
    whole = one_job(DAY, 1, version="v1", **BIG)
    older: Ledger = {str(span("08-01/08-02")): (Built("v1", definition="1:a"),)}
    found = plan(whole, {**built(whole), **older}, "1:b")
    assert [chunk.reasons for chunk in chunks_of(found)] == [(Reason.DEFINITION_CHANGED,)]
    assert found.stale == (span("08-01/08-02"),)
    assert found.explained.endswith("; 1 older time chunk was built by another definition: a backfill rebuilds it")
    assert plan(whole, {**built(whole), **older}, "2:z").stale == ()
    assert stale(History(older, "1:b"), WINDOW, [span("08-01/08-03")]) == ()


def test_what_an_earlier_ledger_lacked_is_filled_in_and_what_it_had_stays() -> None:
    whole = one_job(DAY, 1, version="v1", **BIG)
    known: Ledger = {str(span(DAY)): (Built("v1", "inputs"),)}
    assert plan(whole, known).adopted == {str(span(DAY)): Built("v1", "inputs", "", serves_digest(whole), "1:a")}
    assert plan(whole, built(whole), "2:a").adopted[str(span(DAY))].definition == "2:a"


def test_a_chunk_longer_than_a_time_chunk_leaves_an_entry_for_each() -> None:
    (chunk,) = chunks_of(plan([segment("09-01/09-03", "v1")]))
    after = [*one_job("09-01/09-02", 2), *one_job("09-02/09-03", 1), segment("08-01/09-03", "v0")]
    found = published(VITALS, chunk, after, "1:a")
    assert {name: each.serves for name, each in found.items()} == {
        str(span("09-01/09-02")): serves_digest(after[:2]), str(span("09-02/09-03")): serves_digest(after[2:3]),
    }  # fmt: skip


@st.composite
def timelines(draw: st.DrawFn) -> list[Segment]:
    made: list[Segment] = []
    for version in range(draw(st.integers(1, 8))):
        hours = draw(st.sampled_from((6, 24, 24, 72)))
        start = WINDOW.start + timedelta(hours=hours * draw(st.integers(0, 288 // hours - 1)))
        interval = Interval(start, start + timedelta(hours=hours))
        size = draw(st.sampled_from((1_000, 400_000_000)))
        count = draw(st.integers(1, 4))
        if draw(st.booleans()):
            made += one_job(interval, count, version=f"v{version}", rows=1_000_000, size=size)
        else:
            made += [segment(interval, f"v{version}", n, rows=1_000_000, size=size) for n in range(count)]
    return made


@settings(max_examples=200, deadline=None)
@given(timelines())
def test_nights_in_a_row_end_with_nothing_to_do(segments: list[Segment]) -> None:
    """Whatever serves: once it is rebuilt and recorded, or adopted, the nights after rebuild nothing."""
    first = plan(segments)
    after = [*segments, *rebuild(VITALS, first, version="w")]
    ledger = merged({}, first.adopted)
    for chunk in chunks_of(first):
        served = visible_segments(piece for piece in serving(after) if chunk.interval.overlaps(piece.source.interval))
        ledger = merged(ledger, published(VITALS, chunk, served, first.definition))
    second = plan(after, ledger)
    assert second.is_empty
    third = plan(after, merged(ledger, second.adopted))
    assert (third.is_empty, third.adopted) == (True, {})
    assert plan(after, {}).is_empty
