"""How the rows of chunks look to Druid, in counts: a few queries, before a rebuild and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from druid_reindex.plan import shape

if TYPE_CHECKING:
    from druid_reindex.model.interval import Interval
    from druid_reindex.operators.night import NightOperator

# Distinct values make a scan of every column: so many chunks at once are answered before a connection times out.
CHUNKS_PER_QUERY = 10


@dataclass(frozen=True, slots=True)
class Shaped:
    """The ``types`` of the columns, each chunk's ``shape``, and its rows by the hour or day (``units``)."""

    types: Mapping[str, str]
    shape: Mapping[str, shape.Shape]
    units: Mapping[str, Mapping[str, int]]

    def to_record(self) -> dict[str, Any]:
        """What is kept of it."""
        return {"types": dict(self.types), "shape": dict(self.shape), "units": dict(self.units)}


def shaped_now(task: NightOperator, intervals: Sequence[Interval], *, of_rows: str) -> Shaped:
    """How each of ``intervals`` looks in the task's own datasource, and its rows by the hour in ``of_rows``.

    A datasource that is not there has no types and no shape.
    """
    from druid_reindex.model.datasource_import import COLUMNS_SQL  # noqa: PLC0415

    pipeline = task.settings.pipeline
    types = shape.types_of(task.druid.query(COLUMNS_SQL, [{"type": "VARCHAR", "value": pipeline.datasource}]))
    sql, parameters = shape.units_query(pipeline, intervals, datasource=of_rows)
    units = shape.units_by_interval(task.druid.query(sql, parameters), intervals)
    found: dict[str, shape.Shape] = {}
    for start in range(0, len(intervals) if types else 0, CHUNKS_PER_QUERY):
        some = intervals[start : start + CHUNKS_PER_QUERY]
        sql, parameters = shape.shape_query(pipeline, some, types)
        found |= shape.shapes(task.druid.query(sql, parameters), pipeline, some, types)
    return Shaped(types, found, units)
