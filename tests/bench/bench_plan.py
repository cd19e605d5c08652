"""How much CPU planning costs beside parsing the same segments with the standard library's json.

Prints seconds of CPU for both on the same 100,000 segments (1,000 days of 100), and their ratio.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.planner import plan_night

ROOT = Path(__file__).parents[2]
DAYS, PER_DAY = 1_000, 100
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def payload(day: int, number: int) -> dict[str, Any]:
    """One published segment as the Coordinator lists it."""
    interval = Interval(FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1))
    return {
        "dataSource": "patient_vitals",
        "interval": str(interval),
        "version": "2026-01-01T00:00:00.000Z",
        "loadSpec": {"type": "s3_zip", "bucket": "drx-phi-111122223333", "key": f"s/{day}/{number}/index.zip"},
        "dimensions": "patient_token,encounter_token,category,code,description,units,type",
        "metrics": "events,value_sum",
        "shardSpec": {"type": "numbered", "partitionNum": number, "partitions": PER_DAY},
        "binaryVersion": 9,
        "size": 12_345,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    body = json.dumps([payload(day, number) for day in range(DAYS) for number in range(PER_DAY)]).encode()
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", load_boundaries(ROOT / "emr_configs"))
    started = time.process_time()
    payloads = json.loads(body)
    parsed = time.process_time()
    plan = plan_night(
        pipeline, (Segment.from_payload(each) for each in payloads), Interval(FIRST, FIRST + timedelta(days=DAYS))
    )
    planned = time.process_time()
    chunks = sum(len(batch.chunks) for batch in plan.batches)
    print(f"{len(payloads)} segments, {len(body) / 1e6:.0f} MB, {chunks} chunks chosen")  # noqa: T201
    print(f"json.loads {parsed - started:.2f} s CPU, segments and plan {planned - parsed:.2f} s CPU")  # noqa: T201
    print(f"ratio plan / json.loads: {(planned - parsed) / (parsed - started):.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
