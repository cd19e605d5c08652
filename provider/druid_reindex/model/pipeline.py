"""A pipeline: everything a person decides about one datasource's nights, in one frozen value."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from druid_reindex.model.interval import Granularity
from druid_reindex.model.uri import S3Uri


class Classification(StrEnum):
    """Whether a pipeline's data is protected health information."""

    PHI = "phi"
    GENERAL = "general"


class Engine(StrEnum):
    """What rebuilds the segments."""

    HADOOP = "hadoop"
    NATIVE = "native"
    MSQ = "msq"


class Submission(StrEnum):
    """How a Hadoop reindex is submitted: Druid's Overlord, or Druid's CLI indexer as a step of the cluster."""

    OVERLORD = "overlord"
    EMR_STEP = "emr_step"


class Frozen(BaseModel):
    """A frozen model that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Frozen):
    """When the night starts: a cron expression in a named timezone, or never by itself (``cron: null``)."""

    cron: str | None = "30 2 * * *"
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("write an IANA timezone such as America/New_York") from unknown
        return name


class Dimension(Frozen):
    """One dimension of Druid's ``dimensionsSpec``; a bare name in the file is a string dimension."""

    name: Annotated[str, Field(min_length=1)]
    type: Literal["string", "long", "float", "double"] = "string"


class Metric(BaseModel):
    """One aggregator of Druid's ``metricsSpec``, in Druid's own field names (``fieldName``, ``k``, …)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]


class GranularitySpec(Frozen):
    """Druid's ``granularitySpec``: the time chunk's size, the truncation of timestamps, and roll-up."""

    segment: Granularity = Granularity.DAY
    query: Literal["NONE", "SECOND", "MINUTE", "FIFTEEN_MINUTE", "THIRTY_MINUTE", "HOUR", "DAY"] = "NONE"
    rollup: bool = False


class Partitioning(Frozen):
    """How big the segments of a rebuilt chunk should be, and what they are hashed by (empty: all dimensions)."""

    target_rows_per_segment: Annotated[int, Field(ge=1_000, le=50_000_000)] = 5_000_000
    target_segment_bytes: Annotated[int, Field(ge=1_000_000, le=5_000_000_000)] = 500_000_000
    partition_dimensions: tuple[str, ...] = ()


class DatasourceInput(Frozen):
    """The datasource's own published segments (Druid's ``dataSource`` inputSpec)."""

    type: Literal["datasource"] = "datasource"
    datasource: str | None = None


class StaticInput(Frozen):
    """Files in S3 (Druid's ``static`` inputSpec)."""

    type: Literal["static"]
    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    format: Literal["json", "csv"] = "json"

    @field_validator("paths")
    @classmethod
    def _addresses(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        for path in paths:
            S3Uri.parse(path)
        return paths


Input = Annotated[DatasourceInput | StaticInput, Field(discriminator="type")]


class ClusterChoice(Frozen):
    """Which cluster shape (a file of ``emr_configs/profiles/``) the night runs on."""

    profile: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "small"


class Connections(Frozen):
    """Airflow connection ids; None takes the boundary's."""

    druid: str | None = None
    aws: str | None = None


class Policy(Frozen):
    """Limits of one night."""

    max_chunks_per_batch: Annotated[int, Field(ge=1, le=1_000)] = 60
    max_night_hours: Annotated[float, Field(gt=0, le=72)] = 8.0
    retries: Annotated[int, Field(ge=0, le=10)] = 2


class Pipeline(Frozen):
    """One datasource and how its segments are rebuilt; read from ``dags/pipelines/<name>.yaml``."""

    datasource: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,99}$")]
    classification: Classification
    owner: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    schedule: Schedule = Schedule()
    tags: tuple[str, ...] = ()
    inputs: Annotated[tuple[Input, ...], Field(min_length=1)] = (DatasourceInput(),)
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    metrics: tuple[Metric, ...] = ()
    granularity: GranularitySpec = GranularitySpec()
    partitioning: Partitioning = Partitioning()
    lookback: timedelta = timedelta(days=60)
    engine: Engine = Engine.HADOOP
    submit: Submission = Submission.OVERLORD
    cluster: ClusterChoice = ClusterChoice()
    connections: Connections = Connections()
    policy: Policy = Policy()

    @field_validator("dimensions", mode="before")
    @classmethod
    def _bare_names(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [{"name": item} if isinstance(item, str) else item for item in value]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [dimension.name for dimension in self.dimensions] + [metric.name for metric in self.metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns named twice: {', '.join(twice)}; give each dimension and metric its own name")
        return self

    @property
    def dag_id(self) -> str:
        """The id of the DAG that runs this pipeline's nights."""
        return f"nightly_reindex__{self.datasource}"

    @property
    def asset_name(self) -> str:
        """The name of the Airflow asset that stands for the datasource."""
        return f"druid_{self.datasource}"
