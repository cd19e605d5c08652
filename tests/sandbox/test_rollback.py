"""What a night published and did not prove is taken back on a real Druid, while a reader asks every 100 ms."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import DruidReindexError, NotAuthorizedError, RefusedError
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Classification
from druid_reindex.operators.night import NightSettings
from druid_reindex.sandbox.druid_security import admin_config, api_config
from native_night import (
    ROWS_PER_SEGMENT,
    NativeNight,
    await_answer,
    await_counted,
    await_unloaded,
    ingested,
    native_night,
    overshadowed,
    rows,
    settings_of,
)
from real_sandbox import VITALS, Sandbox

pytestmark = pytest.mark.sandbox

DAYS = [Interval.parse(f"2026-09-0{day}/2026-09-0{day + 1}") for day in (1, 2, 3)]
WHOLE = Interval.parse("2026-09-01/2026-09-04")
PER_DAY = 2 * ROWS_PER_SEGMENT
MOST_GAP_SECONDS = 30.0
Answer = tuple[int, int, float]
READ = "taken_back"
# What a Broker says of a datasource of which no server serves a segment: it knows none of that name.
NOT_SERVED = f"Object '{READ}' not found"


def data(*counts: int, value: float = 1.0) -> list[dict[str, Any]]:
    """Rows of each day."""
    return [row for day, count in zip(DAYS, counts, strict=False) for row in rows(day, count, value=value)]


def answer(count: int, value: float = 1.0) -> Answer:
    """What a day of so many rows answers."""
    return count, count, count * value


def asked(druid: DruidClient, datasource: str) -> dict[str, Answer]:
    """What Druid answers for each day."""
    found = druid.query(
        'SELECT TIME_FLOOR("__time", \'P1D\') AS d, COUNT(*) AS n, SUM("events") AS e, SUM("value_sum") AS v '
        f'FROM "{datasource}" GROUP BY 1 ORDER BY 1'
    )
    return {str(row["d"])[:10]: (int(row["n"]), int(row["e"]), float(row["v"])) for row in found}


@dataclass
class Reader:
    """Asks every 100 ms, and keeps when it was answered what; nothing, while the datasource serves no segment."""

    druid: DruidClient
    seen: list[tuple[float, dict[str, Answer]]] = field(default_factory=list)
    errors: list[DruidReindexError] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def read_on(self) -> None:
        """Until it is stopped."""
        while not self.stopped.wait(0.1):
            at = time.monotonic()
            try:
                self.seen.append((at, asked(self.druid, READ)))
            except RefusedError as error:
                if NOT_SERVED not in error.came_back:
                    self.errors.append(error)
                self.seen.append((at, {}))
            except DruidReindexError as error:
                self.errors.append(error)

    def answers(self, day: str) -> set[Answer]:
        """All that the day was ever answered, nothing left out."""
        return {found[day] for _, found in self.seen if day in found}

    def gap_seconds(self, day: str) -> float:
        """The longest time for which the day had no answer."""
        longest, since = 0.0, None
        for at, found in self.seen:
            if day in found:
                since = None
            else:
                since = at if since is None else since
                longest = max(longest, at - since)
        return longest


@pytest.fixture(scope="module")
def config(sandbox: Sandbox) -> DruidConfig:
    return admin_config(sandbox.home, sandbox.endpoints)


def served(sandbox: Sandbox, settings: NightSettings, *counts: int) -> NightSettings:
    """The settings of a datasource that serves so many rows a day."""
    pipeline = settings.pipeline
    ingested(sandbox.druid, pipeline, DAYS[: len(counts)], data(*counts))
    await_answer(sandbox, pipeline.datasource, (sum(counts), float(sum(counts))))
    await_counted(sandbox, pipeline.datasource, sum(counts))
    return settings


@pytest.fixture(scope="module")
def read(sandbox: Sandbox) -> NightSettings:
    """A datasource of three days that is read all the time."""
    settings = served(sandbox, settings_of(sandbox, READ), PER_DAY, PER_DAY, PER_DAY)
    assert len(sandbox.druid.used_segments(READ, [WHOLE])) == 2 * len(DAYS)
    return settings


@pytest.fixture(scope="module")
def reader(config: DruidConfig, read: NightSettings) -> Iterator[Reader]:
    with DruidClient(config) as druid:
        found = Reader(druid)
        thread = threading.Thread(target=found.read_on)
        thread.start()
        yield found
        found.stopped.set()
        thread.join()


@pytest.fixture
def night(sandbox: Sandbox, config: DruidConfig, read: NightSettings, reader: Reader) -> Iterator[NativeNight]:
    with native_night(sandbox, config, read) as made:
        yield made
        made.run_verdict()  # also after a test that failed: the next one needs the lease


def versions(sandbox: Sandbox, datasource: str) -> set[str]:
    return {each.version for each in sandbox.druid.used_segments(datasource, [WHOLE])}


def test_a_good_night_passes_and_nothing_is_taken_back(sandbox: Sandbox, night: NativeNight) -> None:
    before = versions(sandbox, READ)
    assert night.planned(WHOLE) == ""
    assert night.reindexed(data(PER_DAY, PER_DAY, PER_DAY)) == ""
    assert night.validated() == ""
    assert "every batch passed" in night.rolled_back()
    assert night.run_verdict() == ""
    overshadowed(sandbox, READ, before)


def test_rows_that_were_dropped_are_taken_back_with_their_day_alone(sandbox: Sandbox, night: NativeNight) -> None:
    good = versions(sandbox, READ)
    assert night.planned(DAYS[0]) == ""
    assert night.reindexed(data(PER_DAY - 7)) == ""
    assert night.validated() != ""
    assert asked(sandbox.druid, READ)["2026-09-01"] == answer(PER_DAY - 7)
    assert night.rolled_back() == ""
    assert night.told("rollback")["rolled_back"] == [str(DAYS[0])]
    assert "1 chunks were taken back" in night.run_verdict()
    assert asked(sandbox.druid, READ) == {f"2026-09-0{n}": answer(PER_DAY) for n in (1, 2, 3)}
    assert versions(sandbox, READ) == good


def test_every_chunk_of_a_datasource_is_taken_back(sandbox: Sandbox, night: NativeNight) -> None:
    good = versions(sandbox, READ)
    assert night.planned(WHOLE) == ""
    assert night.reindexed(data(PER_DAY * 2, PER_DAY * 2, PER_DAY * 2)) == ""
    assert night.validated() != ""
    overshadowed(sandbox, READ, good)
    assert night.rolled_back() == ""
    assert night.told("rollback")["rolled_back"] == [str(day) for day in DAYS]
    assert asked(sandbox.druid, READ) == {f"2026-09-0{n}": answer(PER_DAY) for n in (1, 2, 3)}
    assert versions(sandbox, READ) == good


def test_a_job_that_died_half_way_is_taken_back_where_it_published(sandbox: Sandbox, night: NativeNight) -> None:
    good = versions(sandbox, READ)
    assert night.planned(WHOLE) == ""
    assert "it died half-way" in night.reindexed(data(PER_DAY, value=2.0), published=DAYS[:1])
    assert night.validated() != ""
    assert night.rolled_back() == ""
    assert night.told("rollback")["rolled_back"] == [str(DAYS[0])]
    assert asked(sandbox.druid, READ)["2026-09-01"] == answer(PER_DAY)
    assert versions(sandbox, READ) == good


def test_a_reader_never_saw_a_mix_of_two_versions(reader: Reader) -> None:
    """The answers of each day are whole ones; where old segments had been unloaded, there is a time without any."""
    assert (len(reader.seen) > 100, reader.errors) == (True, [])
    good, dropped, doubled, half = answer(PER_DAY), answer(PER_DAY - 7), answer(PER_DAY * 2), answer(PER_DAY, 2.0)
    waited_for = {"2026-09-01": {good, dropped, doubled}, "2026-09-02": {good, doubled}, "2026-09-03": {good, doubled}}
    for day, answers in waited_for.items():
        taken_back_at_once = {half} if day == "2026-09-01" else set()  # before or after a server had it
        assert answers <= reader.answers(day) <= answers | taken_back_at_once, day
        print(f"{day}: no answer for {reader.gap_seconds(day):.1f} s at most, of {len(reader.seen)} looks")  # noqa: T201
        assert reader.gap_seconds(day) < MOST_GAP_SECONDS


def test_killed_between_the_two_marks_the_second_try_finds_a_datasource_that_serves_nothing(
    sandbox: Sandbox, config: DruidConfig
) -> None:
    """Druid 25 answers 204 then, and does nothing for a list of ids: each is put back by itself."""
    settings = served(sandbox, settings_of(sandbox, "taken_back_whole"), PER_DAY)
    datasource = settings.pipeline.datasource
    good = versions(sandbox, datasource)
    with native_night(sandbox, config, settings) as night:
        assert night.planned(DAYS[0]) == ""
        assert night.reindexed(data(1)) == ""
        assert night.validated() != ""
        overshadowed(sandbox, datasource, good)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DruidClient, "mark_used", _killed_at_the_second_call())
            assert "killed" in night.rolled_back()
        assert versions(sandbox, datasource) == set()
        await_unloaded(sandbox, datasource, _every_version(sandbox, datasource))
        assert night.rolled_back() == ""
        assert asked(sandbox.druid, datasource) == {"2026-09-01": answer(PER_DAY)}
        assert versions(sandbox, datasource) == good
        assert "1 chunks were taken back" in night.run_verdict()


def _every_version(sandbox: Sandbox, datasource: str) -> set[str]:
    sql = 'SELECT DISTINCT "version" AS v FROM sys.segments WHERE "datasource" = ?'
    return {str(row["v"]) for row in sandbox.druid.query(sql, [{"type": "VARCHAR", "value": datasource}])}


def _killed_at_the_second_call() -> Any:
    """The first one asks whether Druid knows the ids."""
    real, calls = DruidClient.mark_used, iter(range(1_000))

    def mark_used(druid: DruidClient, *of: Any) -> int:
        if next(calls) == 1:
            raise NotAuthorizedError("mark", resource="it", came_back="killed", remedy="try again")
        return real(druid, *of)

    return mark_used


def test_the_nights_own_user_may_mark_segments_of_its_datasources(sandbox: Sandbox) -> None:
    with DruidClient(api_config(sandbox.home, sandbox.endpoints, Classification.PHI)) as druid:
        used = [each.segment_id for each in druid.used_segments(VITALS, [Interval.parse("2026-01-01/2027-01-01")])][:2]
        assert druid.mark_used(VITALS, used) == 0
        assert druid.mark_unused(VITALS, [f"{used[0]}_999"]) == 0
        with pytest.raises(NotAuthorizedError):
            druid.mark_used(READ, ["x"])
