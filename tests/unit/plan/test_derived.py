"""What is built from another datasource: which days, why, and from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan.built import Built, inputs_digest
from druid_reindex.plan.changes import History
from druid_reindex.plan.derived import Timelines, plan_derived
from druid_reindex.plan.night import NightPlan, Reason
from druid_reindex.plan.reading import windows
from timelines import WINDOW, chunks_of, one_job, pipeline, segment, span, tombstone
from twins import EPOCH

VITALS = {"type": "datasource", "datasource": "patient_vitals"}
SNAPSHOT = pipeline(datasource="patient_snapshot", inputs=[VITALS])
WITH_FILES = pipeline(
    datasource="patient_snapshot", inputs=[VITALS, {"type": "static", "paths": ["s3://drx-phi-111122223333/in/"]}]
)
FIRST, SECOND = "09-01/09-02", "09-02/09-03"


def written(day: str, version: str = "w1", shards: int = 1) -> list[Segment]:
    """What the pipeline's own job published."""
    made = one_job(day, shards, version=version)
    return [replace(each, datasource="patient_snapshot") for each in made]


def plan(
    own: Sequence[Segment],
    read: Sequence[Segment],
    *forced: str,
    built: Mapping[str, Built] | None = None,
    files: bool = False,
    definition: str = "",
    etag: str = "",
) -> NightPlan:
    history = History({chunk: (known,) for chunk, known in (built or {}).items()}, definition)
    lying = [StoredObject(S3Uri.parse("s3://drx-phi-111122223333/in/a"), EPOCH, etag)] if etag else []
    timelines = Timelines(own, read, history, {S3Uri.parse("s3://drx-phi-111122223333/in/"): lying})
    return plan_derived(WITH_FILES if files else SNAPSHOT, timelines, WINDOW, [span(text) for text in forced])


def why(found: NightPlan) -> dict[str, tuple[Reason, ...]]:
    return {str(chunk.interval)[5:10]: chunk.reasons for chunk in chunks_of(found)}


def test_what_serves_nothing_yet_is_built_in_one_segment_from_all_that_is_read() -> None:
    read = [segment(FIRST, "v1", n, rows=9_000_000) for n in range(3)]
    (chunk,) = chunks_of(plan([], read))
    assert chunk.reasons == (Reason.NOT_BUILT,)
    assert (chunk.segments, chunk.sources, chunk.read, chunk.shards) == ((), tuple(read), tuple(read), 1)
    assert (chunk.num_rows, chunk.size_bytes) == (0, 3_000)


def test_what_was_built_from_what_is_there_is_left_alone() -> None:
    read = [segment(FIRST, "v1"), segment(FIRST, "v1", 1)]
    known = {str(span(FIRST)): Built("w1", inputs_digest(read))}
    found = plan(written(FIRST), read, built=known)
    assert found.is_empty
    assert found.explanation == (
        "1 time chunk considered between 2026-09-01 and 2026-10-06: "
        "each was built from what patient_vitals serves there; nothing to do"
    )


def test_a_row_that_was_appended_changes_its_day_only() -> None:
    read = [segment(FIRST, "v1"), segment(SECOND, "v1")]
    known = {
        str(span(day)): Built("w1", inputs_digest([source])) for day, source in zip((FIRST, SECOND), read, strict=True)
    }
    late = segment(SECOND, "v1", 1)
    found = plan([*written(FIRST), *written(SECOND)], [*read, late], built=known)
    assert why(found) == {"09-02": (Reason.INPUTS_CHANGED,)}


@pytest.mark.parametrize(("version", "expected"), [("v9", True), ("a0", False)])
def test_where_nobody_knows_a_later_version_of_the_source_is_a_change(version: str, *, expected: bool) -> None:
    found = plan(written(FIRST, "v5"), [segment(FIRST, version)])
    assert why(found) == ({"09-01": (Reason.INPUTS_CHANGED,)} if expected else {})
    other = {str(span(FIRST)): Built("of another night", "d")}
    assert why(plan(written(FIRST, "v5"), [segment(FIRST, version)], built=other)) == why(found)


def test_a_file_that_changed_where_it_may_be_read_is_a_change() -> None:
    read = [segment(FIRST, "v1")]
    first = plan(written(FIRST), read, files=True, etag="e1")
    assert first.is_empty
    known = dict(first.adopted)
    assert plan(written(FIRST), read, files=True, etag="e1", built=known).is_empty
    for etag in ("", "e2"):
        found = plan(written(FIRST), read, files=True, etag=etag, built=known)
        assert why(found) == {"09-01": (Reason.INPUTS_CHANGED,)}
        (chunk,) = chunks_of(found)
        assert chunk.files not in {"", known[str(span(FIRST))].files}


def test_the_first_night_adopts_what_is_there_and_sees_what_is_appended_under_the_old_version() -> None:
    read = [segment(FIRST, "a0")]
    first = plan(written(FIRST, "v5"), read)
    assert first.is_empty
    found = plan(written(FIRST, "v5"), [*read, segment(FIRST, "a0", 1)], built=dict(first.adopted))
    assert why(found) == {"09-01": (Reason.INPUTS_CHANGED,)}


def test_a_changed_definition_is_a_reason_here_too() -> None:
    read = [segment(FIRST, "v1")]
    known = {str(span(day)): Built("w1", inputs_digest(read), definition="1:a") for day in (FIRST, "08-01/08-02")}
    found = plan(written(FIRST), read, built=known, definition="1:b")
    assert why(found) == {"09-01": (Reason.DEFINITION_CHANGED,)}
    assert found.stale == (span("08-01/08-02"),)
    assert plan(written(FIRST), read, built=known, definition="1:a").is_empty


def test_badly_made_segments_of_its_own_are_a_reason() -> None:
    own = [replace(segment(FIRST, "w1", n), datasource="patient_snapshot") for n in range(9)]
    (chunk,) = chunks_of(plan(own, [segment(FIRST, "v1")]))
    assert (chunk.reasons, chunk.shards, chunk.segments) == ((Reason.FRAGMENTED,), 1, tuple(own))


def test_a_forced_day_is_built_again_and_one_that_only_files_have_too() -> None:
    known = {str(span(FIRST)): Built("w1", inputs_digest([segment(FIRST, "v1")]))}
    forced = plan(written(FIRST), [segment(FIRST, "v1")], FIRST, SECOND, built=known)
    assert why(forced) == {"09-01": (Reason.FORCED,)}
    with_files = plan(written(FIRST), [segment(FIRST, "v1")], FIRST, SECOND, built=known, files=True)
    assert why(with_files) == {"09-01": (Reason.FORCED,), "09-02": (Reason.NOT_BUILT, Reason.FORCED)}
    assert chunks_of(with_files)[1].sources == ()


def test_what_nothing_is_read_for_is_left_alone() -> None:
    assert plan(written(FIRST), []).is_empty
    assert plan([], [tombstone(FIRST, "v1")]).is_empty


def test_a_longer_segment_of_either_side_makes_one_chunk() -> None:
    (chunk,) = chunks_of(plan([], [segment("09-01/09-03", "v1")]))
    assert chunk.interval == span("09-01/09-03")
    (chunk,) = chunks_of(plan(written("09-01/09-03"), [segment(FIRST, "v1"), segment(SECOND, "x1")]))
    assert chunk.interval == span("09-01/09-03")
    assert [each.version for each in chunk.read] == ["v1", "x1"]


def test_a_chunk_that_reaches_beyond_the_window_is_left_alone() -> None:
    found = plan([], [segment("08-15/09-03", "v1"), segment("09-04/09-05", "v1")])
    assert why(found) == {"09-04": (Reason.NOT_BUILT,)}
    assert "(1 time chunk left alone: segments reach beyond the window)" in found.explanation


def test_segments_without_the_metric_that_counts_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="segments without 'events'"):
        plan([], [segment(FIRST, "v1", metrics=("value_sum",))])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(1, 20), st.integers(1, 4), max_size=12), st.sets(st.integers(1, 20)))
def test_every_source_of_a_chosen_day_is_read_once_and_a_second_night_does_nothing(
    fragments: dict[int, int], served: set[int]
) -> None:
    read = [segment(f"09-{day:02}/09-{day + 1:02}", "v1", n) for day, count in fragments.items() for n in range(count)]
    own = [each for day in served for each in written(f"09-{day:02}/09-{day + 1:02}", "u1")]
    first = plan(own, read)
    chosen = [chunk.interval for chunk in chunks_of(first)]
    expected = sorted(each.segment_id for each in read if any(day.contains(each.interval) for day in chosen))
    assert sorted(w.segment.segment_id for batch in first.batches for w in windows(batch.chunks)) == expected
    made = [each for interval in chosen for each in written_at(interval)]
    known = {str(chunk.interval): Built("w1", inputs_digest(chunk.read)) for chunk in chunks_of(first)}
    assert plan([*own, *made], read, built=known).is_empty


def written_at(interval: Interval) -> list[Segment]:
    return [replace(each, datasource="patient_snapshot") for each in one_job(interval, 1, version="w1")]
