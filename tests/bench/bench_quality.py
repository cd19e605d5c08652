"""What the verdict on a night costs, beside the night.

Prints seconds of CPU of a batch of sixty days: to compare what was measured before and after it, and to have Great
Expectations run and show its suite on a Broker that answers at once. Then, of the sandbox's last nights (`make
nightly`), how long `validate` judged once the segments were loaded, and the share of the night; ends with 1 when that
passes the limit.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.expectations import ExpectationsClient
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.quality import expectations, facts
from druid_reindex.quality.judge import Judged, judge
from druid_reindex.sandbox.home import SandboxHome
from sql_broker import SqlBroker

ROOT = Path(__file__).parents[2]
DAYS, ROWS = 60, 1_000_000
MOST_SHARE = 0.05
FIRST = datetime(2026, 9, 1, tzinfo=UTC)
BROKER = DruidConfig("https://druid:8290", "https://druid:8281", "https://druid:8282")


def main() -> int:
    """Measure and print."""
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", load_boundaries(ROOT / "emr_configs"))
    days = [Interval(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n in range(DAYS)]
    before, found = measured([str(day) for day in days], [each.name for each in pipeline.dimensions])
    started = time.process_time()
    batch = expectations.Batch(dict.fromkeys(map(str, days), 1), 1)
    wanted = expectations.of_chunks(pipeline, before, batch, before.types)
    verdict = judge(0, wanted, facts.facts_of(pipeline, found, before.units))
    judged = time.process_time() - started
    assert {each.check.split()[0] for each in verdict.findings} == {"segments"}, verdict.verdict is Judged.FAILED
    print(f"{DAYS} days, {len(wanted)} facts: judged in {judged:.2f} s CPU")  # noqa: T201
    columns = {"__time": "TIMESTAMP", "events": "BIGINT", "value_sum": "DOUBLE"}
    columns |= {each.name: "VARCHAR" for each in pipeline.dimensions}
    server = SqlBroker(columns, [("", ROWS)])
    suite = expectations.suite(pipeline, before)
    for turn in ("first, imports included", "again"):
        started = time.process_time()
        with ExpectationsClient(BROKER, transport=httpx.MockTransport(server)) as client:
            client.run(pipeline.datasource, days, suite, title="bench")
        spent = time.process_time() - started
        print(f"a suite of {len(suite)} expectations, {turn}: {spent:.2f} s CPU")  # noqa: T201
    return nights()


def measured(chunks: list[str], dimensions: list[str]) -> tuple[expectations.Before, facts.Seen]:
    """What is measured of so many equal days, before and after; nothing of their segments."""
    shape = {
        "stored": ROWS, "nulls": dict.fromkeys(dimensions, 10), "distinct": dict.fromkeys(dimensions, 500),
        "negative": {"events": 0, "value_sum": 0}, "magnitude": {"events": 1, "value_sum": 3},
    }  # fmt: skip
    types = {"events": "BIGINT", "value_sum": "DOUBLE"} | dict.fromkeys(dimensions, "VARCHAR")
    rows, sums = dict.fromkeys(chunks, ROWS), {key: {"events": ROWS, "value_sum": 1.5 * ROWS} for key in chunks}
    units = {chunk: {f"{chunk} {hour}": ROWS // 24 for hour in range(24)} for chunk in chunks}
    shapes: dict[str, Any] = dict.fromkeys(chunks, shape)
    return expectations.Before(rows, sums, units, shapes, types), facts.Seen(rows, sums, units, shapes, {})


def nights() -> int:
    """1 when a verdict of the sandbox's nights took more than its share, else 0."""
    folder, worst = SandboxHome.from_environment().root / "summaries", 0.0
    for path in sorted(folder.glob("*.json")):
        night = json.loads(path.read_text())
        whole = sum(task["seconds"] for task in night["tasks"].values())
        verdict = night.get("quality", {}).get("seconds", 0.0)
        if verdict and night["status"] == "rebuilt":
            worst = max(worst, verdict / whole)
            print(f"{path.stem}: the verdict took {verdict:.1f} s of {whole:.0f} s, {verdict / whole:.1%}")  # noqa: T201
    print(f"at most {worst:.1%} of a night, limit {MOST_SHARE:.0%}" if worst else f"no night in {folder}")  # noqa: T201
    return int(worst > MOST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
