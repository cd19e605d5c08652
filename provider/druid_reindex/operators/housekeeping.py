"""The hourly DAGs that take away what no live run owns, one for each side of the boundary."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable, Param
from airflow.sdk.exceptions import AirflowException

from druid_reindex.errors import DruidReindexError
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.operators import connections
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.plan.orphans import Ages, Orphan, orphans

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.leftovers import Leftovers

# A lease that has ended blocks nobody, and a person may still resume its run: it is broken only when it is forgotten.
AGES = Ages(lease=timedelta(days=30))
LIVE_STATES = ("queued", "running")
REAP = "reap"
HOURLY = "17 * * * *"


class HousekeepingOperator(BaseOperator):
    """Takes away clusters, leases, working files and security configurations that no live run of this deployment owns,
    and resumes the supervisors that such a run has left suspended.

    Asks Airflow about exactly the runs that something was found of. What cannot be read or taken away fails the task
    after all the rest is done. Returns ``found`` and ``taken_away``, a line each; with the param ``reap`` false, what
    is found is only listed.

    :param classification: the side of the boundary, whose connection, pool and queue are used
    :param boundaries: the deployment's boundaries
    :param ages: how old each kind must be
    """

    def __init__(
        self, *, classification: Classification, boundaries: Boundaries, ages: Ages = AGES, **kwargs: Any
    ) -> None:
        boundary = boundaries.of(classification)
        kwargs.setdefault("pool", boundary.pool)
        kwargs.setdefault("queue", boundary.queue)
        super().__init__(**kwargs)
        self.classification = classification
        self.boundaries = boundaries
        self.ages = ages

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Find, ask which runs live, and take away; what killed tasks have left of their journals here is put away."""
        run, ti, boundary = context["dag_run"], context["ti"], self.boundaries.of(self.classification)
        run_id = RunId.of(self.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
        store = partial(connections.s3_client, boundary.aws_conn_id, self.boundaries.region)
        attempt = Attempt(run_id, self.task_id, try_number=ti.try_number)
        with journalling(Keeping.of(boundary), attempt, store, self.log.warning):
            return self._keep_house(context)

    def _keep_house(self, context: Context) -> dict[str, list[str]]:
        wrong: list[str] = []
        side = self._side(wrong)
        found = side.find()
        live = live_runs(context["ti"], found.owners)
        left = orphans(found, live, datetime.now(UTC), self.ages)
        for each in left:
            self.log.info("no live run owns %s", each)
        taken = self._take_away(side, left, wrong) if context["params"].get(REAP, True) else []
        if wrong:
            raise AirflowException("; ".join(dict.fromkeys(wrong)))
        return {"found": [str(each) for each in left], "taken_away": taken}

    def _side(self, wrong: list[str]) -> Leftovers:
        from druid_reindex.clients.leftovers import Leftovers  # noqa: PLC0415  # DAG files are parsed without clients

        conn_id, region = self.boundaries.of(self.classification).aws_conn_id, self.boundaries.region
        protected = self.classification is Classification.PHI
        return Leftovers(
            self.boundaries,
            self.classification,
            cache(partial(connections.emr_client, conn_id, region)),
            cache(partial(connections.s3_client, conn_id, region)),
            lambda why: wrong.append(f"could not read: {why}"),
            cache(partial(connections.druid_client, protected=protected)),
        )

    def _take_away(self, side: Leftovers, left: Iterable[Orphan], wrong: list[str]) -> list[str]:
        taken = []
        for each in left:
            try:
                side.take_away(each, by=f"Airflow's {self.task_id}", now=datetime.now(UTC), log=self.log.info)
                taken.append(str(each))
            except DruidReindexError as error:
                wrong.append(f"could not take away {each}: {error}")
        return taken


def live_runs(ti: Any, runs: Iterable[RunId]) -> frozenset[RunId]:
    """Those of ``runs`` that are queued or running, as Airflow's Execution API says; one that it has lost is not."""
    return frozenset(
        each
        for each in runs
        if ti.get_dr_count(dag_id=each.dag_id, run_ids=[each.dag_run_id], states=[*LIVE_STATES]) > 0
    )


def housekeeping_dags(*, configs: Path) -> dict[str, DAG]:
    """One hourly DAG for each side of the boundary, by its id; ``configs`` is the folder ``emr_configs``.

    Raises ConfigurationError that names file, line and field of ``boundaries.yaml``.
    """
    boundaries = load_boundaries(configs)
    dags = (_dag(boundaries, classification) for classification in Classification)
    return {dag.dag_id: dag for dag in dags}


def _dag(boundaries: Boundaries, classification: Classification) -> DAG:
    with DAG(
        dag_id=f"housekeeping__{classification.value}",
        description=f"Takes away what no live run of {classification.value} pipelines owns.",
        doc_md=_DOCUMENTATION,
        schedule=CronTriggerTimetable(HOURLY, timezone="UTC", run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        params={
            REAP: Param(default=True, type="boolean", description="false lists what is found, and changes nothing")
        },
        tags={"druid-reindex", classification.value},
    ) as dag:
        HousekeepingOperator(task_id="housekeeping", classification=classification, boundaries=boundaries)
    return dag


_DOCUMENTATION = """\
Looks, once an hour, for clusters, leases and working files of this deployment whose run is neither queued nor running,
and for security configurations of the provider's making that no cluster runs under.
It terminates clusters an hour after they were launched, deletes working files 30 days after they were written and
security configurations 30 days after they were made (the next launch makes its own again), and breaks leases that ended
30 days ago. Plans, pages and results stay. Supervisors that such a run has left suspended are resumed at once, when
nothing of the run lives any more. From a shell: `druid-reindex orphans`.
"""
