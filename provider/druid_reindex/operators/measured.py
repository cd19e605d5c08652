"""What Druid answers a task for chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from druid_reindex.clients.measured import Measured
    from druid_reindex.model.interval import Interval
    from druid_reindex.operators.night import NightOperator


def measured_now(task: NightOperator, intervals: Sequence[Interval], datasource: str) -> Measured:
    """What ``datasource``, the task's own or the one that it is built from, serves of each of ``intervals``."""
    from druid_reindex.clients.measured import measured  # noqa: PLC0415

    return measured(task.druid, task.settings.pipeline, intervals, datasource)
