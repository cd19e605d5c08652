"""Whether a shadow answers as the datasource that it lies beside: told, for a person to decide by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from druid_reindex.model.shadow import compared_with
from druid_reindex.operators.measured import measured_now
from druid_reindex.plan.measure import unequal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from druid_reindex.model.interval import Interval
    from druid_reindex.operators.night import NightOperator

MOST_TOLD = 50


def compared(task: NightOperator, intervals: Sequence[Interval]) -> dict[str, Any] | None:
    """``compared_with``, how many chunks are ``equal`` and ``unequal``, and ``differences``: what, of the first ones.

    None for a pipeline that is no shadow. Rows and sums are compared, doubles but for their rounding.
    """
    beside = compared_with(task.settings.pipeline)
    if beside is None or not intervals:
        return None
    served, shadow = (measured_now(task, intervals, name) for name in (beside, task.settings.pipeline.datasource))
    found = {
        chunk: unequal({"rows": rows} | served.metrics[chunk], {"rows": shadow.rows[chunk]} | shadow.metrics[chunk])
        for chunk, rows in served.rows.items()
    }
    differing = {chunk: names for chunk, names in found.items() if names}
    return {
        "compared_with": beside,
        "equal": len(found) - len(differing),
        "unequal": len(differing),
        "differences": dict(list(differing.items())[:MOST_TOLD]),
    }
