"""Tests of which superseded versions may go: never what a rollback could need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.retire import Replacement, due, told
from timelines import span

DAY = span("09-01/09-02")
NOW = datetime(2026, 10, 20, tzinfo=UTC)
WINDOW = timedelta(days=14)
RECORD = S3Uri.parse("s3://drx-phi-111122223333/runs/r/batches/0/result.json")
A, B, C = (SegmentName(DAY, "2026-09-10", number) for number in range(3))


def replacement(days_ago: float, *segments: SegmentName, settled: bool = True, record: S3Uri = RECORD) -> Replacement:
    return Replacement(record, NOW - timedelta(days=days_ago), frozenset(segments), settled, record / "gone")


def test_what_is_past_the_window_may_go_and_not_a_moment_before() -> None:
    assert due([replacement(14, A)], NOW, WINDOW).doomed == {A}
    assert due([replacement(13.99, A)], NOW, WINDOW).doomed == frozenset()


def test_what_a_younger_night_replaced_too_is_needed_to_take_that_one_back() -> None:
    """A month's segment that two nights have replaced day by day."""
    old, young = replacement(20, A, B), replacement(3, B)
    found = due([old, young], NOW, WINDOW)
    assert (found.doomed, found.replacements) == ({A}, (old,))
    assert found.finished([A]) == ()
    assert found.finished([A, B, C]) == (old,)


def test_what_nobody_judged_stays_however_old_it_is_and_is_told() -> None:
    unjudged = replacement(100, A, settled=False)
    found = due([unjudged, replacement(50, A, B)], NOW, WINDOW)
    assert (found.doomed, found.unsettled) == ({B}, (unjudged,))
    assert due([replacement(3, A, settled=False)], NOW, WINDOW).unsettled == ()


NAMES = st.frozensets(st.sampled_from([A, B, C]), min_size=1)
NIGHTS = st.builds(
    lambda days, names, settled: replacement(days, *names, settled=settled), st.integers(0, 40), NAMES, st.booleans()
)


@given(st.lists(NIGHTS, max_size=6))
def test_no_night_that_may_be_taken_back_loses_anything(nights: list[Replacement]) -> None:
    found = due(nights, NOW, WINDOW)
    for night in nights:
        if not night.is_settled or night.at + WINDOW > NOW:
            assert not found.doomed & night.names
    assert found.doomed <= {name for night in nights for name in night.names}
    assert set(found.finished({A, B, C})) == set(found.replacements)


def test_people_read_a_line_for_each_version_and_reason() -> None:
    assert told([(A, "x"), (B, "x"), (C, "y")]) == [
        f"{DAY} 2026-09-10 (2 segments): x",
        f"{DAY} 2026-09-10 (1 segments): y",
    ]
