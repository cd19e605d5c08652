"""Nights in a row on real engines: full, unchanged, one day late, definition changed, forced; each looked at by query.

On ten days of the datasource, so that a job has ten reducers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.clients.night_summary import Summary
from druid_reindex.clients.task_end import await_success
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.names import built_uri
from druid_reindex.sandbox.ingestion import ingestion_task
from real_sandbox import ROOT, VITALS, Sandbox, store

pytestmark = pytest.mark.soak

PHI = load_boundaries(ROOT / "emr_configs").phi
TEN_DAYS, LAST_THREE = "2026-09-26/2026-10-06", "2026-10-03/2026-10-06"
LATE_DAY, FORCED_DAY = "2026-09-28", "2026-10-04"
PLANNING_CALLS_MAX = 10
SERVED_SECONDS = 300.0
LATE_EVENT = {
    "timestamp": f"{LATE_DAY}T11:47:00.000Z", "patient_token": "t-late", "encounter_token": "e-late",
    "category": "vital-signs", "code": "8867-4", "description": "Heart rate", "units": "/min", "type": "numeric",
    "value": 71.5,
}  # fmt: skip


@pytest.fixture
def file(sandbox: Sandbox) -> Iterator[Path]:
    """The pipeline's file, which is put back in the end."""
    found = sandbox.checkout / "dags" / "pipelines" / f"{VITALS}.yaml"
    text = found.read_text()
    yield found
    found.write_text(text)


def by_day(sandbox: Sandbox) -> dict[str, tuple[Any, ...]]:
    """Rows, sums and patients of each of the ten days, by query."""
    first, last = TEN_DAYS.split("/")
    rows = sandbox.rows_by_day(VITALS)
    return {str(row["d"])[:10]: tuple(row.values())[1:] for row in rows if first <= str(row["d"])[:10] < last}


def versions(sandbox: Sandbox) -> dict[str, set[str]]:
    """The versions that serve each of the ten days."""
    rows = sandbox.druid.query(
        'SELECT "start", "version" FROM sys.segments WHERE "datasource" = ? AND "is_available" = 1 '
        'AND "is_overshadowed" = 0 AND "start" >= ?',
        [{"type": "VARCHAR", "value": value} for value in (VITALS, TEN_DAYS.split("/", maxsplit=1)[0])],
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(str(row["start"])[:10], set()).add(str(row["version"]))
    return found


def rebuilt(before: dict[str, set[str]], after: dict[str, set[str]]) -> list[str]:
    """The days that another version serves."""
    return sorted(day for day in after if after[day] != before[day])


def minutes(sandbox: Sandbox, interval: str) -> int:
    """How many rows of ``interval`` have a minute of the hour other than 0."""
    first, last = interval.split("/")
    (row,) = sandbox.druid.query(
        f'SELECT COUNT(*) AS n FROM "{VITALS}" WHERE EXTRACT(MINUTE FROM "__time") > 0 '
        f"AND \"__time\" >= TIMESTAMP '{first} 00:00:00' AND \"__time\" < TIMESTAMP '{last} 00:00:00'"
    )
    return int(row["n"])


def append_late_event(sandbox: Sandbox) -> None:
    """Append one row, as a native task of Druid's, and return once it is served."""
    rows = by_day(sandbox)[LATE_DAY][0]
    uri = S3Uri.parse(PHI.data_uri) / "landing/late/one.json"
    store().put(uri, json.dumps(LATE_EVENT).encode(), kms_key_arn=PHI.kms_key_arn)
    task_id = sandbox.druid.submit_task({"id": f"late-{time.time_ns()}", **ingestion_task(VITALS, [uri], None)})
    await_success(sandbox.druid, task_id, attempted="append a late event", limit_seconds=SERVED_SECONDS)
    deadline = time.monotonic() + SERVED_SECONDS
    while by_day(sandbox)[LATE_DAY][0] != rows + 1:
        assert time.monotonic() < deadline
        time.sleep(1)


def planning_calls(night: Summary) -> int:
    """What ``plan`` asked, the lease apart."""
    return sum(count for service, count in night.outside_calls["plan"].items() if service != "lease")


def test_nights_in_a_row(sandbox: Sandbox, file: Path) -> None:
    """One test, because each night begins with what the one before it left."""
    a_full_night_then_an_unchanged_one(sandbox)
    one_late_day_is_one_batch_of_one_chunk(sandbox)
    a_lost_ledger_is_made_again_and_the_night_is_unchanged(sandbox)
    a_changed_definition_rebuilds_the_window_and_reports_what_is_older(sandbox, file)
    a_forced_interval_is_rebuilt_whatever_its_state(sandbox)


def a_full_night_then_an_unchanged_one(sandbox: Sandbox) -> None:
    rows, before = by_day(sandbox), versions(sandbox)
    assert len(rows) == 10

    full = sandbox.night(VITALS, interval=TEN_DAYS)

    assert full.status == "rebuilt"
    assert full.reasons["rows appended"] == full.chunks_rebuilt == 10
    assert by_day(sandbox) == rows
    assert rebuilt(before, versions(sandbox)) == sorted(rows)

    served = versions(sandbox)
    unchanged = sandbox.night(VITALS, interval=TEN_DAYS)

    assert (unchanged.status, unchanged.reasons, unchanged.cluster.id) == ("nothing to do", {}, None)
    assert planning_calls(unchanged) <= PLANNING_CALLS_MAX, unchanged.outside_calls
    assert (by_day(sandbox), versions(sandbox)) == (rows, served)


def one_late_day_is_one_batch_of_one_chunk(sandbox: Sandbox) -> None:
    append_late_event(sandbox)
    rows, before = by_day(sandbox), versions(sandbox)

    night = sandbox.night(VITALS, interval=TEN_DAYS)

    assert (night.status, night.chunks_rebuilt, night.segments_before, night.segments_after) == ("rebuilt", 1, 2, 1)
    assert night.reasons == {"fragmented": 1, "rows appended": 1}
    assert len([name for name in night.tasks if name == "reindex"]) == 1
    assert by_day(sandbox) == rows
    assert rebuilt(before, versions(sandbox)) == [LATE_DAY]


def a_lost_ledger_is_made_again_and_the_night_is_unchanged(sandbox: Sandbox) -> None:
    uri = built_uri(PHI, VITALS)
    kept = store().get(uri)
    store().delete(uri)

    night = sandbox.night(VITALS, interval=TEN_DAYS)

    assert (night.status, night.reasons) == ("nothing to do", {})
    known = json.loads(store().get(uri))["chunks"]
    assert {chunk: entries[0] for chunk, entries in known.items()} == {
        chunk: entries[0] for chunk, entries in json.loads(kept)["chunks"].items()
    }


def a_changed_definition_rebuilds_the_window_and_reports_what_is_older(sandbox: Sandbox, file: Path) -> None:
    text = file.read_text()
    assert "query: MINUTE" in text
    file.write_text(text.replace("query: MINUTE", "query: HOUR"))
    rows, before = by_day(sandbox), versions(sandbox)
    assert minutes(sandbox, LAST_THREE) > 0

    night = sandbox.night(VITALS, interval=LAST_THREE)

    assert (night.status, night.reasons, night.stale_chunks) == ("rebuilt", {"definition changed": 3}, 7)
    assert "7 older time chunks were built by another definition" in night.explanation
    assert by_day(sandbox) == rows
    assert rebuilt(before, versions(sandbox)) == ["2026-10-03", "2026-10-04", "2026-10-05"]
    assert minutes(sandbox, LAST_THREE) == 0
    assert minutes(sandbox, TEN_DAYS) > 0
    assert sandbox.night(VITALS, interval=LAST_THREE).status == "nothing to do"


def a_forced_interval_is_rebuilt_whatever_its_state(sandbox: Sandbox) -> None:
    rows, before = by_day(sandbox), versions(sandbox)

    night = sandbox.night(VITALS, interval=f"{FORCED_DAY}/2026-10-05", force=True)

    assert (night.status, night.reasons, night.chunks_rebuilt) == ("rebuilt", {"forced": 1}, 1)
    assert by_day(sandbox) == rows
    assert rebuilt(before, versions(sandbox)) == [FORCED_DAY]
