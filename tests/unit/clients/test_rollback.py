"""A batch is taken back whole, or left as it was: random timelines, a Coordinator at work, and calls that fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.clients.rollback import DONE, BatchRollback, Night
from druid_reindex.errors import DruidReindexError, IntegrityError
from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.identity import digest
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan import names
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.plan.timeline import serving, visible_segments
from failure_schedules import Failure, Killed, Schedule, failures
from timelines import RUN, boundaries, one_job, pipeline, segment, span
from twins import FakeDruid, FakeStore

PHI = boundaries().phi
PLAN = digest(b"a plan")
OLD, OLDER, NEW, LATER = "2026-09-20", "2026-09-10", "2026-10-06T02:30:00.000Z", "2026-10-07T00:00:00.000Z"
DAYS = (span("09-01/09-02"), span("09-02/09-03"), span("09-03/09-04"))
TASK = f"{names.task_prefix('patient_vitals', RUN)}b0_aaaaaaaa_g1"
MOST_TRIES = 60
CALLS = range(1, 26)


@dataclass
class Day:
    """One chunk: what it had, what the batch published of it, and what others did to it meanwhile."""

    old: list[Segment]
    new: list[Segment] = field(default_factory=list)
    added: list[Segment] = field(default_factory=list)
    theirs: list[Segment] = field(default_factory=list)


@st.composite
def days(draw: st.DrawFn, interval: Interval) -> Day:
    size = draw(st.integers(0, 3))
    kind = draw(st.sampled_from(("appended", "one job", "hours")))
    hours = [Interval.parse(f"{interval.start:%Y-%m-%d}T{h:02}/{interval.start:%Y-%m-%d}T{h + 8:02}") for h in (0, 8)]
    old = {
        "appended": [segment(interval, OLD, number) for number in range(size)],
        "one job": one_job(interval, size, version=OLD),
        "hours": [segment(hour, version) for hour, version in zip(hours, (OLD, OLDER), strict=True)],
    }[kind]
    day = Day(old)
    if draw(st.booleans()):
        day.new = one_job(interval, draw(st.integers(1, 3)), version=NEW)
    if old and draw(st.integers(0, 3)) == 0:
        spec = dict(old[0].payload["shardSpec"]) | {"partitionNum": 9}
        day.added = [segment(old[0].interval, old[0].version, 9, shard=spec)]
    if draw(st.integers(0, 5)) == 0:
        day.theirs = one_job(interval, 1, version=LATER)
    return day


@dataclass
class Town:
    """A Druid and a store with one batch in them, whose calls meet the ``scheduled`` failures."""

    days: dict[str, Day]
    scheduled: dict[int, Failure] = field(default_factory=dict)
    is_recorded: bool = True
    duty_at: frozenset[int] = frozenset()
    druid: FakeDruid = field(default_factory=FakeDruid)
    store: FakeStore = field(default_factory=FakeStore)
    schedule: Schedule = field(init=False)

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.scheduled, self.refuse_mixes)
        every = [s for day in self.days.values() for s in (*day.old, *day.new, *day.added, *day.theirs)]
        self.druid.segments = every
        self.druid.answers = self._answers
        self._put(names.before_uri, {"served": {chunk: {} for chunk in self.days}})
        if self.is_recorded:
            after = {chunk: [s.segment_id for s in day.new] for chunk, day in self.days.items()}
            added = {chunk: [s.segment_id for s in day.added] for chunk, day in self.days.items()}
            self._put(names.result_uri, {"after": after, "appended": added, "ran": {"task_id": TASK}})

    @property
    def batch(self) -> Batch:
        chunks = (Chunk(Interval.parse(c), tuple(day.old), (Reason.FORCED,), 1) for c, day in self.days.items())
        return Batch(0, tuple(chunks), 1)

    def visible(self, chunk: str) -> set[str]:
        pieces = (p for p in serving(self.druid.segments) if p.interval.overlaps(Interval.parse(chunk)))
        return ids(visible_segments(pieces))

    def duty(self) -> None:
        """What the Coordinator does to overshadowed segments, as the timeline is now."""
        shown = ids(visible_segments(serving(self.druid.segments)))
        self.druid.mark_unused(
            "patient_vitals", [s.segment_id for s in self.druid.segments if s.segment_id not in shown]
        )

    def taken_back(self) -> dict[str, Any] | None:
        """One try from its beginning to its end."""
        rollback = BatchRollback(self.night, self.batch)
        record = rollback.begin()
        if record is None:
            return None
        for _ in range(5):
            if not rollback.pending(record):
                return rollback.finish(record)
        raise AssertionError(rollback.pending(record))

    @property
    def night(self) -> Night:
        return Night(
            run_id=RUN, pipeline=pipeline(), boundary=PHI, plan_sha256=PLAN, druid=Wrapped(self, self.druid),
            store=Wrapped(self, self.store), require=lambda: None, log=lambda _: None,
        )  # type: ignore[arg-type]  # fmt: skip

    def called(self, name: str, call: Callable[[], Any]) -> Any:
        """What the call answers, unless it is one that fails; afterwards nothing is a mix."""
        if self.calls + 1 in self.duty_at:
            self.duty()
        return self.schedule.call(name, call)

    @property
    def calls(self) -> int:
        """How many were made."""
        return self.schedule.calls

    def refuse_mixes(self) -> None:
        """No chunk shows a mix."""
        for chunk in self.days:
            self.refuse_mix(chunk)

    def refuse_mix(self, chunk: str) -> None:
        """What a chunk shows is all of the new version, or of somebody else's, or nothing but what was before."""
        shown, day = self.visible(chunk), self.days[chunk]
        assert shown in (ids(day.new), ids(day.theirs)) or shown <= ids([*day.old, *day.added]), chunk

    def _put(self, uri: Callable[..., Any], body: dict[str, Any]) -> None:
        told = json.dumps(body | {"plan_sha256": PLAN}).encode()
        self.store.put(uri(PHI, RUN, 0), told, kms_key_arn=PHI.kms_key_arn)

    def _answers(self, sql: str, _parameters: Any) -> list[dict[str, Any]]:
        if "sys.tasks" in sql:
            return [{"task_id": TASK, "created_time": "2026-10-06T02:00:00.000Z", "duration": 3_600_000}]
        return [{"COLUMN_NAME": "__time", "DATA_TYPE": "TIMESTAMP"}] if sql == COLUMNS_SQL else []


@dataclass
class Wrapped:
    """A port whose calls go through the town."""

    town: Town
    port: Any

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.port, name)
        return lambda *args, **kwargs: self.town.called(name, lambda: real(*args, **kwargs))


def ids(segments: Iterable[Segment]) -> set[str]:
    return {each.segment_id for each in segments}


@st.composite
def towns(draw: st.DrawFn) -> Town:
    made = {str(interval): draw(days(interval)) for interval in DAYS[: draw(st.integers(1, 3))]}
    numbers = st.integers(1, 40)
    scheduled = failures(draw(st.randoms(use_true_random=False)), CALLS)
    town = Town(made, scheduled, draw(st.booleans()), draw(st.frozensets(numbers, max_size=3)))
    if draw(st.booleans()):
        town.duty()
    return town


@given(towns())
@settings(max_examples=500, deadline=None, derandomize=True)
def test_whatever_fails_no_used_row_is_lost_and_no_chunk_shows_two_versions(town: Town) -> None:
    before = {chunk: town.visible(chunk) for chunk in town.days}
    for _ in range(MOST_TRIES):
        met = len(town.schedule.met)
        try:
            record = town.taken_back()
            break
        except (DruidReindexError, Killed):
            assert len(town.schedule.met) > met
    taken = record["chunks"] if record else []
    for chunk, day in town.days.items():
        was_ours = bool(day.new) and before[chunk] == ids(day.new)
        assert (chunk in taken) is was_ours, chunk
        shown = town.visible(chunk)
        if was_ours:
            assert ids(day.old) <= shown <= ids([*day.old, *day.added])
            assert ids(day.added) <= shown or not town.is_recorded
        else:
            assert shown == before[chunk]


def town(**facts: Any) -> Town:
    old = [segment(DAYS[0], OLD, number) for number in range(2)]
    return Town({str(DAYS[0]): Day(old, one_job(DAYS[0], 1, version=NEW))}, **facts)


@pytest.mark.parametrize("failure", list(Failure))
def test_stopped_at_each_call_in_turn_the_second_try_ends_what_the_first_began(failure: Failure) -> None:
    calls = _calls_without_failure()
    for number in range(1, calls + 1):
        place = town(scheduled={number: failure})
        place.duty()
        with pytest.raises((DruidReindexError, Killed)):
            place.taken_back()
        record = place.taken_back()
        assert record is not None, number
        assert (record["state"], record["chunks"]) == (DONE, [str(DAYS[0])])
        assert place.visible(str(DAYS[0])) == ids(place.days[str(DAYS[0])].old)
        assert not place.store.exists(names.result_uri(PHI, RUN, 0))
    assert calls > 10


def _calls_without_failure() -> int:
    place = town()
    place.duty()
    place.taken_back()
    return place.calls


def test_the_batchs_result_is_kept_in_the_record_and_counts_no_more() -> None:
    place = town()
    record = place.taken_back()
    assert record is not None
    assert (record["state"], record["result"]["ran"], list(record["jobs"])) == (DONE, {"task_id": TASK}, [TASK])
    assert not place.store.exists(names.result_uri(PHI, RUN, 0))
    assert BatchRollback(place.night, place.batch).record() == json.loads(
        place.store.get(names.rollback_uri(PHI, RUN, 0))
    )


def test_a_record_of_another_plan_is_none() -> None:
    place = town()
    place.store.put(names.verdict_uri(PHI, RUN, 0), b'{"verdict":"passed","plan_sha256":"x"}', kms_key_arn="k")
    assert BatchRollback(place.night, place.batch).is_kept is False
    place.store.put(names.verdict_uri(PHI, RUN, 0), b'{"verdict":"passed"}', kms_key_arn="k")
    assert BatchRollback(place.night, place.batch).is_kept is True


def test_what_was_decided_is_told_without_a_change() -> None:
    place = town()
    found = BatchRollback(place.night, place.batch).decided()
    assert (len(found.unused), found.chunks) == (1, (str(DAYS[0]),))
    assert place.visible(str(DAYS[0])) == ids(place.days[str(DAYS[0])].new)


def test_a_segment_that_is_gone_for_good_changes_nothing() -> None:
    place = town()
    place.duty()
    place.druid.unused.popitem()
    with pytest.raises(IntegrityError, match="gone for good"):
        place.taken_back()
    assert place.visible(str(DAYS[0])) == ids(place.days[str(DAYS[0])].new)


def test_steps_are_known_by_their_specs() -> None:
    place = town(is_recorded=False)
    steps = pipeline(submit="emr_step")
    night = Night(**{**place.night.__dict__, "pipeline": steps})
    spec = json.dumps({"spec": {"tuningConfig": {"version": NEW}}}).encode()
    place.store.put(names.batch_prefix(PHI, RUN, 0) / f"{TASK}/spec.json", spec, kms_key_arn="k")
    record = BatchRollback(night, place.batch).begin()
    assert record is not None
    assert record["jobs"] == {TASK: (NEW, NEW)}


def test_as_much_is_asked_for_many_chunks_as_for_one() -> None:
    def asked(chunks: Iterable[Interval]) -> int:
        town = Town({str(each): Day([segment(each, OLD)], one_job(each, 1, version=NEW)) for each in chunks})
        assert town.taken_back() is not None
        return town.calls

    assert asked(DAYS) == asked(DAYS[:1])
