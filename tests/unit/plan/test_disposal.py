"""Tests of which segments a kill may take: never one that is not to go, whatever else lies in its interval."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.segment import Segment
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.disposal import SERVES, Found, decide, kill_payload, kill_task_id, reach
from druid_reindex.plan.timeline import serving, visible_segments
from timelines import RUN, one_job, span

DAYS = [span(f"09-0{day}/09-0{day + 1}") for day in range(1, 6)]
OLD, NEW, OTHER = "2026-09-10", "2026-09-20", "2026-09-15"


def name(day: int, version: str = OLD, number: int = 0) -> SegmentName:
    return SegmentName(DAYS[day], version, number)


def found(used: Iterable[Segment] = (), kept: Iterable[SegmentName] = (), **more: object) -> Found:
    stored = frozenset(kept)
    return Found(tuple(used), stored, stored, **more)  # type: ignore[arg-type]


def job(day: int, version: str = NEW, shards: int = 1) -> list[Segment]:
    return one_job(DAYS[day], shards, version=version)


def test_neighbours_go_with_one_kill_and_distant_ones_with_their_own() -> None:
    doomed = [name(0), name(0, number=1), name(1), name(3)]
    decision = decide(doomed, found(job(0) + job(1) + job(3), doomed), by_version=False)
    assert [(str(kill.interval), len(kill.names)) for kill in decision.kills] == [
        (str(span("09-01/09-03")), 3),
        (str(DAYS[3]), 1),
    ]
    assert (decision.names, decision.left, decision.absent, decision.overshadowed) == (tuple(doomed), {}, (), ())


def test_what_serves_stays() -> None:
    decision = decide([name(0)], found(job(0, OLD), [name(0)]), by_version=True)
    assert (decision.kills, decision.left) == ((), {name(0): SERVES})


def test_what_is_overshadowed_but_used_still_is_named() -> None:
    decision = decide([name(0)], found(job(0, OLD) + job(0, NEW), [name(0), name(0, NEW)]), by_version=False)
    assert decision.overshadowed == decision.names == (name(0),)


def test_what_druid_would_kill_with_it_keeps_its_day_back_and_no_other() -> None:
    doomed, stranger = [name(0), name(1), name(2)], name(1, OTHER)
    there = found(job(0) + job(1) + job(2), [*doomed, stranger])
    decision = decide(doomed, there, by_version=False)
    assert [kill.interval for kill in decision.kills] == [DAYS[0], DAYS[2]]
    assert decision.left == {name(1): f"Druid would kill {stranger} with it, which is not to go"}
    named = decide(doomed, there, by_version=True)
    assert [kill.interval for kill in named.kills] == [span("09-01/09-04")]
    assert named.left == {}


def test_what_is_overshadowed_and_not_to_go_counts_as_unused() -> None:
    """The Coordinator marks it unused before long."""
    there = found(job(0, NEW) + job(0, OTHER), [name(0), name(0, OTHER), name(0, NEW)])
    assert list(decide([name(0)], there, by_version=False).left) == [name(0)]


def test_a_stranger_across_two_days_keeps_them_apart() -> None:
    both = SegmentName(span("09-01/09-03"), OTHER)
    there = found(job(0) + job(1), [name(0), name(1), both])
    assert [kill.interval for kill in decide([name(0), name(1)], there, by_version=False).kills] == DAYS[:2]


def test_objects_of_no_known_segment_keep_a_day_back() -> None:
    there = found(job(0) + job(1), [name(0), name(1)], odd=(DAYS[0],))
    decision = decide([name(0), name(1)], there, by_version=False)
    assert decision.left == {name(0): "objects of no known segment lie in its interval"}
    assert decide([name(0), name(1)], there, by_version=True).left == {}


def test_of_what_is_gone_nothing_is_killed() -> None:
    decision = decide([name(0), name(1)], found(job(0) + job(1), [name(1)]), by_version=False)
    assert (decision.absent, decision.names) == ((name(0),), (name(1),))
    assert decide([], found(), by_version=False).kills == ()


def test_a_kill_says_what_it_takes_and_has_its_own_name() -> None:
    doomed = [name(0), name(0, OTHER)]
    (kill,) = decide(doomed, found(job(0), doomed), by_version=True).kills
    task_id = kill_task_id("patient_vitals", RUN, kill, 1)
    assert task_id.startswith(f"drx_patient_vitals_{RUN.short}_kill_")
    assert task_id != kill_task_id("patient_vitals", RUN, kill, 2)
    assert kill_payload("patient_vitals", kill, task_id) == {
        "type": "kill", "id": task_id, "dataSource": "patient_vitals", "interval": str(DAYS[0]),
        "versions": [OLD, OTHER],
    }  # fmt: skip


NAMES = st.builds(
    SegmentName,
    st.sampled_from([*DAYS, span("09-01/09-03"), span("09-02/09-05")]),
    st.sampled_from([OLD, OTHER, NEW]),
    st.integers(0, 1),
)


@given(st.frozensets(NAMES, max_size=8), st.frozensets(NAMES, max_size=8), st.booleans())
def test_no_kill_takes_what_is_not_to_go_and_nothing_is_forgotten(
    doomed: frozenset[SegmentName], others: frozenset[SegmentName], by_version: bool
) -> None:
    used = [each for day in range(5) for each in job(day)]
    served = {SegmentName.of(each) for each in visible_segments(serving(used))}
    decision = decide(doomed, found(used, doomed | others | served), by_version=by_version)
    unused = (doomed | others) - served
    taken = {
        each
        for kill in decision.kills
        for each in unused
        if kill.interval.contains(each.interval) and (not by_version or each.version in kill.versions)
    }
    assert taken == set(decision.names)
    assert taken <= doomed
    assert set(decision.names) | set(decision.left) | set(decision.absent) == doomed
    assert all(any(span.contains(kill.interval) for span in reach(doomed)) for kill in decision.kills)
