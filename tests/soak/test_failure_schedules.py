"""Twenty seeded schedules of failures on a real Druid, through publication, validation and rollback.

The nights are the product's own operators, whose job is the quickest real engine; two to four of their calls to Druid
and S3 fail, are refused, lose their answer, or are the last thing that the task did before it was killed. Whatever is
met, each time chunk shows one version at any time, and at the end the whole of the one that the night's record names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.rollback import BatchRollback, Night
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.operators import connections
from druid_reindex.operators.night import NightSettings
from druid_reindex.plan.night import Batch
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.timeline import serving, visible_segments
from druid_reindex.sandbox.druid_security import admin_config
from failure_schedules import Failure, Killed, Schedule, Scheduled, failures
from native_night import ROWS_PER_SEGMENT, NativeNight, await_answer, ingested, native_night, rows, settings_of
from real_sandbox import Sandbox

pytestmark = pytest.mark.soak
Measure = Callable[[str, float], None]

READ = "scheduled_failures"
DAYS = [Interval.parse(f"2026-09-0{day}/2026-09-0{day + 1}") for day in (1, 2)]
WHOLE = Interval.parse("2026-09-01/2026-09-03")
PER_DAY = 2 * ROWS_PER_SEGMENT
CALLS = range(13, 61)  # from what comes just before the publication to what a rollback ends with
POLLS = frozenset({"task_status", "load_status"})  # how many there are is the engine's to say
TRIES, MOST_TRIES = 3, 12
SEEDS = range(20)


Answer = tuple[int, float]


@dataclass(frozen=True)
class Written:
    """What a night publishes of each day: so many rows of that value; ``days`` where it dies half-way."""

    counts: tuple[int, int]
    value: float = 1.0
    days: tuple[Interval, ...] | None = None

    @property
    def data(self) -> list[dict[str, Any]]:
        """The rows."""
        return [row for day, count in zip(DAYS, self.counts, strict=True) for row in rows(day, count, value=self.value)]

    @property
    def answers(self) -> list[Answer]:
        """What each day answers once it is published."""
        return [(count, count * self.value) for count in self.counts]


BEFORE = Written((PER_DAY, PER_DAY))
# Nights of the same rows, of too few, of twice as many, and one that dies once a day is published.
NIGHTS = (
    BEFORE,
    Written((PER_DAY - 7, PER_DAY)),
    Written((PER_DAY, 2 * PER_DAY)),
    Written((PER_DAY, PER_DAY), 2.0, (DAYS[0],)),
)


@dataclass
class Watched:
    """What Druid's timeline shows of each day, looked at after each call; an old or a new version, and never both."""

    druid: DruidClient
    before: dict[str, set[str]] = field(default_factory=dict)
    looks: int = 0

    def shown(self) -> dict[str, set[str]]:
        """The ids that serve each day."""
        used = self.druid.used_segments(READ, [WHOLE])
        return {str(day): _serving(used, day) for day in DAYS}

    def look(self) -> None:
        """Raise AssertionError for a day that shows two versions, or a part of the one that served it before."""
        self.looks += 1
        for day, ids in self.shown().items():
            old = ids & self.before[day]
            assert not old or old == ids, (day, ids)

    def versions(self) -> dict[str, set[str]]:
        """The versions that serve each day."""
        by_id = {each.segment_id: each.version for each in self.druid.used_segments(READ, [WHOLE])}
        return {day: {by_id[each] for each in ids} for day, ids in self.shown().items()}


def _serving(used: list[Segment], day: Interval) -> set[str]:
    visible = visible_segments([piece for piece in serving(used) if piece.interval.overlaps(day)])
    return {each.segment_id for each in visible if each.shard_spec_type != TOMBSTONE}


def answered(druid: DruidClient) -> list[Answer]:
    """What Druid answers for each day."""
    found = druid.query(
        'SELECT TIME_FLOOR("__time", \'P1D\') AS d, COUNT(*) AS n, SUM("value_sum") AS v '
        f'FROM "{READ}" GROUP BY 1 ORDER BY 1'
    )
    return [(int(row["n"]), float(row["v"])) for row in found]


@pytest.fixture(scope="module")
def read(sandbox: Sandbox) -> NightSettings:
    """A datasource of two days, of two segments each."""
    settings = settings_of(sandbox, READ)
    ingested(sandbox.druid, settings.pipeline, DAYS, BEFORE.data)
    await_answer(sandbox, READ, (2 * PER_DAY, 2.0 * PER_DAY))
    return settings


@pytest.fixture
def night(sandbox: Sandbox, read: NightSettings) -> Iterator[NativeNight]:
    with native_night(sandbox, admin_config(sandbox.home, sandbox.endpoints), read) as made:
        yield made
        made.run_verdict()  # also after a schedule that failed: the next one needs the lease


@contextmanager
def spoilt(night: NativeNight, schedule: Schedule) -> Iterator[None]:
    """Let the calls of the night's tasks to Druid and S3 meet the schedule until the block ends."""
    for name, apart in (("druid_client", POLLS), ("s3_client", frozenset[str]())):
        made: Callable[..., Any] = getattr(connections, name)

        def scheduled(*args: Any, made: Callable[..., Any] = made, apart: frozenset[str] = apart, **kwargs: Any) -> Any:
            return Scheduled(schedule, made(*args, **kwargs), apart)

        night.patch.setattr(connections, name, scheduled)
    try:
        yield
    finally:
        schedule.left, schedule.watch = {}, lambda: None


def ended(night: NativeNight, schedule: Schedule, tried: Callable[[], str], *, cleared: bool) -> str:
    """Why a task stops in its last try: Airflow's retries, and where it is ``cleared`` those of a person."""
    said, xcoms = "", night.judged.world.xcoms
    for number in range(MOST_TRIES):
        met = len(schedule.met)
        for told in [each for each in xcoms if each[0] == schedule.part]:
            del xcoms[told]  # as Airflow does before a try
        try:
            said = tried()
        except Killed:
            said = "killed"
        spoilt = schedule.met[met:]
        refused = any(failure is Failure.REFUSED for _, _, failure in spoilt)
        if not said or not spoilt or (not cleared and (refused or number + 1 >= TRIES)):
            return said
    raise AssertionError(said)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails_each_chunk_shows_one_version_and_none_of_its_rows_is_lost(
    sandbox: Sandbox, night: NativeNight, measured: Measure, seed: int
) -> None:
    random = Random(f"schedule {seed}")
    written = NIGHTS[seed % len(NIGHTS)]
    watched = Watched(sandbox.druid)
    watched.before, before = watched.shown(), watched.versions()
    schedule = Schedule(failures(random, CALLS), watched.look)
    assert night.planned(WHOLE) == ""
    with spoilt(night, schedule):
        schedule.part = "reindex"
        data = written.data
        published = ended(night, schedule, lambda: night.reindexed(data, published=written.days), cleared=False)
        schedule.part = "validate"
        judged = ended(night, schedule, night.validated, cleared=False)
        schedule.part = "rollback"
        taken = ended(night, schedule, night.rolled_back, cleared=True)
    print(f"{seed}: {schedule.met}, calls {schedule.calls}: {published} | {judged} | {taken}")  # noqa: T201
    assert taken == "" or "every batch passed" in taken
    after = watched.versions()
    assert all(len(versions) == 1 for versions in after.values()), after
    stays = {day: after[day] != before[day] for day in after}
    assert set(stays.values()) == ({True} if passed(night) else {False}), after
    assert night.told("rollback") is None or not passed(night)
    assert answered(sandbox.druid) == (written if passed(night) else BEFORE).answers
    assert len(schedule.met) >= 1
    assert watched.looks == schedule.calls
    measured("failures met", len(schedule.met))


def passed(night: NativeNight) -> bool:
    """Whether the night's record says that its batch passed, so that it stays."""
    world, settings = night.judged.world, night.settings
    told, run = world.xcoms["plan", "night"], world.context()["dag_run"]
    run_id = RunId.of(settings.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
    store: Any = connections.s3_client("aws_phi", settings.boundaries.region)
    kept = Night(
        run_id=run_id, pipeline=settings.pipeline, boundary=settings.boundary, plan_sha256=told["plan_sha256"],
        druid=night.druid, store=store.port, require=lambda: None, log=print,
    )  # fmt: skip
    found = BatchRollback(kept, Batch(0, (), 1))
    return found.is_kept and found.result is not None
