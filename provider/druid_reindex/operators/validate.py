"""``validate``: what the night published is served, whole, under the right key, and is what it was built from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import DeadlineError, IntegrityError, Transient
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.operators import links
from druid_reindex.operators.checked import joined, unjudged
from druid_reindex.operators.judging import TOTALS, BatchJudge, Judgement, Loaded
from druid_reindex.operators.lineage import site_of
from druid_reindex.operators.loaded import await_load
from druid_reindex.operators.night import NightOperator, planned
from druid_reindex.operators.shadowed import compared
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.identity import RunId
    from druid_reindex.plan.night import Batch

QUALITY_KEY = "quality"
SHADOW_KEY = "shadow"
_MOST_TOLD = 5


class ValidateSegmentsOperator(NightOperator):
    """Judges each batch by itself, whatever became of the others, and leaves a verdict on each.

    A published one must be served under the boundary's key, with the rows, sums, hours and looks of what it was built
    from, and as the pipeline expects it; any other must have changed nothing. Counts alone leave Druid.

    Returns ``chunks``, ``segments_after``, ``rows_before``, ``rows_after``, ``bytes_after``, ``kms_keys`` and
    ``versions``; under ``quality`` the night's verdict, how many findings it has, and what it took; under ``shadow``,
    for a pipeline in shadow, how many chunks answer as those of the datasource beside it.
    """

    operator_extra_links = links.VALIDATE_LINKS

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._judged: list[Judgement] = []

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Wait for load, judge, keep the verdicts. Raises IntegrityError that names what does not hold."""
        night = planned(context)
        if not night.get("batches"):
            raise AirflowSkipException(night.get("explanation", "there is no plan"))
        links.tell_datasource(context, self.settings)
        self.hold(context)
        run_id = self.run_identity(context)
        batches = self.stored_plan(context).batches
        loaded = [self._loaded(context, run_id, batch) for batch in batches]
        began = time.monotonic()
        judged = self._judge_all(context, run_id, loaded)
        self._tell(context, run_id, judged, round(time.monotonic() - began, 1))
        self._tell_shadow(context, loaded)
        self._judged = judged
        self._refuse(run_id, [each for each in judged if each.stops])
        return _summed(judged)

    def lineage(self) -> Lineage:
        """The datasource, with what was checked of it."""
        checks = joined(check for each in self._judged for check in (*each.checks, *unjudged(each)))
        return lineage_tasks.judge(site_of(self), checks, _summed([each for each in self._judged if each.checks]))

    def _loaded(self, context: Context, run_id: RunId, batch: Batch) -> Loaded:
        """What is served of the batch; all are waited for before any is judged, for a wait begins the task anew."""
        record = self.get_record(context, names.result_uri(self.settings.boundary, run_id, batch.number))
        if record is None:
            return Loaded(batch)
        try:
            return Loaded(batch, record, await_load(self, batch))
        except DeadlineError as late:
            return Loaded(batch, record, late=late.came_back)

    def _judge_all(self, context: Context, run_id: RunId, batches: list[Loaded]) -> list[Judgement]:
        """The judgement of each batch, its verdict kept. Raises a Transient error only when all others are judged."""
        judged: list[Judgement] = []
        unanswered: list[Transient] = []
        for loaded in batches:
            judge = BatchJudge(self, context, run_id, loaded.batch)
            try:
                judgement = judge.judged(loaded)
                judge.keep(judgement)
            except Transient as error:
                unanswered.append(error)
            else:
                judged.append(judgement)
        if unanswered:
            raise unanswered[0]
        return judged

    def _tell(self, context: Context, run_id: RunId, judged: list[Judgement], seconds: float) -> None:
        """Show the page of the first batch that does not hold, else of the first one, and tell the night's verdict."""
        shown = next((each for each in judged if each.stops), judged[0]).verdict
        links.tell_data_docs(
            context, self.settings, names.expectations_page_uri(self.settings.boundary, run_id, shown.batch)
        )
        told = {
            "verdict": "failed" if shown in [each.verdict for each in judged if each.stops] else "passed",
            "batches": {str(each.verdict.batch): each.verdict.verdict.value for each in judged},
            "expectations": sum(each.expectations for each in judged),
            "findings": sum(len(each.verdict.findings) for each in judged),
            "seconds": seconds,
        }
        context["ti"].xcom_push(QUALITY_KEY, told)

    def _tell_shadow(self, context: Context, batches: list[Loaded]) -> None:
        told = compared(self, [each for loaded in batches if loaded.record for each in loaded.batch.intervals])
        if told is not None:
            self.log.info(
                "%s chunks answer as those of %s, %s do not: %s",
                *(told[name] for name in ("equal", "compared_with", "unequal", "differences")),
            )
            context["ti"].xcom_push(SHADOW_KEY, told)

    def _refuse(self, run_id: RunId, failed: list[Judgement]) -> None:
        if not failed:
            return
        findings = [str(finding) for each in failed for finding in each.verdict.findings]
        more = f" and {len(findings) - _MOST_TOLD} more" if len(findings) > _MOST_TOLD else ""
        numbers = ", ".join(str(each.verdict.batch) for each in failed)
        kept = names.verdict_uri(self.settings.boundary, run_id, failed[0].verdict.batch)
        raise IntegrityError(
            "judge what was published",
            resource=f"{self.settings.pipeline.datasource} batch {numbers}",
            came_back="; ".join(findings[:_MOST_TOLD]) + more,
            remedy=f"read all findings at {kept}; find out whether something else wrote these chunks during the night",
        )


def _summed(judged: list[Judgement]) -> dict[str, Any]:
    """What is served of the batches; nothing of none."""
    if not judged:
        return {}
    return {
        **{name: sum(each.totals[name] for each in judged) for name in TOTALS},
        **{
            name: sorted({value for each in judged for value in getattr(each, name)})
            for name in ("kms_keys", "versions")
        },
    }
