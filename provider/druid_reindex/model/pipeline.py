"""A pipeline: everything a person decides about one datasource's nights, in one frozen value."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from druid_reindex.model.aggregators import AGGREGATORS
from druid_reindex.model.interval import Granularity
from druid_reindex.model.uri import S3Uri

# What Hadoop reads as several paths, as an escape, or as another path than the one that is written.
_AMBIGUOUS = re.compile(r"[,\\]|//|(^|/)\.{1,2}(/|$)")
_CONNECTION_ID = r"^[A-Za-z0-9_.-]{1,200}$"


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

    cron: str | None = Field("30 2 * * *", description='five cron fields such as "30 2 * * *", or null for no schedule')
    timezone: str = Field("UTC", description="an IANA timezone such as America/New_York")

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("there is no such timezone") from unknown
        return name


class Dimension(Frozen):
    """One dimension of Druid's ``dimensionsSpec``; a bare name in the file is a string dimension."""

    name: str = Field(min_length=1, description="the column's name")
    type: Literal["string", "long", "float", "double"] = Field("string", description="string, long, float or double")


def _named(item: Any) -> Any:
    return {"name": item} if isinstance(item, str) else item


NamedDimension = Annotated[Dimension, BeforeValidator(_named, json_schema_input_type=str | Dimension)]


class Metric(BaseModel):
    """One aggregator of Druid's ``metricsSpec``, in Druid's own field names (``fieldName``, ``k``, …)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(
        min_length=1,
        description="a Druid aggregator such as count, longSum, doubleSum",
        json_schema_extra={"enum": [*sorted(AGGREGATORS)]},
    )
    name: str = Field(min_length=1, description="the column's name")


QueryGranularity = Literal["NONE", "SECOND", "MINUTE", "FIFTEEN_MINUTE", "THIRTY_MINUTE", "HOUR", "DAY"]


class GranularitySpec(Frozen):
    """Druid's ``granularitySpec``: the time chunk's size, the truncation of timestamps, and roll-up."""

    segment: Granularity = Field(Granularity.DAY, description="HOUR, DAY, WEEK, MONTH or YEAR: a time chunk's size")
    query: QueryGranularity = Field(
        "NONE", description="what timestamps are truncated to: NONE, SECOND, MINUTE, HOUR, DAY, …"
    )
    rollup: bool = Field(
        default=False, strict=True, description="true or false: whether equal rows are summed into one"
    )


class Partitioning(Frozen):
    """How big the segments of a rebuilt chunk should be, and what they are hashed by (empty: all dimensions)."""

    target_rows_per_segment: int = Field(
        5_000_000,
        ge=1_000,
        le=50_000_000,
        strict=True,
        description="rows, 1000 to 50000000; Druid advises about 5000000",
    )
    target_segment_bytes: int = Field(
        500_000_000,
        ge=1_000_000,
        le=5_000_000_000,
        strict=True,
        description="bytes, 1000000 to 5000000000; Druid advises 300 to 700 MB",
    )
    partition_dimensions: tuple[str, ...] = Field((), description="a list of dimensions; empty hashes by all of them")


class DatasourceInput(Frozen):
    """The datasource's own published segments (Druid's ``dataSource`` inputSpec)."""

    type: Literal["datasource"] = Field("datasource", description="datasource or static")
    datasource: str | None = Field(None, description="a datasource's name; left out, the pipeline's own")


def _readable(path: str) -> str:
    S3Uri.parse(path)
    if _AMBIGUOUS.search(path.removeprefix("s3://")):
        raise ValueError("Hadoop would read another path: no comma, backslash, empty part, `.` or `..` works")
    return path


class StaticInput(Frozen):
    """Files in S3 (Druid's ``static`` inputSpec)."""

    type: Literal["static"] = Field(description="datasource or static")
    paths: tuple[Annotated[str, AfterValidator(_readable)], ...] = Field(
        min_length=1, description="a list of s3://bucket/prefix addresses"
    )
    format: Literal["json", "csv"] = Field("json", description="json or csv")


Input = Annotated[DatasourceInput | StaticInput, Field(discriminator="type")]


class ClusterChoice(Frozen):
    """Which cluster shape (a file of ``emr_configs/profiles/``) the night runs on, and with whom it shares it."""

    profile: str = Field(
        "small", pattern=r"^[a-z][a-z0-9_]*$", description="a file of emr_configs/profiles/, without .yaml"
    )
    group: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]{0,99}$",
        description="a word; pipelines that name the same one share a cluster; null for a cluster of its own",
    )


class Connections(Frozen):
    """Airflow connection ids; None takes the boundary's."""

    druid: str | None = Field(
        None, pattern=_CONNECTION_ID, description="an Airflow connection id; left out, the boundary's"
    )
    aws: str | None = Field(
        None, pattern=_CONNECTION_ID, description="an Airflow connection id; left out, the boundary's"
    )


class Policy(Frozen):
    """Limits of one night; what passes a ``max_chunks``, ``max_instance_hours`` or ``max_cost_usd`` asks a person."""

    max_chunks_per_batch: int = Field(
        60, ge=1, le=1_000, strict=True, description="time chunks that one job rebuilds, 1 to 1000"
    )
    max_night_hours: float = Field(
        8.0, gt=0, le=72, strict=True, description="hours after which a task gives up waiting, up to 72"
    )
    finish_within_hours: float | None = Field(
        None, gt=0, le=168, strict=True, description="hours after which a night that still runs is reported, or null"
    )
    max_chunks: int | None = Field(
        None, ge=1, strict=True, description="time chunks above which a night waits for approval; null asks never"
    )
    max_instance_hours: float | None = Field(
        None, gt=0, strict=True, description="estimated instance-hours above which a night waits for approval, or null"
    )
    max_cost_usd: float | None = Field(
        None, gt=0, strict=True, description="estimated US dollars above which a night waits for approval, or null"
    )
    retries: int = Field(2, ge=0, le=10, strict=True, description="how often Airflow tries a task again, 0 to 10")


class Pipeline(Frozen):
    """One datasource and how its segments are rebuilt; read from ``dags/pipelines/<name>.yaml``."""

    datasource: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,99}$",
        description="the Druid datasource: a letter, then letters, digits, _ or -, at most 100",
    )
    classification: Classification = Field(description="phi for protected health information, else general")
    owner: str = Field(min_length=1, description="the team that answers for the datasource")
    description: str = Field(min_length=1, description="one sentence about the rows")
    schedule: Schedule = Field(Schedule(), description="cron and timezone")
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        (), description="a list of words for Airflow's DAG list"
    )
    inputs: tuple[Input, ...] = Field(
        (DatasourceInput(),), min_length=1, description="what a rebuilt chunk is made of: `- type: datasource`"
    )
    dimensions: tuple[NamedDimension, ...] = Field(min_length=1, description="a list of names, or of {name, type}")
    metrics: tuple[Metric, ...] = Field((), description="a list of Druid aggregators: {type, name, fieldName}")
    granularity: GranularitySpec = Field(GranularitySpec(), description="segment, query and rollup")
    partitioning: Partitioning = Field(Partitioning(), description="the size of the segments that are made")
    lookback: timedelta = Field(timedelta(days=60), description="how far back chunks are looked at, such as P60D")
    engine: Engine = Field(Engine.HADOOP, description="hadoop")
    submit: Submission = Field(Submission.OVERLORD, description="overlord or emr_step")
    cluster: ClusterChoice = Field(ClusterChoice(), description="which cluster profile the night runs on")
    connections: Connections = Field(Connections(), description="druid and aws, as Airflow connection ids")
    policy: Policy = Field(Policy(), description="limits of one night")

    @field_validator("lookback", mode="before")
    @classmethod
    def _iso_duration(cls, value: Any) -> Any:
        if isinstance(value, timedelta) or (isinstance(value, str) and value.startswith("P")):
            return value
        raise ValueError("a duration is written in ISO 8601, such as P60D or P2W")

    @property
    def dag_id(self) -> str:
        """The id of the DAG that runs this pipeline's nights."""
        return f"nightly_reindex__{self.datasource}"

    @property
    def asset_name(self) -> str:
        """The name of the Airflow asset that stands for the datasource."""
        return f"druid_{self.datasource}"
