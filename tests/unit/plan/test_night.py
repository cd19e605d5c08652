"""The plan's own sums."""

from __future__ import annotations

from druid_reindex.plan.night import Batch, Chunk, NightPlan
from timelines import segment, span


def chunk(*rows: int | None) -> Chunk:
    segments = tuple(segment("09-01/09-02", number=n, rows=count) for n, count in enumerate(rows))
    return Chunk(span("09-01/09-02"), segments, (), 1)


def test_rows_are_unknown_when_one_count_is() -> None:
    assert chunk(3, 4).num_rows == 7
    assert chunk(3, None).num_rows is None
    assert chunk().num_rows == 0


def test_bytes_add_up() -> None:
    assert chunk(1, 1, 1).size_bytes == 3_000


def test_a_plan_without_batches_is_empty() -> None:
    assert NightPlan("patient_vitals", 0, (), "").is_empty
    batch = Batch(0, (chunk(1),), 1)
    assert not NightPlan("patient_vitals", 1, (batch,), "").is_empty
    assert batch.intervals == (span("09-01/09-02"),)
