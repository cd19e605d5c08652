"""Which night a command is about, and the clients that the environment names for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from druid_reindex.cli.pipeline_init import druid_config
from druid_reindex.clients.airflow import AirflowApi, AirflowConfig, DagRun
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.night_facts import Sources, Subject
from druid_reindex.errors import ConfigurationError, ConflictError, NotFoundError
from druid_reindex.evidence.night_state import MISSING_RUN
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.prices import load_prices
from druid_reindex.model.warehouse import Warehouse
from druid_reindex.ports import EmrPort, RedshiftPort

if TYPE_CHECKING:
    from druid_reindex.clients.s3 import S3Client

RunArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, or a pipeline for its latest run: datasource, file or DAG id.")
]
DagIdOption: TypeAlias = Annotated[
    str | None, typer.Option("--dag-id", help="The run's DAG, when more than one pipeline has a run of that id.")
]
PipelinesOption: TypeAlias = Annotated[
    Path, typer.Option("--pipelines", help="The folder of the pipeline files.", file_okay=False)
]
ConfigsOption: TypeAlias = Annotated[Path, typer.Option("--configs", help="The folder emr_configs.", file_okay=False)]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document for a program.")]
PIPELINES = Path("dags/pipelines")
CONFIGS = Path("emr_configs")
AWS_ATTEMPTS = 3  # a person is waiting, and may ask again


@dataclass(frozen=True)
class Desk:
    """The pipelines and configurations that a command works with."""

    pipelines: Path
    configs: Path

    @cached_property
    def boundaries(self) -> Boundaries:
        """The deployment's boundaries."""
        return load_boundaries(self.configs)

    @cached_property
    def by_name(self) -> Mapping[str, Pipeline]:
        """Each readable pipeline by the names that people call it: its datasource, its DAG's id, its file."""
        found: dict[str, Pipeline] = {}
        for file in sorted(self.pipelines.glob("*.yaml")):
            try:
                pipeline = load_pipeline(file, self.boundaries)
            except ConfigurationError:
                continue  # `pipeline check` tells what is wrong with it; the nights of the others are told all the same
            names = (pipeline.datasource, pipeline.dag_id, file.stem, file.name, str(file))
            found |= dict.fromkeys(names, pipeline)
        return found

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of that name. Raises NotFoundError that says which there are."""
        known = self.by_name
        if name in known:
            return known[name]
        there = ", ".join(sorted({pipeline.datasource for pipeline in known.values()})) or "none that can be read"
        raise NotFoundError(
            "find a pipeline",
            resource=f"{name} in {self.pipelines}",
            came_back=f"the pipelines there: {there}",
            remedy="name one of these, or their folder with --pipelines; `druid-reindex pipeline check` reads a file",
        )

    @property
    def protected(self) -> bool:
        """Whether any of the pipelines is about protected health information."""
        return any(pipeline.classification is Classification.PHI for pipeline in self.by_name.values())

    def boundary(self, pipeline: Pipeline) -> Boundary:
        """The pipeline's side of the boundary."""
        return self.boundaries.of(pipeline.classification)

    def subject(self, run: DagRun, profile: str | None = None) -> Subject:
        """The run with what its nights are made from; ``profile`` is the one that it asked for."""
        pipeline = self.pipeline(run.dag_id)
        identity = RunId.of(self.boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id)
        shape = load_profile(self.configs, profile or pipeline.cluster.profile)
        return Subject(identity, pipeline, self.boundary(pipeline), shape, load_prices(self.configs))

    def find_run(self, api: AirflowApi, run: str, dag_id: str | None) -> DagRun:
        """The run of that id, or the latest one of the pipeline of that name; state ``missing`` when it is gone.

        Raises NotFoundError when no pipeline has it, ConflictError when several do.
        """
        if dag_id is not None:
            known = api.run(self.pipeline(dag_id).dag_id, run)
            return known or DagRun(self.pipeline(dag_id).dag_id, run, MISSING_RUN)
        if run in self.by_name:
            return self._latest(api, self.by_name[run])
        dag_ids = sorted({pipeline.dag_id for pipeline in self.by_name.values()})
        found = [each for each in (api.run(one, run) for one in dag_ids) if each is not None]
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFoundError(
                "find a run", resource=run, came_back=f"neither a run of {', '.join(dag_ids) or 'any DAG'} nor a "
                f"pipeline in {self.pipelines}",
                remedy="take the run's id from Airflow's UI, or name the pipeline; quote an id that has a +",
            )  # fmt: skip
        raise ConflictError(
            "find a run", resource=run, came_back=f"{', '.join(each.dag_id for each in found)} have a run of that id",
            remedy="say which with --dag-id",
        )  # fmt: skip

    def _latest(self, api: AirflowApi, pipeline: Pipeline) -> DagRun:
        latest = api.latest_run(pipeline.dag_id)
        if latest is None:
            raise NotFoundError(
                "find the latest run", resource=f"DAG {pipeline.dag_id}", came_back="it has never run",
                remedy="trigger it in Airflow's UI, or wait for its hour",
            )  # fmt: skip
        return latest

    @contextmanager
    def sources(self) -> Iterator[Sources]:
        """Yield Druid, EMR, S3 and Redshift as the environment names them; none is reached before it is asked."""
        opened = _Opened(self.boundaries.region, protected=self.protected)
        try:
            yield Sources(
                lambda: opened.druid, lambda: opened.emr, lambda: opened.store, opened.redshift, lambda: opened.store
            )
        finally:
            opened.close()


def airflow_api() -> AirflowApi:
    """Airflow as AIRFLOW_URL and its siblings name it. Raises ConfigurationError that says which are missing."""
    url, ca_file = os.environ.get("AIRFLOW_URL"), os.environ.get("AIRFLOW_CA_FILE")
    if not url:
        raise ConfigurationError(
            "find Airflow",
            resource="the environment",
            came_back="AIRFLOW_URL not set",
            remedy="set it to the api-server's http(s)://host:port, with AIRFLOW_TOKEN, or AIRFLOW_USER and "
            'AIRFLOW_PASSWORD; the sandbox\'s come from `eval "$(druid-reindex sandbox env)"`',
        )
    return AirflowApi(AirflowConfig(
        url,
        user=os.environ.get("AIRFLOW_USER", ""),
        password=os.environ.get("AIRFLOW_PASSWORD", ""),
        token=os.environ.get("AIRFLOW_TOKEN", ""),
        ca_file=Path(ca_file) if ca_file else None,
    ))  # fmt: skip


class _Opened:
    """The clients that were asked for; boto3 is imported only then, because that takes a while."""

    def __init__(self, region: str, *, protected: bool) -> None:
        self._region = region
        self._protected = protected

    @cached_property
    def druid(self) -> DruidClient:
        """Druid by the environment."""
        return DruidClient(druid_config(protected=self._protected))

    @cached_property
    def emr(self) -> EmrPort:
        """EMR by boto3's chain."""
        from druid_reindex.clients.emr import EmrClient  # noqa: PLC0415
        from druid_reindex.clients.session import build_session  # noqa: PLC0415

        return EmrClient(build_session(region=self._region), attempts=AWS_ATTEMPTS)

    @cached_property
    def store(self) -> S3Client:
        """S3 by boto3's chain."""
        from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415
        from druid_reindex.clients.session import build_session  # noqa: PLC0415

        return S3Client(build_session(region=self._region), attempts=AWS_ATTEMPTS)

    def redshift(self, warehouse: Warehouse) -> RedshiftPort:
        """Redshift by boto3's chain."""
        from druid_reindex.clients.redshift import RedshiftClient  # noqa: PLC0415
        from druid_reindex.clients.session import build_session  # noqa: PLC0415

        return RedshiftClient(build_session(region=self._region), warehouse, attempts=AWS_ATTEMPTS)

    def close(self) -> None:
        """Close Druid's connections, if there are any."""
        if "druid" in self.__dict__:
            self.druid.__exit__(None, None, None)
