"""What is settled by counts is what the planner would leave alone, and the rest is all that it needs to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Built, Ledger, serves_digest
from druid_reindex.plan.changes import History
from druid_reindex.plan.night import NightPlan
from druid_reindex.plan.planner import plan_night
from druid_reindex.plan.settled import sift
from timelines import WINDOW, one_job, pipeline, segment, span, tombstone
from twins import FakeDruid

VITALS = pipeline(partitioning={"target_rows_per_segment": 2_000, "target_segment_bytes": 1_000_000})
DAY = "09-01/09-02"
GOOD: dict[str, Any] = {"rows": 1_900, "size": 900_000}


def both(
    segments: Sequence[Segment], forced: Sequence[Interval] = (), ledger: Ledger | None = None, definition: str = "1:a"
) -> tuple[NightPlan, NightPlan, int]:
    """The plan from every segment, the one from the suspects' alone, and how many segments these are."""
    history = History(ledger or {}, definition)
    listed = [each for each in segments if each.interval.overlaps(WINDOW)]
    sifted = sift(VITALS, FakeDruid(listed).used_sets("patient_vitals", WINDOW), WINDOW, forced, history)
    suspects = [each for each in listed if any(each.interval.overlaps(span) for span in sifted.suspects)]
    found = plan_night(VITALS, suspects, WINDOW, forced, history, sifted.settled)
    return plan_night(VITALS, listed, WINDOW, forced, history), found, len(suspects)


@st.composite
def timelines(draw: st.DrawFn) -> list[Segment]:
    made: list[Segment] = []
    for version in range(draw(st.integers(1, 12))):
        hours = draw(st.sampled_from((6, 24, 24, 24, 24, 72)))
        start = WINDOW.start + timedelta(hours=hours * draw(st.integers(-1, 200 // hours)))
        interval = Interval(start, start + timedelta(hours=hours))
        facts: dict[str, Any] = {"rows": draw(st.sampled_from((None, 900, 1_900, 1_900, 9_000)))}
        facts["size"] = draw(st.sampled_from((1_000, 900_000, 900_000, 3_000_000)))
        facts["metrics"] = draw(st.sampled_from((("events", "value_sum"), ("events", "value_sum"), ("events",), ())))
        if draw(st.integers(0, 3)):
            shards, kind = draw(st.integers(1, 4)), draw(st.sampled_from(("numbered", "hashed", "linear")))
            whole = one_job(interval, shards, version=f"v{version}", kind=kind, **facts)
            made += whole[draw(st.integers(0, 1)) * draw(st.integers(0, 1)) :]
        else:
            made += [segment(interval, f"v{version}", n, **facts) for n in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        made.append(tombstone("09-02/09-03", "v5a"))
    return made


@settings(max_examples=400, deadline=None)
@given(timelines(), st.booleans(), st.sampled_from(("1:a", "1:b", "2:a")), st.integers(0, 5))
def test_the_plan_is_the_same(segments: list[Segment], forced: bool, definition: str, recorded: int) -> None:
    wanted = [span("09-03/09-05")] if forced else []
    ledger = {
        str(each.interval): (Built(each.version, "", "", serves_digest([each]), "1:a"),) for each in segments[:recorded]
    }
    whole, found, _ = both(segments, wanted, ledger, definition)
    assert found == whole
    assert found.adopted == whole.adopted


def test_a_day_that_is_as_it_should_be_is_not_listed() -> None:
    old = one_job(DAY, 3, version="2026-01-01", **GOOD)
    whole, found, listed = both([*old, *one_job(DAY, 2, **GOOD), *one_job("09-02/09-03", 1, rows=5, size=9)])
    assert (listed, found.considered_chunks) == (0, 2)
    assert found.explanation == whole.explanation
    assert "each is served by one version in 1 to 2 segments" in found.explanation


@pytest.mark.parametrize(
    "odd",
    [
        one_job(DAY, 2, **GOOD)[1:],
        [*one_job(DAY, 2, **GOOD), segment(DAY, "2026-10-06T02:30:00.000Z", 2, **GOOD)],
        one_job(DAY, 2, kind="linear", **GOOD),
        one_job(DAY, 4, rows=10, size=10),
        one_job(DAY, 1, rows=9_000, size=10),
        one_job(DAY, 1, metrics=("events",), **GOOD),
        one_job("09-01/09-03", 1, **GOOD),
        [*one_job(DAY, 2, **GOOD), tombstone(DAY, "w")],
        [*one_job(DAY, 2, **GOOD), segment("09-01/09-01T05", "a", **GOOD)],
    ],
)
def test_whatever_is_odd_is_looked_at_closely(odd: list[Segment]) -> None:
    whole, found, listed = both(odd)
    assert listed == len(odd)
    assert found == whole


def test_what_changed_since_it_was_recorded_is_looked_at_closely() -> None:
    made = one_job(DAY, 2, **GOOD)
    known = Built(made[0].version, "", "", serves_digest(made), "1:a")
    for ledger, definition, expected in (
        (known, "1:a", 0), (known, "1:b", 2), (replace(known, serves=serves_digest(made[:1])), "1:a", 2),
    ):  # fmt: skip
        whole, found, listed = both(made, ledger={str(span(DAY)): (ledger,)}, definition=definition)
        assert (listed, found) == (expected, whole)
