"""``retire``: versions that nights have replaced are killed, for good, once they cannot be taken back any more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.lineage import site_of
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.settings import NightSettings

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.retirable import Retirement
    from druid_reindex.clients.retire import SegmentDisposal
    from druid_reindex.model.disposal import Disposal
    from druid_reindex.plan.retire import Due
    from druid_reindex.ports import ObjectVersionsPort

DISPOSE = "dispose"
FENCE_KEY = "fence"
DAILY = "37 15 * * *"


class RetireSegmentsOperator(NightOperator):
    """Disposes of the versions that nights of the pipeline replaced longer ago than ``policy.rollback_days``.

    Under the datasource's lease: Druid kills them, each version of their objects in S3 is deleted, and both are looked
    for again. What Druid could only kill along with something that is not to go stays, and is told. Nothing that serves
    or that a rollback could need is touched, nor any version that no night of ours has replaced.

    Returns ``retired``, the number of segments, ``versions``, that of their objects' versions, ``record_uri``, and
    ``left``, a line for each version that stays. Skipped where nothing is to go, and, with the param ``dispose`` false,
    once it is told what would.
    """

    _gone: Disposal | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Find, kill, delete, look again. Raises IntegrityError where anything is left of what is to be gone."""
        retirement = self._retirement(context)
        if not context["params"].get(DISPOSE, True):
            self._show(retirement)
        self._hold(context)
        found = retirement.due()
        told = self._retired(retirement, found) if found.doomed or retirement.disposal.begun() else None
        if unreleased := self.tenure(context).keeper.release():
            self.log.warning("the lease is kept until it expires: %s", unreleased)
        if told is None:
            raise AirflowSkipException(f"nothing was replaced more than {retirement.window.days} days ago")
        return told

    def lineage(self) -> Lineage:
        """The datasource, once stored versions of it are gone."""
        uri = self.returned["record_uri"] if self.returned else ""
        return lineage_tasks.retire(site_of(self), self._gone, uri)

    @cached_property
    def archive(self) -> ObjectVersionsPort:
        """S3 with what it keeps of deleted objects, by the pipeline's connection."""
        return connections.s3_versions(self.settings.aws_conn_id, self.settings.boundaries.region)

    def _hold(self, context: Context) -> None:
        """Hold the lease; after a wait, only if nobody else has had it since. Raises FencedOutError otherwise."""
        ti = context["ti"]
        fence = ti.xcom_pull(task_ids=self.task_id, key=FENCE_KEY) if self.waiting.resumed else None
        if fence is None:
            ti.xcom_push(FENCE_KEY, self.take(context))
            return
        self._tenure = self.tenure(context, fence)
        self._tenure.keeper.hold()

    def _retired(self, retirement: Retirement, found: Due) -> dict[str, Any]:
        record = self._begun(retirement, found)
        self._await_killed(retirement.disposal, record)
        done = self._gone = retirement.finish(record, found)
        left = retirement.left(done, found)
        for line in left:
            self.log.warning("stays: %s", line)
        return {
            "retired": len(done.segments),
            "versions": len(done.objects),
            "record_uri": str(retirement.disposal.shelf.uri(done.run)),
            "left": left,
        }

    def _begun(self, retirement: Retirement, found: Due) -> Disposal:
        """The record of what goes; after a wait, that of what the try has begun, dead kills and all."""
        begun = retirement.disposal.begun() if self.waiting.resumed else None
        return begun if begun is not None and not begun.is_done else retirement.begin(found)

    def _await_killed(self, disposal: SegmentDisposal, record: Disposal) -> None:
        left = disposal.pending(record)
        if left:
            first = [*disposal.living(record), *record.kills][0]
            self.waiting.until(lambda: left, lambda _: False, self.settings.task_wait(first))

    def _show(self, retirement: Retirement) -> None:
        decision, left = retirement.decided(retirement.due())
        for line in (*(f"would go: {name}" for name in decision.names), *(f"stays: {line}" for line in left)):
            self.log.info("%s", line)
        raise AirflowSkipException(f"{len(decision.names)} segments would go; nothing was changed")

    def _retirement(self, context: Context) -> Retirement:
        from druid_reindex.clients.disposals import DisposalShelf  # noqa: PLC0415
        from druid_reindex.clients.replaced import Replaced  # noqa: PLC0415
        from druid_reindex.clients.retirable import Retirement  # noqa: PLC0415
        from druid_reindex.clients.retire import SegmentDisposal  # noqa: PLC0415
        from druid_reindex.clients.stored_versions import Place  # noqa: PLC0415

        settings, boundary = self.settings, self.settings.boundary
        datasource = settings.pipeline.datasource
        disposal = SegmentDisposal(
            datasource=datasource,
            deployment_id=settings.boundaries.deployment_id,
            run_id=self.run_identity(context),
            druid=self.druid,
            places=(Place(self.archive, S3Uri.parse(boundary.segments_uri)),),
            shelf=DisposalShelf(self.store, boundary, datasource),
            require=self.require,
            log=self.log.info,
        )
        window = timedelta(days=settings.pipeline.policy.rollback_days)
        return Retirement(Replaced(self.store, boundary, datasource), disposal, window)


def retire_dags(folder: Path, *, configs: Path) -> dict[str, DAG]:
    """One daily DAG for each side of the boundary that has pipelines in ``folder``, by its id, a task for each of them.

    A pipeline's file that is wrong is left out: the DAG file of its nights says what is wrong with it.
    """
    readable = [settings for file in sorted(folder.glob("*.yaml")) if (settings := _readable(file, configs))]
    dags = {}
    for side in Classification:
        of_side = [settings for settings in readable if settings.pipeline.classification is side]
        if of_side:
            dags[f"retire__{side.value}"] = _dag(side, of_side)
    return dags


def _readable(file: Path, configs: Path) -> NightSettings | None:
    try:
        return NightSettings.read(file, configs=configs)
    except ConfigurationError:
        return None


def _dag(side: Classification, pipelines: Iterable[NightSettings]) -> DAG:
    with DAG(
        dag_id=f"retire__{side.value}",
        description=f"Disposes of what nights of {side.value} pipelines replaced, after the rollback window.",
        doc_md=_DOCUMENTATION,
        schedule=CronTriggerTimetable(DAILY, timezone="UTC", run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        params={
            DISPOSE: Param(default=True, type="boolean", description="false tells what would go, and changes nothing")
        },
        tags={"druid-reindex", side.value},
    ) as dag:
        for settings in pipelines:
            RetireSegmentsOperator(task_id=settings.pipeline.datasource, settings=settings)
    return dag


_DOCUMENTATION = """\
Once a day, for each pipeline: what its nights replaced more than `policy.rollback_days` ago is killed by Druid, each
version of its objects in S3 is deleted, and both are looked for again. The record of what went, with ids, addresses and
version ids, stays below `runs_uri`, in `disposals/<datasource>/`. What cannot go alone stays and is told in the task's
log and result. After it has run, nights older than the window cannot be taken back. From a shell:
`druid-reindex retire <pipeline>`.
"""
