"""What every operator of a night shares: its settings, its clients, its identity, and how an error ends a try."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.errors import ConfigurationError, DruidReindexError, IntegrityError, NotFoundError, Terminal
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.config_files import load_boundaries, load_shape, profile_names
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.waits import DruidTaskTrigger, EmrClusterTrigger, EmrStepTrigger
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan import document, names
from druid_reindex.plan.night import NightPlan
from druid_reindex.plan.pairing import refuse_pairing
from druid_reindex.plan.security import Needed, needed, needs_certificates

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.druid import DruidClient
    from druid_reindex.model.uri import S3Uri
    from druid_reindex.operators.sharing import Sharing
    from druid_reindex.operators.tenure import Tenure
    from druid_reindex.ports import EmrPort, ObjectStorePort, SecretsPort

PLAN_TASK = "plan"
NIGHT_KEY = "night"
POLL_SECONDS = 10.0
_NIGHT_TEMPLATE = f"{{{{ ti.xcom_pull(task_ids='{PLAN_TASK}', key='{NIGHT_KEY}') | tojson(indent=2) }}}}"


@dataclass(frozen=True, slots=True)
class NightSettings:
    """One pipeline with its boundary's, its cluster profile's and that one's security's values.

    ``configs`` is the folder ``emr_configs``.
    """

    pipeline: Pipeline
    boundaries: Boundaries
    profile: ClusterProfile
    configs: Path
    security: ClusterSecurity | None = None

    @classmethod
    def read(cls, file: Path, *, configs: Path) -> NightSettings:
        """The settings of the pipeline in ``file``. Raises ConfigurationError that names file, line and field."""
        boundaries = load_boundaries(configs)
        pipeline = load_pipeline(file, boundaries)
        profile, security = load_shape(configs, pipeline.cluster.profile)
        refuse_pairing(pipeline, boundaries, profile, security, file=file)
        return cls(pipeline, boundaries, profile, configs, security)

    def on_profile(self, name: str) -> NightSettings:
        """The same pipeline on the cluster profile ``name``.

        Raises ConfigurationError that names those there are, or what does not go together with this one.
        """
        if name == self.profile.name:
            return self
        profile, security = load_shape(self.configs, name)
        refuse_pairing(self.pipeline, self.boundaries, profile, security)
        return replace(self, profile=profile, security=security)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The cluster profiles that a run may ask for: those that go together with the pipeline."""
        return tuple(name for name in profile_names(self.configs) if self._goes_with(name))

    def _goes_with(self, name: str) -> bool:
        try:
            self.on_profile(name)
        except ConfigurationError:
            return False  # whoever names it in a pipeline's file is told why
        return True

    @property
    def boundary(self) -> Boundary:
        """The pipeline's side of the boundary between protected and general data."""
        return self.boundaries.of(self.pipeline.classification)

    @property
    def druid_conn_id(self) -> str:
        """The Airflow connection to Druid."""
        return self.pipeline.connections.druid or self.boundary.druid_conn_id

    @property
    def aws_conn_id(self) -> str:
        """The Airflow connection to AWS."""
        return self.pipeline.connections.aws or self.boundary.aws_conn_id

    @property
    def protected(self) -> bool:
        """Whether the pipeline's data are protected health information."""
        return self.pipeline.classification is Classification.PHI

    def task_wait(self, task_id: str) -> Wait:
        """The wait for a Druid task to end."""
        return Wait(f"task {task_id}", DruidTaskTrigger, self.druid_arguments | {"task": task_id})

    def step_wait(self, cluster_id: str, step_id: str) -> Wait:
        """The wait for a step to end."""
        arguments = self.aws_arguments | {"cluster_id": cluster_id, "step_id": step_id}
        return Wait(f"step {step_id}", EmrStepTrigger, arguments)

    def cluster_wait(self, cluster_id: str, until: Literal["up", "ended"], *, shared: bool = False) -> Wait:
        """The wait for a cluster to be up, or to have ended; ``shared`` with other runs, it outlives this one."""
        arguments = self.aws_arguments | {"cluster_id": cluster_id, "until": until, "shared": shared}
        return Wait(f"cluster {cluster_id}", EmrClusterTrigger, arguments)

    @property
    def druid_arguments(self) -> dict[str, Any]:
        """Where a trigger asks Druid."""
        return {"conn_id": self.druid_conn_id, "protected": self.protected}

    @property
    def aws_arguments(self) -> dict[str, str]:
        """Where a trigger asks AWS."""
        return {"conn_id": self.aws_conn_id, "region": self.boundaries.region}

    def refuse_general_dag(self, tags: set[str], task_id: str) -> None:
        """Raise ConfigurationError when a protected pipeline's task is put into a DAG that is tagged as general."""
        if self.protected and Classification.GENERAL.value in tags:
            raise ConfigurationError(
                "parse a DAG",
                resource=f"task {task_id}",
                came_back=f"{self.pipeline.datasource} is protected health information, and the DAG is tagged general",
                remedy="tag the DAG phi, or move the task into a DAG of its own",
            )


class NightOperator(BaseOperator):
    """One task of a night. Subclasses say what it does in ``carry_out``; errors of our tree decide about retries.

    ``carry_out`` finds before it makes, so it may be called any number of times: by a retry, by a cleared task, and
    each time that a wait has ended, since a wait gives the worker slot away and the task begins anew.

    ``night`` shows, among Airflow's rendered templates, what ``plan`` told: identifiers, counts and addresses alone.

    :param settings: the pipeline, its boundary and its cluster profile
    :param poll_seconds: time between two looks at what is waited for
    """

    template_fields: Sequence[str] = ("night",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"night": "json"}

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
        self._tenure: Tenure | None = None
        if self.has_dag():  # type: ignore[no-untyped-call]
            settings.refuse_general_dag(set(self.dag.tags), self.task_id)

    def execute(self, context: Context, waited_for: str | None = None) -> Any:
        """What ``carry_out`` returns. A Terminal error fails the task for good, a Transient one is for its retries."""
        self.waiting = Waiting(self._defer, self._deadline(context), self.log.info, resumed=waited_for)
        try:
            return self.carry_out(context)
        except DruidReindexError as error:
            from druid_reindex.evidence.night_state import WHY_KEY  # noqa: PLC0415

            context["ti"].xcom_push(WHY_KEY, str(error))
            raise as_airflow(error) from error

    def resume(self, context: Context, event: dict[str, Any]) -> Any:
        """Begin anew after a wait; the event says why it ended, and the task looks for itself."""
        self.log.info("%s", event["why"])
        return self.execute(context, waited_for=event["item"])

    def carry_out(self, context: Context) -> Any:
        """The task's work; returns ids, digests, counts and URIs only."""
        raise NotImplementedError(type(self).__name__)

    @cached_property
    def druid(self) -> DruidClient:
        """Druid, by the pipeline's connection."""
        return connections.druid_client(self.settings.druid_conn_id, protected=self.settings.protected)

    @cached_property
    def emr(self) -> EmrPort:
        """EMR, by the pipeline's connection."""
        return connections.emr_client(self.settings.aws_conn_id, self.settings.boundaries.region)

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
        deadline, lease = self.waiting.deadline.isoformat(), self._tenure.held.arguments() if self._tenure else None
        self.defer(
            trigger=wait.trigger(poll_seconds=self.poll_seconds, deadline=deadline, lease=lease, **wait.arguments),
            method_name=self.resume.__name__,
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
        """See to it that nothing of the run lives on Druid or EMR, and wait until that is so."""
        from druid_reindex.clients.run_end import Services, end_run  # noqa: PLC0415

        services = Services(self.druid, self.emr, self.store, self.settings.boundary, self.log.info)
        alive = end_run(self.settings.pipeline.datasource, run_id, services)
        waits = [
            *map(self.settings.task_wait, alive.task_ids),
            *(self.settings.step_wait(*step) for step in alive.steps),
            *(self.settings.cluster_wait(cluster_id, "ended") for cluster_id in alive.cluster_ids),
        ]
        if waits:
            self.waiting.until(lambda: f"{alive} of run {run_id.dag_run_id} to end", lambda _: False, waits[0])

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
        """The run in the group whose cluster it uses; None where it uses its own, as on another profile."""
        shares = self.asked_settings(context).profile.name == self.settings.profile.name
        return self.group(context) if shares else None

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
