"""`druid-reindex plan`: what a night would do, without doing it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DESK, PLACES, Outside
from druid_reindex.cli import status
from druid_reindex.cli.main import app
from druid_reindex.model.interval import Interval
from druid_reindex.plan import names
from druid_reindex.plan.built import Built, to_json
from timelines import one_job, segment

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BIG: dict[str, Any] = {"rows": 4_000_000, "size": 400_000_000}


def day(ago: int) -> Interval:
    return Interval(TODAY - timedelta(days=ago), TODAY - timedelta(days=ago - 1))


GOOD, LATE, OLD = day(10), day(11), day(300)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    found = Outside().connect(monkeypatch, status)
    late = segment(LATE, "2026-10-06T02:30:00.000Z", 1, shard={"type": "numbered", "partitionNum": 1, "partitions": 1})
    found.druid.segments = [*one_job(GOOD, 1, **BIG), *one_job(LATE, 1, **BIG), late, *one_job(OLD, 1, **BIG)]
    return found


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments, *PLACES], env={"COLUMNS": "200"})


def told(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoke("patient_vitals", "--json", *arguments).stdout)
    return found


def test_each_chunk_has_its_reason_size_and_cost(outside: Outside) -> None:
    written = dict(outside.store.objects)
    result = invoke("patient_vitals")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "2 time chunks considered" in lines[0]
    assert "1 to rebuild (fragmented 1, rows appended 1)" in lines[0]
    (row,) = [line for line in lines if f"{LATE.start:%Y-%m-%d}/" in line and "│" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:6] == [
        "0", f"{LATE.start:%Y-%m-%d}/{LATE.end:%Y-%m-%d}", "fragmented, rows appended", "2 → 1",
        "4,000,010", "400,001,000",
    ]  # fmt: skip
    assert outside.store.objects == written


def test_nothing_to_do_is_exit_code_0(outside: Outside) -> None:
    outside.druid.segments = one_job(GOOD, 1, **BIG)
    result = invoke("patient_vitals", "--explain")
    assert result.exit_code == 0
    assert "nothing to do" in result.stdout
    assert "1 of unknown origin: a night takes them as the baseline" in result.stdout


def test_a_program_gets_all_of_it(outside: Outside) -> None:
    document = told()
    assert (document["datasource"], document["considered_chunks"]) == ("patient_vitals", 2)
    assert document["reasons"] == {"fragmented": 1, "rows appended": 1}
    (chunk,) = document["chunks"]
    assert chunk["interval"] == str(LATE)
    assert chunk["instance_hours"] > 0
    assert document["estimate"]["read_bytes"] == chunk["size_bytes"] == 400_001_000
    assert document["adopted_chunks"] == 1
    assert len(document["plan_sha256"]) == 64


def test_equal_plans_have_one_digest(outside: Outside) -> None:
    whole = ("--interval", f"{LATE.start:%Y-%m-%d}/{GOOD.end:%Y-%m-%d}")
    assert told(*whole)["plan_sha256"] == told(*whole)["plan_sha256"]
    outside.druid.segments = [*outside.druid.segments, *one_job(day(9), 1, **BIG)]
    assert (
        told("--interval", f"{LATE.start:%Y-%m-%d}/{LATE.end:%Y-%m-%d}")["plan_sha256"] != told(*whole)["plan_sha256"]
    )


def test_an_interval_is_widened_to_whole_chunks_and_may_be_forced(outside: Outside) -> None:
    inside = f"{GOOD.start:%Y-%m-%dT05:00:00Z}/{GOOD.start:%Y-%m-%dT06:00:00Z}"
    assert told("--interval", inside)["chunks"] == []
    forced = told("--interval", inside, "--force")
    assert (forced["window"], forced["reasons"]) == (str(GOOD), {"forced": 1})


def test_a_changed_definition_is_told_within_the_lookback_and_beyond(outside: Outside) -> None:
    made = {str(each): (Built("2026-10-06T02:30:00.000Z", definition="1:before"),) for each in (GOOD, OLD)}
    uri = names.built_uri(DESK.boundaries.phi, "patient_vitals")
    outside.store.put(uri, to_json(made), kms_key_arn="k")
    shown = invoke("patient_vitals", "--explain").stdout
    assert "1 older time chunk was built by another definition" in shown
    assert "definition changed: the pipeline's definition is another one" in shown
    assert f"stale, beyond the window: {OLD.start:%Y-%m-%d}/{OLD.end:%Y-%m-%d}" in shown
    assert told()["stale"] == [str(OLD)]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--force",), "--force names no interval"),
        (("--interval", "yesterday"), "is not an interval"),
        (("--interval", "2026-09-01/2026-09-01"), "ends where it starts"),
    ],
)
def test_what_cannot_be_meant_is_refused(outside: Outside, arguments: tuple[str, ...], why: str) -> None:
    result = invoke("patient_vitals", *arguments)
    assert result.exit_code == 2
    assert why in result.stderr
    assert outside.store.objects == {}


def test_help_teaches() -> None:
    shown = CliRunner().invoke(app, ["plan", "--help"], env={"COLUMNS": "120"}).stdout
    for part in ("nothing is written", "prices.yaml", "DRUID_URL", "--explain", "--force", "--json", "START/END"):
        assert part in shown
