"""What every operator of a night shares: its settings, its clients, its identity, and how an error ends a try."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.errors import DruidReindexError, IntegrityError, NotFoundError, Terminal
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.attempt import NOT_MAPPED, Attempt
from druid_reindex.model.identity import RunId, digest
from druid_reindex.operators import connections, links
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.operators.lineage import named, told
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan import document, names
from druid_reindex.plan.night import NightPlan
from druid_reindex.plan.security import Needed, needed, needs_certificates

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from druid_reindex.clients.druid import DruidClient
    from druid_reindex.model.uri import S3Uri
    from druid_reindex.operators.sharing import Sharing
    from druid_reindex.operators.tenure import Tenure
    from druid_reindex.ports import EmrPort, ExpectationsPort, ObjectStorePort, RedshiftPort, SecretsPort

PLAN_TASK = "plan"
NIGHT_KEY = "night"
CALLS_KEY = "outside_calls"
POLL_SECONDS = 10.0
_NIGHT_TEMPLATE = f"{{{{ ti.xcom_pull(task_ids='{PLAN_TASK}', key='{NIGHT_KEY}') | tojson(indent=2) }}}}"


class NightOperator(BaseOperator):
    """One task of a night. Subclasses say what it does in ``carry_out``; errors of our tree decide about retries.

    ``carry_out`` finds before it makes, so it may be called any number of times: by a retry, by a cleared task, and
    each time that a wait has ended, since a wait gives the worker slot away and the task begins anew.

    ``night`` shows, among Airflow's rendered templates, what ``plan`` told: identifiers, counts and addresses alone.

    :param settings: the pipeline, its boundary and its cluster profile
    :param poll_seconds: time between two looks at what is waited for
    """

    operator_extra_links: Collection[BaseOperatorLink] = links.NIGHT_LINKS
    template_fields: Sequence[str] = ("night",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"night": "json"}
    reads_sources: bool = False
    """Whether all that it does is to fetch what chunks are built from, which a purge does not read."""

    def __init__(self, *, settings: NightSettings, poll_seconds: float = POLL_SECONDS, **kwargs: Any) -> None:
        kwargs.setdefault("pool", settings.boundary.pool)
        kwargs.setdefault("queue", settings.boundary.queue)
        kwargs.setdefault("retries", settings.pipeline.policy.retries)
        kwargs.setdefault("doc_md", task_docs(type(self)))
        super().__init__(**kwargs)
        self.settings = settings
        self.poll_seconds = poll_seconds
        self.night = _NIGHT_TEMPLATE
        self.waiting: Waiting
        self.returned: Any = None
        self.told_run_id = ""
        self._tenure: Tenure | None = None
        self._asked: Mapping[str, int] = {}
        if self.has_dag():  # type: ignore[no-untyped-call]
            settings.refuse_general_dag(set(self.dag.tags), self.task_id)

    def execute(
        self, context: Context, waited_for: str | None = None, asked_before: Mapping[str, int] | None = None
    ) -> Any:
        """What ``carry_out`` returns. A Terminal error fails the task for good, a Transient one is for its retries.

        How many requests the try made, by service, is told in its end, also where it fails; each one is journalled.
        """
        from druid_reindex.clients.calls import counted  # noqa: PLC0415

        self.waiting = Waiting(self._defer, self._deadline(context), self.log.info, resumed=waited_for)
        self.told_run_id = str(self.run_identity(context))
        with self._journal(context), counted(asked_before) as self._asked:
            try:
                return self._carried_out(context)
            except DruidReindexError as error:
                from druid_reindex.evidence.night_state import WHY_KEY  # noqa: PLC0415

                context["ti"].xcom_push(WHY_KEY, str(error))
                raise as_airflow(error) from error

    def _carried_out(self, context: Context) -> Any:
        try:
            idle = self.reads_sources and planned(context).get("purge")
            self.returned = {} if idle else self.carry_out(context)
        except Exception:
            self._tell_calls(context)
            raise
        self._tell_calls(context)
        links.tell_datasets(context, named(self))
        return self.returned

    def _tell_calls(self, context: Context) -> None:
        if self._asked:
            context["ti"].xcom_push(CALLS_KEY, dict(sorted(self._asked.items())))

    def resume(self, context: Context, event: dict[str, Any], asked_before: Mapping[str, int] | None = None) -> Any:
        """Begin anew after a wait; the event says why it ended, and the task looks for itself."""
        self.log.info("%s", event["why"])
        return self.execute(context, waited_for=event["item"], asked_before=asked_before)

    def carry_out(self, context: Context) -> Any:
        """The task's work; returns ids, digests, counts and URIs only."""
        raise NotImplementedError(type(self).__name__)

    def lineage(self) -> Lineage:
        """The datasets that the task reads and writes, as far as this process knows; none where it moves no data."""
        return Lineage()

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """What Airflow's OpenLineage provider sends when the task begins, and again when it goes on after a wait."""
        return told(self)

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """What it sends when the task has succeeded."""
        return told(self)

    def get_openlineage_facets_on_failure(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """What it sends when a try has failed."""
        return told(self)

    @cached_property
    def druid(self) -> DruidClient:
        """Druid, by the pipeline's connection."""
        return connections.druid_client(self.settings.druid_conn_id, protected=self.settings.protected)

    @cached_property
    def expectations(self) -> ExpectationsPort:
        """Great Expectations over Druid, by the pipeline's connection."""
        return connections.expectations_client(self.settings.druid_conn_id, protected=self.settings.protected)

    @cached_property
    def emr(self) -> EmrPort:
        """EMR, by the pipeline's connection."""
        return connections.emr_client(self.settings.aws_conn_id, self.settings.boundaries.region)

    @cached_property
    def redshift(self) -> RedshiftPort:
        """The boundary's Redshift, by the pipeline's connection."""
        settings = self.settings
        return connections.redshift_client(settings.aws_conn_id, settings.boundaries.region, settings.warehouse)

    @cached_property
    def vault(self) -> SecretsPort:
        """Secrets Manager, by the pipeline's connection."""
        return connections.secrets_client(self.settings.aws_conn_id, self.settings.boundaries.region)

    @cached_property
    def store(self) -> ObjectStorePort:
        """S3, by the pipeline's connection."""
        return connections.s3_client(self.settings.aws_conn_id, self.settings.boundaries.region)

    def _deadline(self, context: Context) -> datetime:
        """When this try gives up waiting; deferring does not move it, for Airflow keeps a deferred try's start."""
        started = context["ti"].start_date or datetime.now(UTC)
        return started + timedelta(hours=self.settings.pipeline.policy.max_night_hours)

    def _defer(self, wait: Wait) -> NoReturn:
        deadline = wait.deadline(self.waiting.deadline).isoformat()
        lease = self._tenure.held.arguments() if self._tenure else None
        self.defer(
            trigger=wait.trigger(
                poll_seconds=self.poll_seconds,
                deadline=deadline,
                lease=lease,
                journal=self.settings.wait_journal.arguments(),
                **wait.arguments,
            ),
            method_name=self.resume.__name__,
            kwargs={"asked_before": dict(self._asked)},
        )

    def tenure(self, context: Context, fence: int | None = None) -> Tenure:
        """The run as the owner of its datasource, planned under ``fence``."""
        from druid_reindex.operators.tenure import Tenure  # noqa: PLC0415

        return Tenure.of(self.settings, self.store, self.run_identity(context), fence)

    def hold(self, context: Context) -> None:
        """Hold the datasource's lease from here to the task's end, also while it waits.

        Raises FencedOutError when another run has had it since this one was planned.
        """
        tenure = self.tenure(context, planned_night(context)["fence"])
        tenure.keeper.hold()
        self._tenure = tenure

    def take(self, context: Context) -> int:
        """The fence of the lease, once it is this run's and nothing of its earlier owners lives any more."""
        tenure = self.tenure(context)
        lease = self.waiting.until(tenure.keeper.hold, lambda _: True, tenure.until_free)
        self._tenure = tenure
        for earlier in lease.displaced:
            self.end(earlier.run)
        return tenure.keeper.settled().fence

    def require(self) -> None:
        """Go on: the lease is still this run's. Raises FencedOutError; called before each outside write."""
        if self._tenure is not None:
            self._tenure.keeper.require()

    def end(self, run_id: RunId) -> None:
        """See to it that nothing of the run lives on Druid, EMR or Redshift, and wait until that is so."""
        from druid_reindex.clients.run_end import Services, end_run  # noqa: PLC0415

        redshift = self.redshift if self.settings.pipeline.moves_tables else None
        services = Services(self.druid, self.emr, self.store, self.settings.boundary, self.log.info, redshift)
        alive = end_run(self.settings.pipeline.datasource, run_id, services)
        waits = [
            *map(self.settings.task_wait, alive.task_ids),
            *(self.settings.step_wait(*step) for step in alive.steps),
            *(self.settings.cluster_wait(cluster_id, "ended") for cluster_id in alive.cluster_ids),
            *map(self.settings.statement_wait, alive.statement_ids),
        ]
        if waits:
            self.waiting.until(lambda: f"{alive} of run {run_id.dag_run_id} to end", lambda _: False, waits[0])

    def _journal(self, context: Context) -> AbstractContextManager[None]:
        """The journal of the try until the block ends, which is put into the run's prefix then."""
        settings, ti = self.settings, context["ti"]
        index = NOT_MAPPED if ti.map_index is None else ti.map_index
        run_id, datasource = self.run_identity(context), settings.pipeline.datasource
        attempt = Attempt(run_id, self.task_id, index, ti.try_number, datasource)
        return journalling(Keeping.of(settings.boundary), attempt, lambda: self.store, self.log.warning)

    def run_identity(self, context: Context) -> RunId:
        """The identity of the DagRun, equal for all its tasks and tries."""
        run = context["dag_run"]
        return RunId.of(self.settings.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)

    def asked_settings(self, context: Context) -> NightSettings:
        """The settings on the cluster profile that the run asked for."""
        return self.settings.on_profile(planned_night(context)["profile"])

    def configuration(self, context: Context, settings: NightSettings) -> Needed | None:
        """The security configuration of the run's clusters on ``settings``' profile; None where that names none.

        Its certificates are those of the period in which the run began, made when nobody has made them.
        """
        if settings.security is None:
            return None
        zip_uri = self._certificates(context, settings) if needs_certificates(settings.security) else None
        return needed(settings.security, settings.boundary, zip_uri)

    def _certificates(self, context: Context, settings: NightSettings) -> S3Uri:
        from druid_reindex.clients.certificates import Certificates  # noqa: PLC0415

        kind, began = settings.pipeline.classification, context["dag_run"].start_date or datetime.now(UTC)
        certificates = Certificates(settings.boundaries, kind, self.store, self.vault)
        return certificates.zip_uri(settings.profile.name, began)

    def group(self, context: Context) -> Sharing | None:
        """The run in its pipeline's group of clusters; None for a pipeline that names none."""
        from druid_reindex.operators.sharing import Sharing  # noqa: PLC0415

        return Sharing.of(self.settings, self.store, self.emr, self.run_identity(context), self.log.info)

    def sharing(self, context: Context) -> Sharing | None:
        """The run in the group whose cluster it uses; None where it uses its own: on another profile, for a purge."""
        shares = self.asked_settings(context).profile.name == self.settings.profile.name
        return self.group(context) if shares and not planned_night(context).get("purge") else None

    def stored_plan(self, context: Context) -> NightPlan:
        """The run's plan. Raises IntegrityError when its bytes are not those that ``plan`` stored."""
        uri = names.plan_uri(self.settings.boundary, self.run_identity(context))
        body = self.store.get(uri)
        expected = planned_night(context)["plan_sha256"]
        if digest(body) != expected:
            raise IntegrityError(
                "read the night's plan",
                resource=str(uri),
                came_back=f"SHA-256 {digest(body)}, where {expected} was stored",
                remedy="find out in S3's versions and CloudTrail who wrote it, then clear the whole run",
            )
        return document.from_json(body)

    def put_record(self, context: Context, uri: S3Uri, record: dict[str, Any]) -> None:
        """Store what was found under the run's present plan, whose digest the record carries."""
        self.require()
        self.put_json(uri, record | {"plan_sha256": planned(context)["plan_sha256"]})

    def get_record(self, context: Context, uri: S3Uri) -> dict[str, Any] | None:
        """The record at ``uri``; None when there is none, or when it is of a plan that the cleared run had before."""
        record: dict[str, Any] | None = self.get_json(uri)
        return record if record and record["plan_sha256"] == planned(context)["plan_sha256"] else None

    def put_json(self, uri: S3Uri, value: object) -> None:
        """Store ``value`` as canonical JSON under the boundary's key."""
        self.store.put(uri, document.canonical(value), kms_key_arn=self.settings.boundary.kms_key_arn)

    def get_json(self, uri: S3Uri) -> Any:
        """The JSON at ``uri``; None when there is no object."""
        return json.loads(self.store.get(uri)) if self.store.exists(uri) else None


def planned(context: Context) -> dict[str, Any]:
    """What ``plan`` told of the night; empty when it did not come to that."""
    return context["ti"].xcom_pull(task_ids=PLAN_TASK, key=NIGHT_KEY) or {}


def planned_night(context: Context) -> dict[str, Any]:
    """What ``plan`` told of the night. Raises NotFoundError when it told nothing (marked a success by hand)."""
    night = planned(context)
    if not night:
        raise NotFoundError(
            "read what the night's plan told",
            resource=f"XCom {NIGHT_KEY} of task {PLAN_TASK}",
            came_back="nothing, although the task counts as a success",
            remedy=f"clear {PLAN_TASK} with its downstream tasks, so that the night is planned",
        )
    return night


def task_docs(kind: type[BaseOperator]) -> str:
    """What Airflow shows of a task: its class's own words, without the parameters."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n:param")[0].strip()


def as_airflow(error: DruidReindexError) -> AirflowException:
    """Airflow's exception for ``error``: AirflowFailException (no retry) when it is Terminal."""
    return AirflowFailException(str(error)) if isinstance(error, Terminal) else AirflowException(str(error))
