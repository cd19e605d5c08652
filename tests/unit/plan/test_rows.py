"""What a plan shows of each chunk."""

from __future__ import annotations

import pytest

from druid_reindex.model.interval import Granularity
from druid_reindex.model.prices import InstancePrice, PriceTable
from druid_reindex.plan.estimate import estimate_night
from druid_reindex.plan.night import Batch, Chunk, Reason
from druid_reindex.plan.rows import MEANINGS, chunk_rows
from timelines import profile, segment, span

GB = 1_000_000_000
SHAPE = profile()
PRICES = PriceTable(source="a test", as_of="2026-11-01", instance_types={  # type: ignore[arg-type]
    node.instance_type: InstancePrice(ec2_usd_per_hour=0.75, emr_usd_per_hour=0.25) for node in SHAPE.nodes
})  # fmt: skip


def chunk(days: str, gigabytes: int) -> Chunk:
    return Chunk(span(days), (segment(days, size=gigabytes * GB, rows=7),), (Reason.FRAGMENTED,), 2)


BATCHES = (Batch(0, (chunk("09-01/09-02", 4), chunk("09-02/09-04", 8)), 2), Batch(1, (chunk("09-05/09-06", 1),), 2))


def test_each_chunk_has_its_row() -> None:
    rows = chunk_rows(BATCHES, Granularity.DAY, SHAPE, PRICES)
    assert [(row.batch, row.interval[5:10], row.segments_before, row.segments_after, row.rows) for row in rows] == [
        (0, "09-01", 1, 2, 7), (0, "09-02", 1, 4, 7), (1, "09-05", 1, 2, 7),
    ]  # fmt: skip
    assert rows[0].reasons == ("fragmented",)
    assert rows[0].size_bytes == 4 * GB


def test_the_chunks_and_the_clusters_idle_time_make_the_night() -> None:
    rows = chunk_rows(BATCHES, Granularity.DAY, SHAPE, PRICES)
    night = estimate_night(BATCHES, SHAPE, PRICES)
    instances = sum(node.count for node in SHAPE.nodes)
    assert night.instance_hours == pytest.approx(
        sum(row.instance_hours or 0 for row in rows) + SHAPE.job.estimated_idle_hours * instances, abs=0.02
    )
    assert night.cost_usd == pytest.approx(
        sum(row.cost_usd or 0 for row in rows) + SHAPE.job.estimated_idle_hours * instances, abs=0.02
    )


def test_without_prices_the_cost_is_unknown() -> None:
    (row, *_) = chunk_rows(BATCHES, Granularity.DAY, SHAPE, None)
    assert row.cost_usd is None
    assert row.instance_hours is not None


def test_each_reason_has_its_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
