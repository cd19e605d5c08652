"""A batch of 1,000 segments taken back on a real Druid by the real task, verified by query: seconds beside the limit.

Hourly chunks of one row each, published twice by native tasks. The rollback begins once no server holds the segments
from before any more, so that each of them is loaded from deep storage again.

Prints the seconds, and ends with 1 when the limit does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from druid_reindex.model.interval import Interval
from druid_reindex.sandbox.druid_security import admin_config
from native_night import NativeNight, await_answer, ingested, native_night, overshadowed, rows, settings_of
from real_sandbox import Sandbox
from shared_sandbox import running

LIMIT_SECONDS = 60.0
SEGMENTS = 1_000
DATASOURCE = "taken_back_hours"
SERVED_SECONDS = 900.0  # a historical of the sandbox loads a few segments a second
FIRST = Interval.parse("2026-01-01T00/2026-01-01T01")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=SEGMENTS)
    segments = parser.parse_args().segments
    with running() as sandbox:
        seconds = taken_back(sandbox, segments)
    print(f"{segments} segments taken back, loaded and verified in {seconds:.1f} s; limit {LIMIT_SECONDS:.0f} s")  # noqa: T201
    return 0 if seconds <= LIMIT_SECONDS else 1


def taken_back(sandbox: Sandbox, segments: int) -> float:
    """The seconds from the task's start to its end, with Druid's answer as it was."""
    settings = settings_of(sandbox, DATASOURCE, granularity="HOUR")
    whole = Interval(FIRST.start, FIRST.start + timedelta(hours=segments))
    ingested(sandbox.druid, settings.pipeline, [whole], rows(whole, segments))
    await_answer(sandbox, DATASOURCE, (segments, float(segments)), seconds=SERVED_SECONDS)
    before = {each.version for each in sandbox.druid.used_segments(DATASOURCE, [whole])}
    with native_night(sandbox, admin_config(sandbox.home, sandbox.endpoints), settings) as night:
        assert night.planned(whole) == ""
        assert night.reindexed(rows(whole, segments, value=2.0)) == ""
        await_answer(sandbox, DATASOURCE, (segments, 2.0 * segments), seconds=SERVED_SECONDS)
        overshadowed(sandbox, DATASOURCE, before, seconds=SERVED_SECONDS)
        seconds = timed(night)
        await_answer(sandbox, DATASOURCE, (segments, float(segments)), seconds=0.0)
        assert len(night.told("rollback")["rolled_back"]) == segments
        assert "1000 chunks were taken back" in night.run_verdict() or segments != SEGMENTS
    return seconds


def timed(night: NativeNight) -> float:
    """The seconds that the task takes; nobody judged the batch, so it is taken back."""
    started = time.perf_counter()
    assert night.rolled_back() == ""
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
