"""``rollback``: what a night published without passing is taken back, so that the version from before serves again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.operators import links
from druid_reindex.operators.lineage import site_of
from druid_reindex.operators.night import NightOperator, planned
from druid_reindex.operators.triggers.waits import DruidLoadTrigger
from druid_reindex.operators.waiting import Wait

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.rollback import BatchRollback, Record


class RollbackSegmentsOperator(NightOperator):
    """Takes back each batch that has not passed: by segment ids, until Druid answers as it did before the night.

    What a job that died half-way had published goes as well. Chunks that serve what is neither the night's nor from
    before are left as they are and named. A batch that was taken back counts as one that was not carried out, so that
    clearing ``reindex`` runs it again.

    Returns ``rolled_back``, the chunks, and ``serving``: versions and rows of each of them. Skipped where nothing is to
    be taken back.
    """

    operator_extra_links = links.VALIDATE_LINKS

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Mark, wait, verify. Raises IntegrityError that names what could not be taken back."""
        night = planned(context)
        if not night.get("batches"):
            raise AirflowSkipException(night.get("explanation", "there is no plan"))
        links.tell_datasource(context, self.settings)
        self.hold(context)
        batches = self._batches(context)
        wanted = [each for each in batches if each.has_begun and not each.is_kept]
        if any(each.result is None for each in wanted):
            self.end(self.run_identity(context))
        records = self._taken_back(wanted)
        if not records:
            raise AirflowSkipException("every batch passed, or left nothing to take back")
        return {
            "rolled_back": [chunk for record in records for chunk in record["chunks"]],
            "serving": {chunk: served for record in records for chunk, served in record["serving"].items()},
        }

    def lineage(self) -> Lineage:
        """The datasource, where anything of it was taken back."""
        return lineage_tasks.take_back(site_of(self), self.returned["serving"]) if self.returned else Lineage()

    def _batches(self, context: Context) -> list[BatchRollback]:
        from druid_reindex.clients.rollback import BatchRollback, Night  # noqa: PLC0415

        told, plan = planned(context), self.stored_plan(context)
        night = Night(
            run_id=self.run_identity(context),
            pipeline=self.settings.pipeline,
            boundary=self.settings.boundary,
            plan_sha256=told["plan_sha256"],
            druid=self.druid,
            store=self.store,
            require=self.require,
            log=self.log.info,
        )
        return [BatchRollback(night, batch) for batch in plan.batches if batch.number in told["batches"]]

    def _taken_back(self, batches: list[BatchRollback]) -> list[Record]:
        from druid_reindex.clients.night_rollback import NightRollback  # noqa: PLC0415

        night, datasource, records = NightRollback.begin(batches), self.settings.pipeline.datasource, []
        if night.begun:
            whole = str(night.whole)
            arguments = self.settings.druid_arguments | {"datasource": datasource, "interval": whole, "swapped": True}
            wait = Wait(f"rollback of {datasource} {whole}", DruidLoadTrigger, arguments)
            self.waiting.until(night.pending, lambda left: not left, wait)
            records = night.finish()
        night.refuse(datasource)
        return records
