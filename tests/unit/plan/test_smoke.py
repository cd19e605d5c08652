"""A synthetic night: which pipeline, which rows, which price."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.interval import Granularity, Interval
from druid_reindex.model.pipeline import (
    ClusterChoice,
    Dimension,
    Engine,
    GranularitySpec,
    Pipeline,
    Schedule,
    StaticInput,
)
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.prices import InstancePrice, PriceTable
from druid_reindex.plan import smoke

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "emr_configs"
NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
PROFILE = load_profile(CONFIGS, "secure")


def pipeline(**changes: Any) -> Pipeline:
    shipped = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", load_boundaries(CONFIGS))
    return shipped.model_copy(update={"datasource": "patient_smoke", "schedule": Schedule(cron=None)} | changes)


def test_a_fit_pipeline() -> None:
    smoke.refuse_unfit(pipeline())


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"datasource": "patient_vitals"}, "call the datasource patient_vitals_smoke"),
        ({"schedule": Schedule()}, "cron: null"),
        ({"engine": Engine.MSQ}, "engine: hadoop"),
        ({"inputs": (StaticInput(type="static", paths=("s3://bucket/p",)),)}, "leave inputs out"),
        ({"cluster": ClusterChoice(profile="secure", group="nightly")}, "leave cluster.group out"),
    ],
)
def test_what_could_touch_more_than_it_makes_is_refused(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        smoke.refuse_unfit(pipeline(**changes))
    assert remedy in refusal.value.remedy


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        smoke.refuse_unfit(pipeline(datasource="patient_vitals", schedule=Schedule()))
    assert refusal.value.came_back == "its datasource does not end in _smoke; it has a schedule"


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        (Granularity.HOUR, "2026-10-06T00:00/2026-10-06T02:00"),
        (Granularity.DAY, "2026-10-04/2026-10-06"),
        (Granularity.MONTH, "2026-08-01/2026-10-01"),
    ],
)
def test_the_last_whole_chunks(granularity: Granularity, expected: str) -> None:
    chosen = pipeline(granularity=GranularitySpec(segment=granularity))
    assert smoke.window(chosen, NOW) == Interval.parse(expected)


def test_rows_are_made_of_the_pipelines_columns_alone() -> None:
    typed = (Dimension(name="code"), Dimension(name="age", type="long"), Dimension(name="ratio", type="double"))
    chosen = pipeline(dimensions=typed)
    found = list(smoke.rows(chosen, smoke.window(chosen, NOW)))
    assert found == list(smoke.rows(chosen, smoke.window(chosen, NOW)))
    assert len(found) == smoke.CHUNKS * smoke.ROWS_PER_CHUNK
    assert found[1].keys() == {"timestamp", "value", "code", "age", "ratio"}
    assert (found[1]["code"], found[1]["age"], found[1]["ratio"]) == ("synthetic-code-1", 1, 0.5)
    assert found[0]["timestamp"] == "2026-10-04T00:00:00.000Z"
    assert found[-1]["timestamp"] < "2026-10-06"


def test_the_task_carries_its_rows_and_makes_several_segments_of_each_chunk() -> None:
    chosen = pipeline()
    task = smoke.ingestion_task(chosen, smoke.window(chosen, NOW), "t")
    spec = task["spec"]
    assert (task["id"], spec["dataSchema"]["dataSource"]) == ("t", "patient_smoke")
    assert spec["dataSchema"]["metricsSpec"][1] == {"type": "doubleSum", "name": "value_sum", "fieldName": "value"}
    data = spec["ioConfig"]["inputSource"]["data"].splitlines()
    assert [json.loads(line) for line in data] == list(smoke.rows(chosen, smoke.window(chosen, NOW)))
    assert spec["tuningConfig"]["partitionsSpec"]["maxRowsPerSegment"] * 2 < smoke.ROWS_PER_CHUNK
    assert len(json.dumps(task)) < 500_000


def test_what_is_taken_away_is_one_datasources_interval() -> None:
    task = smoke.removal_task("patient_smoke", smoke.window(pipeline(), NOW), "k")
    interval = "2026-10-04T00:00:00.000Z/2026-10-06T00:00:00.000Z"
    assert task == {"type": "kill", "id": "k", "dataSource": "patient_smoke", "interval": interval}


def test_the_ceiling_is_the_whole_clusters_until_it_has_ended() -> None:
    prices = PriceTable(
        source="contract",
        as_of=date(2026, 11, 1),
        instance_types={
            "m6g.xlarge": InstancePrice(ec2_usd_per_hour=0.2, emr_usd_per_hour=0.05),
            "r6g.xlarge": InstancePrice(ec2_usd_per_hour=0.25, emr_usd_per_hour=0.05, ebs_usd_per_hour=0.1),
        },
    )
    found = smoke.ceiling(PROFILE, prices, timedelta(hours=1.5))
    assert (found.usd, found.hours) == (1.3, 2.0)
    assert "at most 1.30 US dollars" in str(found)
    assert "contract, as of 2026-11-01" in str(found)


def test_without_a_price_there_is_no_ceiling_to_agree_to() -> None:
    some = PriceTable(
        source="contract",
        as_of=date(2026, 11, 1),
        instance_types={"m6g.xlarge": InstancePrice(ec2_usd_per_hour=0.2, emr_usd_per_hour=0.05)},
    )
    for prices in (None, some):
        with pytest.raises(ConfigurationError, match=r"no price of .*r6g\.xlarge"):
            smoke.ceiling(PROFILE, prices, timedelta(hours=1))


def test_what_is_locked_is_said_to_stay() -> None:
    place = load_boundaries(CONFIGS).phi.evidence
    assert place is not None
    told = smoke.staying(place, NOW)
    assert told.startswith(f"a signed pack below {place.uri}, locked (GOVERNANCE) until 2032-10-06")
    assert told.endswith("held until a person lifts that")
    assert "held" not in smoke.staying(place.model_copy(update={"legal_hold": False}), NOW)
    assert smoke.staying(None, NOW) == ""
