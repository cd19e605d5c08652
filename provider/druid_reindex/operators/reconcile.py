"""The DAGs that lay nights beside CloudTrail until nothing is pending, one for each side of the boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.errors import ConfigurationError, DruidReindexError, NotFoundError
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.callbacks import NIGHT_STATE, notify
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.operators.lineage import looked_at, tell_trail

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context
    from airflow.sdk.definitions.callback import SyncCallback

    from druid_reindex.clients.evidence_folders import EvidenceFolder
    from druid_reindex.clients.reconciling import Looked, Reconciling

EVERY_HALF_HOUR = "7,37 * * * *"
# Everything is told a day after a run's last call at the latest; the rest is for a deployment that stood still.
NEWEST = timedelta(days=7)


class ReconcileOperator(BaseOperator):
    """Lays each run whose newest pack waits for CloudTrail beside what has been delivered, and adds a supplement.

    A supplement is written only where something new is known. What a person must look at fails the task once, when a
    supplement tells it first, after all runs were looked at; so does a run that could not be looked at, each time.
    Returns ``supplements`` (their addresses) and ``pending`` (the runs that wait).

    :param classification: the side of the boundary, whose connection, pool and queue are used
    :param boundaries: the deployment's boundaries
    :param actors: the declared actors of each of the side's datasources
    """

    def __init__(
        self,
        *,
        classification: Classification,
        boundaries: Boundaries,
        actors: Mapping[str, Sequence[DeclaredActor]],
        **kwargs: Any,
    ) -> None:
        boundary = boundaries.of(classification)
        kwargs.setdefault("pool", boundary.pool)
        kwargs.setdefault("queue", boundary.queue)
        super().__init__(**kwargs)
        self.boundaries = boundaries
        self.boundary = boundary
        self.actors = actors
        self._looked: list[Looked] = []

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Look at each open run; raises AirflowFailException for what a person must look at."""
        run, ti = context["dag_run"], context["ti"]
        run_id = RunId.of(self.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
        store = partial(connections.s3_client, self.boundary.aws_conn_id, self.boundaries.region)
        attempt = Attempt(run_id, self.task_id, try_number=ti.try_number)
        with journalling(Keeping.of(self.boundary), attempt, store, self.log.warning):
            return self._reconcile(datetime.now(UTC))

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """What Airflow's OpenLineage provider sends when the task begins: nothing has been looked at."""
        return looked_at(self._looked)

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """What it sends when the task has succeeded: the datasources whose nights were looked at."""
        return looked_at(self._looked)

    def get_openlineage_facets_on_failure(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """What it sends when a try has failed: the same."""
        return looked_at(self._looked)

    def _reconcile(self, now: datetime) -> dict[str, list[str]]:
        looking = self._looking()
        found, unread = self._looked, list[str]()
        found.clear()
        for folder in self._open(looking, now):
            try:
                found.append(looking.look(folder, now))
                self.log.info("%s: %s", folder.where, _told(found[-1]))
                tell_trail(found[-1], now)
            except DruidReindexError as error:
                unread.append(str(error))
        news = [each for each in found if each.kept.is_new and each.alert]
        if news:
            raise AirflowFailException("; ".join([*map(_told, news), *unread]))
        if unread:
            raise AirflowException("; ".join(unread))
        return {
            "supplements": [str(each.kept.uri) for each in found if each.kept.is_new],
            "pending": [each.run.run for each in found if each.is_pending],
        }

    def _open(self, looking: Reconciling, now: datetime) -> Iterator[EvidenceFolder]:
        from druid_reindex.clients.evidence_folders import PACKS, s3_folders  # noqa: PLC0415

        try:
            folders = s3_folders(looking.store, S3Uri.parse(looking.place.uri) / PACKS)
        except NotFoundError:
            self.log.info("no night has left a pack yet")
            return
        yield from (each for each in folders if now - each.modified_at < NEWEST and looking.is_due(each))

    def _looking(self) -> Reconciling:
        from druid_reindex.clients.reconciling import Reconciling, instance_ids  # noqa: PLC0415

        conn_id, region, place = self.boundary.aws_conn_id, self.boundaries.region, self._place()
        return Reconciling(
            boundary=self.boundary,
            place=place,
            store=connections.locked_store(conn_id, region),
            signer=connections.signer(conn_id, region, place.signing_key_arn),
            trail=connections.trail(conn_id, region),
            actors=lambda datasource: self.actors.get(datasource, ()),
            instances=lambda cluster: instance_ids(connections.cluster_survey(conn_id, region), cluster),
            logs=connections.log_files(conn_id, region),
        )

    def _place(self) -> EvidencePlace:
        if self.boundary.evidence is None:
            raise ConfigurationError(
                "reconcile nights with CloudTrail",
                resource="emr_configs/boundaries.yaml, evidence",
                came_back="null",
                remedy="name the bucket, its key and the signing key",
            )
        return self.boundary.evidence


def evidence_dags(folder: Path, *, configs: Path, notifiers: Sequence[SyncCallback] = ()) -> dict[str, DAG]:
    """One DAG for each side of the boundary that keeps evidence, by its id; ``folder`` has the pipelines.

    ``notifiers`` are told what a person must look at, as those of ``reindex_dags`` are of a failed night. A pipeline's
    file that is wrong is left out: the DAG file of its nights says what is wrong with it.
    Raises ConfigurationError that names file, line and field of ``boundaries.yaml``.
    """
    boundaries = load_boundaries(configs)
    actors = declared_actors(folder, boundaries)
    kept = [side for side in Classification if boundaries.of(side).evidence is not None]
    dags = [_dag(boundaries, side, actors, notifiers) for side in kept]
    return {dag.dag_id: dag for dag in dags}


def declared_actors(folder: Path, boundaries: Boundaries) -> dict[str, Sequence[DeclaredActor]]:
    """The declared actors of each pipeline in ``folder`` whose file can be read, by datasource."""
    found: dict[str, Sequence[DeclaredActor]] = {}
    for file in sorted(folder.glob("*.yaml")):
        try:
            pipeline = load_pipeline(file, boundaries)
        except ConfigurationError:
            continue
        found[pipeline.datasource] = pipeline.declared_actors
    return found


def tell_findings(context: Context) -> None:
    """Put what the task has raised where a notifier's template reads it."""
    context[NIGHT_STATE] = str(context.get("exception"))  # type: ignore[literal-required]  # a notifier's template


def _dag(
    boundaries: Boundaries,
    side: Classification,
    actors: Mapping[str, Sequence[DeclaredActor]],
    notifiers: Iterable[SyncCallback],
) -> DAG:
    told: list[Callable[[Any], None]] = [tell_findings, *(partial(notify, notifier=n.serialize()) for n in notifiers)]
    with DAG(
        dag_id=f"evidence__{side.value}",
        description=f"Lays nights of {side.value} pipelines beside CloudTrail until nothing is pending.",
        doc_md=_DOCUMENTATION,
        schedule=CronTriggerTimetable(EVERY_HALF_HOUR, timezone="UTC", run_immediately=timedelta(0)),
        catchup=False,
        max_active_runs=1,
        tags={"druid-reindex", side.value},
    ) as dag:
        ReconcileOperator(
            task_id="reconcile", classification=side, boundaries=boundaries, actors=actors, on_failure_callback=told
        )
    return dag


def _told(looked: Looked) -> str:
    """The run, and what was found, in a line."""
    waits = ", waits for records that are to come" if looked.is_pending else ""
    return f"{looked.run.datasource} {looked.run.dag_run_id}: {looked.alert} to look at{waits} ({looked.kept.uri})"


_DOCUMENTATION = """\
Every half hour, for each night of the last week whose pack waits for CloudTrail, or of whose journal more has come:
what the night wrote down of its own calls is laid beside the files that CloudTrail has delivered, both ways, and a
signed supplement is added where something new is known, until nothing is pending; with it what HDFS, the KDC, Druid and
Redshift wrote down, where that is kept. A run of this DAG is red when a supplement tells something that a person must
look at for the first time: read it with `druid-reindex evidence report`. From a shell: `druid-reindex evidence
reconcile`.
"""
