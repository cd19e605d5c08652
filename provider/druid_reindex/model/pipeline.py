"""A pipeline: everything a person decides about one datasource's nights, in one frozen value."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from druid_reindex.model.aggregators import AGGREGATORS
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.expectation import Expectation
from druid_reindex.model.frozen import Frozen
from druid_reindex.model.interval import Granularity, Interval
from druid_reindex.model.transfer import Load, TokenKey, Unload
from druid_reindex.model.uri import S3Uri

# What Hadoop reads as several paths, as an escape, or as another path than the one that is written.
_AMBIGUOUS = re.compile(r"[,;\\]|//|(^|/)\.{1,2}(/|$)")
DAY = "{day}"
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


class Supervisors(StrEnum):
    """What a night does with the datasource's supervisors that are in its way: nothing, or it suspends them."""

    LEAVE = "leave"
    SUSPEND = "suspend"


class Mode(StrEnum):
    """Whether a rebuilt chunk replaces the one that is served, or lies beside it to be compared."""

    REPLACE = "replace"
    SHADOW = "shadow"


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
    """Published segments of the pipeline's own datasource, or of another one (Druid's ``dataSource`` inputSpec)."""

    type: Literal["datasource"] = Field("datasource", description="datasource or static")
    datasource: str | None = Field(None, description="a datasource's name; left out, the pipeline's own")


def _readable(path: str) -> str:
    S3Uri.parse(path)
    if _AMBIGUOUS.search(path.removeprefix("s3://")):
        raise ValueError(
            "Hadoop would read another path: no comma, semicolon, backslash, empty part, `.` or `..` works"
        )
    return path


class StaticInput(Frozen):
    """Files in S3 (Druid's ``static`` inputSpec): addresses, or what the same night unloads.

    ``{day}`` in an address stands for each day (UTC, ``2026-09-01``) of a rebuilt time chunk; Hadoop stops at an
    address where nothing is, so that no chunk is built without a day's delivery. Rows of other chunks are passed over.
    """

    type: Literal["static"] = Field(description="datasource or static")
    paths: tuple[Annotated[str, AfterValidator(_readable)], ...] = Field(
        (), description="a list of s3://bucket/prefix addresses; {day} stands for each day of a chunk; or unload"
    )
    unload: str | None = Field(
        None, description="the name of one of the pipeline's unloads, whose files are read; or paths"
    )
    format: Literal["json", "csv"] = Field("json", description="json or csv, the same in all static inputs")


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
    max_lock_hours: float = Field(
        2.0, gt=0, le=72, strict=True, description="hours that a job waits for the locks of other Druid tasks, up to 72"
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
    rollback_days: int = Field(
        14, ge=1, le=3_650, strict=True, description="days for which what a night replaced is kept, 1 to 3650"
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
    patient_dimension: str | None = Field(
        None, description="the dimension that tells whose a row is: its distinct values are counted for the evidence"
    )
    granularity: GranularitySpec = Field(GranularitySpec(), description="segment, query and rollup")
    partitioning: Partitioning = Field(Partitioning(), description="the size of the segments that are made")
    lookback: timedelta = Field(timedelta(days=60), description="how far back chunks are looked at, such as P60D")
    streaming_window: timedelta = Field(
        timedelta(0),
        description="how long after a chunk's end a stream may still append to it, such as PT6H: such chunks are left "
        "alone, unless an interval is named",
    )
    supervisors: Supervisors = Field(
        Supervisors.LEAVE,
        description="leave, or suspend: those that run are suspended while a night rebuilds by emr_step, or a chunk "
        "within the streaming window that was named, and resumed at its end",
    )
    engine: Engine = Field(Engine.HADOOP, description="hadoop")
    submit: Submission = Field(Submission.OVERLORD, description="overlord or emr_step")
    mode: Mode = Field(
        Mode.REPLACE, description="replace, or shadow: into <datasource>__shadow, compared, nothing loaded"
    )
    cluster: ClusterChoice = Field(ClusterChoice(), description="which cluster profile the night runs on")
    connections: Connections = Field(Connections(), description="druid and aws, as Airflow connection ids")
    policy: Policy = Field(Policy(), description="limits of one night")
    unloads: tuple[Unload, ...] = Field(
        (), description="what Redshift or another database writes to S3 before the rebuild: `- name:`, sql, format"
    )
    token_key: TokenKey | None = Field(
        None, description="secret_id and version_id of the key that the unloads' tokens are made with; or null"
    )
    loads: tuple[Load, ...] = Field(
        (), description="what Redshift reads from S3 after validation: `- name:`, table, columns, mode"
    )
    expectations: tuple[Expectation, ...] = Field(
        (), description="what must hold of each rebuilt batch, in Great Expectations' words: {type, column, …}"
    )
    declared_actors: tuple[DeclaredActor, ...] = Field(
        (), description="who else touches the data, so that it is no finding: `- name:`, principal, verbs, prefix, …"
    )

    @field_validator("lookback", "streaming_window", mode="before")
    @classmethod
    def _iso_duration(cls, value: Any) -> Any:
        if isinstance(value, timedelta) or (isinstance(value, str) and value.startswith("P")):
            return value
        raise ValueError("a duration is written in ISO 8601, such as P60D or P2W")

    @property
    def source(self) -> str:
        """The datasource whose segments are read."""
        return next(
            (each.datasource for each in self.inputs if isinstance(each, DatasourceInput) and each.datasource),
            self.datasource,
        )

    def window(self, now: datetime) -> Interval:
        """The span of a night that begins at ``now`` and names no interval: the lookback, less what still streams."""
        return Interval(now - self.lookback, now - self.streaming_window)

    @property
    def is_derived(self) -> bool:
        """Whether it is built from another datasource's segments."""
        return self.source != self.datasource

    @property
    def count_metric(self) -> str | None:
        """The name of the first ``count``; None without one."""
        return next((metric.name for metric in self.metrics if metric.type == "count"), None)

    @property
    def files(self) -> tuple[StaticInput, ...]:
        """The inputs that are files."""
        return tuple(each for each in self.inputs if isinstance(each, StaticInput))

    @property
    def exports(self) -> tuple[Load, ...]:
        """The loads whose files the night exports from what it has rebuilt."""
        return tuple(load for load in self.loads if load.unload is None)

    @property
    def moves_tables(self) -> bool:
        """Whether its nights have Redshift run anything."""
        return bool(self.loads) or any(unload.jdbc is None for unload in self.unloads)

    @property
    def has_sql(self) -> bool:
        """Whether its tasks read files of ``sql/``."""
        return bool(self.unloads or self.loads)

    @property
    def dag_id(self) -> str:
        """The id of the DAG that runs this pipeline's nights."""
        return f"nightly_reindex__{self.datasource}"

    @property
    def asset_name(self) -> str:
        """The name of the Airflow asset that stands for the datasource."""
        return f"druid_{self.datasource}"
