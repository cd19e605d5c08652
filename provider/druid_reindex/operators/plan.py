"""``plan``: reads Druid's timeline, decides, and stores the plan whose digest every later task checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from druid_reindex.model.identity import digest
from druid_reindex.model.segment import Segment
from druid_reindex.operators import request
from druid_reindex.operators.night import NIGHT_KEY, NightOperator
from druid_reindex.plan import document, names
from druid_reindex.plan.night import NightPlan
from druid_reindex.plan.planner import plan_night

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.interval import Interval


class PlanNightOperator(NightOperator):
    """Decides which time chunks the night rebuilds, and stores the plan in S3.

    Returns the numbers of the batches, over which ``reindex`` is mapped. Its XCom ``night`` holds ``run_id``,
    ``plan_uri``, ``plan_sha256``, ``batches``, ``chunks``, ``segments_before``, ``rows_before`` and ``explanation``.
    """

    def carry_out(self, context: Context) -> list[int]:
        """Plan the night."""
        run_id = self.run_identity(context)
        self.druid.check_engine(self.settings.pipeline.engine)
        looked_at = request.window(context, self.settings.pipeline.lookback)
        forced = request.forced(context)
        plan = plan_night(self.settings.pipeline, self._segments([looked_at, *forced]), looked_at, forced)
        self.log.info("%s", plan.explanation)
        body = document.to_json(plan)
        uri = names.plan_uri(self.settings.boundary, run_id)
        self.store.put(uri, body, kms_key_arn=self.settings.boundary.kms_key_arn)
        night = {"run_id": str(run_id), "plan_uri": str(uri), "plan_sha256": digest(body), **summary(plan)}
        context["ti"].xcom_push(NIGHT_KEY, night)
        return [batch.number for batch in plan.batches]

    def _segments(self, intervals: list[Interval]) -> list[Segment]:
        datasource = self.settings.pipeline.datasource
        rows = self.druid.segment_rows(datasource, intervals)
        found = self.druid.used_segments(datasource, intervals)
        return [replace(segment, num_rows=rows.get(segment.segment_id)) for segment in found]


def summary(plan: NightPlan) -> dict[str, Any]:
    """What the rest of the night, and its readers, need of ``plan``."""
    chunks = [chunk for batch in plan.batches for chunk in batch.chunks]
    return {
        "batches": [batch.number for batch in plan.batches],
        "chunks": len(chunks),
        "segments_before": sum(len(chunk.segments) for chunk in chunks),
        "rows_before": sum(chunk.num_rows or 0 for chunk in chunks),
        "explanation": plan.explanation,
    }
