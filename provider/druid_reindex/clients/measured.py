"""What Druid answers for chunks: their rows, and what adds up in them, by one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.plan import measure
from druid_reindex.ports import DruidPort


@dataclass(frozen=True, slots=True)
class Measured:
    """The ``rows`` of each chunk, and its ``sums`` by name (``measure.STORED_ROWS`` among them)."""

    rows: dict[str, int]
    sums: dict[str, dict[str, float]]

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """The sums of metrics alone, which a rebuild must not change."""
        return {
            chunk: {name: value for name, value in sums.items() if name != measure.STORED_ROWS}
            for chunk, sums in self.sums.items()
        }


def measured(druid: DruidPort, pipeline: Pipeline, intervals: Sequence[Interval], datasource: str) -> Measured:
    """What ``datasource``, the pipeline's own or the one that it is built from, serves of each of ``intervals``."""
    columns = measure.numeric_columns(columns_of(druid, datasource))
    answer = druid.query(*measure.sums_query(pipeline, intervals, columns, datasource=datasource))
    sums = measure.sums_by_interval(answer, pipeline, intervals, columns)
    return Measured(measure.rows_by_interval(answer, intervals), sums)


def columns_of(druid: DruidPort, datasource: str) -> list[dict[str, Any]]:
    """The columns of ``datasource``, as SQL knows them; none where a Broker does not know it, or not yet again."""
    return druid.query(COLUMNS_SQL, [{"type": "VARCHAR", "value": datasource}])
