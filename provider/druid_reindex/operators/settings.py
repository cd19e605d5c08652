"""The settings of a night: a pipeline with what stands in the account's files about it, and how its waits are told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.config_files import load_boundaries, load_shape, profile_names
from druid_reindex.model.jdbc_rules import missing_ca
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.transfer_rules import missing_sql, read_scripts
from druid_reindex.model.yaml_file import read_yaml
from druid_reindex.operators.triggers.journal import WaitJournal
from druid_reindex.operators.triggers.statements import RedshiftStatementTrigger
from druid_reindex.operators.triggers.waits import DruidTaskTrigger, EmrClusterTrigger, EmrStepTrigger
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan.pairing import refuse_pairing

if TYPE_CHECKING:
    from druid_reindex.model.warehouse import Warehouse


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
        settings = cls(pipeline, boundaries, profile, configs, security)
        absent = [*missing_sql(pipeline, settings.sql_folder), *missing_ca(pipeline, boundaries, configs)]
        read_yaml(file).refuse(absent)
        return settings

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
    def sql_folder(self) -> Path:
        """The folder ``sql``, beside ``emr_configs``."""
        return self.configs.parent / "sql"

    @property
    def scripts(self) -> dict[str, str]:
        """The texts of the unloads' SQL, by the file's name."""
        return read_scripts(self.pipeline, self.sql_folder)

    @property
    def druid_conn_id(self) -> str:
        """The Airflow connection to Druid."""
        return self.pipeline.connections.druid or self.boundary.druid_conn_id

    @property
    def aws_conn_id(self) -> str:
        """The Airflow connection to AWS."""
        return self.pipeline.connections.aws or self.boundary.aws_conn_id

    @property
    def warehouse(self) -> Warehouse:
        """The boundary's Redshift. Raises ConfigurationError where it names none."""
        if self.boundary.redshift is not None:
            return self.boundary.redshift
        raise ConfigurationError(
            "find the boundary's Redshift",
            resource="boundaries.yaml",
            came_back=f"no {self.pipeline.classification.value}.redshift",
            remedy="add cluster_identifier or workgroup_name, database and role_arns there",
        )

    @property
    def protected(self) -> bool:
        """Whether the pipeline's data are protected health information."""
        return self.pipeline.classification is Classification.PHI

    def task_wait(self, task_id: str, *, ours: bool = True) -> Wait:
        """The wait for a Druid task to end, which is not stopped with it unless it is ``ours``."""
        return Wait(f"task {task_id}", DruidTaskTrigger, self.druid_arguments | {"task": task_id, "ours": ours})

    def step_wait(self, cluster_id: str, step_id: str) -> Wait:
        """The wait for a step to end."""
        arguments = self.aws_arguments | {"cluster_id": cluster_id, "step_id": step_id}
        return Wait(f"step {step_id}", EmrStepTrigger, arguments)

    def statement_wait(self, statement_id: str) -> Wait:
        """The wait for a batch of statements to end."""
        return Wait(
            f"statement {statement_id}", RedshiftStatementTrigger, self.aws_arguments | {"statement_id": statement_id}
        )

    def cluster_wait(self, cluster_id: str, until: Literal["up", "ended"], *, shared: bool = False) -> Wait:
        """The wait for a cluster to be up, or to have ended; ``shared`` with other runs, it outlives this one."""
        arguments = self.aws_arguments | {"cluster_id": cluster_id, "until": until, "shared": shared}
        return Wait(f"cluster {cluster_id}", EmrClusterTrigger, arguments)

    @property
    def wait_journal(self) -> WaitJournal:
        """Where triggers journal what they ask."""
        boundary, where = self.boundary, (self.aws_conn_id, self.boundaries.region)
        return WaitJournal(*where, boundary.runs_uri, boundary.kms_key_arn, str(self.boundaries.deployment_id))

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
