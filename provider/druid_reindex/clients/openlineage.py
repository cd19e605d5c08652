"""Lineage in the classes of OpenLineage's client, and its transport where Airflow is not.

The package ``openlineage`` is an extra: this module is imported when a listener asks a task, or when there is an event
to send, and not before.
Source: https://openlineage.io/docs/client/python/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attr
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    job_type_job,
    lifecycle_state_change_dataset,
    output_statistics_output_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    storage_dataset,
    tags_dataset,
)

from druid_reindex import __version__
from druid_reindex.evidence import lineage_facets
from druid_reindex.evidence.lineage import Dataset, Facets, RunName
from druid_reindex.evidence.lineage_trail import TrailRun

PRODUCER = f"urn:druid-reindex:provider:{__version__}"
# What names a transport, as for Airflow's provider; without any of these OpenLineage's client prints its events.
# Source: https://openlineage.io/docs/client/python/configuration
_TRANSPORT, _CONFIGURED = "OPENLINEAGE__TRANSPORT", ("OPENLINEAGE_CONFIG", "OPENLINEAGE_URL")
_SECONDS_TO_SEND = 10.0  # a person is waiting


@attr.define
class DruidReindexNightRunFacet(RunFacet):
    """The night that a task belongs to; its schema says what each field is."""

    datasource: str
    classification: str
    submit: str
    runId: str | None = None  # noqa: N815
    dryRun: bool | None = None  # noqa: N815
    planUri: str | None = None  # noqa: N815
    planSha256: str | None = None  # noqa: N815
    fence: int | None = None
    batch: int | None = None
    work: Mapping[str, str] | None = None
    sqlFile: str | None = None  # noqa: N815
    sqlSha256: str | None = None  # noqa: N815
    keyVersionId: str | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return lineage_facets.schema_url(DruidReindexNightRunFacet.__name__)


@attr.define
class DruidReindexSegmentsDatasetFacet(DatasetFacet):
    """Which segments of a datasource a task read, published, judged or took back; see its schema."""

    action: str
    versions: list[str]
    chunks: list[dict[str, Any]]
    idsLeftOut: int | None = None  # noqa: N815
    kmsKeyArns: list[str] | None = None  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return lineage_facets.schema_url(DruidReindexSegmentsDatasetFacet.__name__)


@attr.define
class DruidReindexFilesDatasetFacet(DatasetFacet):
    """Which files in S3 belong together, and how they are encrypted; see its schema."""

    manifestUri: str  # noqa: N815
    manifestSha256: str  # noqa: N815
    kmsKeyArn: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return lineage_facets.schema_url(DruidReindexFilesDatasetFacet.__name__)


@attr.define
class DruidReindexDisposalDatasetFacet(DatasetFacet):
    """Which stored versions of a datasource are gone for good; see its schema."""

    versions: list[str]
    segments: int
    sha256: str
    objectVersions: int  # noqa: N815
    recordUri: str  # noqa: N815

    @staticmethod
    def _get_schema() -> str:
        return lineage_facets.schema_url(DruidReindexDisposalDatasetFacet.__name__)


@attr.define
class DruidReindexCloudTrailFindingsRunFacet(RunFacet):
    """What of a night and CloudTrail's record of it agrees and what does not, in counts; see its schema."""

    runId: str  # noqa: N815
    datasource: str
    classification: str
    trail: str
    packUri: str  # noqa: N815
    packSha256: str  # noqa: N815
    sequence: int
    awaited: bool
    findings: list[dict[str, Any]]
    matches: list[dict[str, Any]] | None = None
    coverage: list[dict[str, Any]] | None = None

    @staticmethod
    def _get_schema() -> str:
        return lineage_facets.schema_url(DruidReindexCloudTrailFindingsRunFacet.__name__)


_CLASSES: Mapping[str, type[Any]] = {
    "schema": schema_dataset.SchemaDatasetFacet,
    "ownership": ownership_dataset.OwnershipDatasetFacet,
    "tags": tags_dataset.TagsDatasetFacet,
    "storage": storage_dataset.StorageDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "lifecycleStateChange": lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet,
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet,
    "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
    lineage_facets.NIGHT: DruidReindexNightRunFacet,
    lineage_facets.SEGMENTS: DruidReindexSegmentsDatasetFacet,
    lineage_facets.FILES: DruidReindexFilesDatasetFacet,
    lineage_facets.DISPOSAL: DruidReindexDisposalDatasetFacet,
    lineage_facets.FINDINGS: DruidReindexCloudTrailFindingsRunFacet,
}
# The lists whose items are classes too.
_ITEMS: Mapping[str, tuple[str, type[Any]]] = {
    "schema": ("fields", schema_dataset.SchemaDatasetFacetFields),
    "ownership": ("owners", ownership_dataset.Owner),
    "tags": ("tags", tags_dataset.TagsDatasetFacetFields),
    "dataQualityAssertions": ("assertions", data_quality_assertions_dataset.Assertion),
}


def inputs(datasets: Iterable[Dataset]) -> list[InputDataset]:
    """The datasets as what a run reads."""
    return [
        InputDataset(each.name.namespace, each.name.name, facets=plain, inputFacets=own)
        for each in datasets
        for plain, own in [_split(each.facets, InputDatasetFacet)]
    ]


def outputs(datasets: Iterable[Dataset]) -> list[OutputDataset]:
    """The datasets as what a run writes."""
    return [
        OutputDataset(each.name.namespace, each.name.name, facets=plain, outputFacets=own)
        for each in datasets
        for plain, own in [_split(each.facets, OutputDatasetFacet)]
    ]


def run_facets(told: Facets) -> dict[str, RunFacet]:
    """What is told of a run."""
    return {key: _facet(key, facet) for key, facet in told.items()}


def trail_events(told: TrailRun, began: datetime, ended: datetime) -> tuple[RunEvent, RunEvent]:
    """The begin and the end of the run in which CloudTrail was looked at; both name the night as parent and root."""
    end = RunState.FAIL if told.has_failed else RunState.COMPLETE
    run = Run(told.run, {"parent": _below(told.parent), **run_facets(told.facets)})
    kind = job_type_job.JobTypeJobFacet("BATCH", "DRUID_REINDEX", "JOB", producer=PRODUCER)
    job = Job(told.parent.namespace, told.job, {"jobType": kind})
    first = Run(told.run, {"parent": _below(told.parent)})
    return (
        _event(RunState.START, began, first, job, told.dataset),
        _event(end, ended, run, job, told.dataset),
    )


def send(events: Iterable[RunEvent], environment: Mapping[str, str]) -> bool:
    """Whether the events were sent, by the transport that ``environment`` names; False where it names none.

    Raises whatever that transport raises. Airflow's own processes send by its provider instead.
    """
    if not any(name.startswith(_TRANSPORT) or name in _CONFIGURED for name, value in environment.items() if value):
        return False
    client = OpenLineageClient()
    for event in events:
        client.emit(event)
    return client.close(_SECONDS_TO_SEND)


def _event(kind: RunState, at: datetime, run: Run, job: Job, read: Dataset) -> RunEvent:
    return RunEvent(
        eventTime=at.isoformat(), producer=PRODUCER, eventType=kind, run=run, job=job, inputs=inputs([read]), outputs=[]
    )


def _below(night: RunName) -> parent_run.ParentRunFacet:
    """The night, as parent and root at once."""
    root = parent_run.Root(parent_run.RootRun(night.run), parent_run.RootJob(night.namespace, night.job))
    return parent_run.ParentRunFacet(
        parent_run.Run(night.run), parent_run.Job(night.namespace, night.job), root, producer=PRODUCER
    )


def _split(facets: Facets, own: type[Any]) -> tuple[dict[str, DatasetFacet], dict[str, Any]]:
    """The facets of a dataset, and apart from them those that it has as an input or output."""
    made = {key: _facet(key, told) for key, told in facets.items()}
    apart = {key: facet for key, facet in made.items() if isinstance(facet, own)}
    return {key: facet for key, facet in made.items() if key not in apart}, apart


def _facet(key: str, told: Mapping[str, Any]) -> Any:
    arguments = dict(told)
    if key in _ITEMS:
        name, item = _ITEMS[key]
        arguments[name] = [item(**each) for each in arguments[name]]
    if key == "columnLineage":
        # The redaction of Airflow's provider would hide a plain mapping below a name such as patient_token.
        arguments["fields"] = {name: _made_of(fields) for name, fields in told["fields"].items()}
    return _CLASSES[key](**arguments, producer=PRODUCER)


def _made_of(fields: Mapping[str, Any]) -> column_lineage_dataset.Fields:
    return column_lineage_dataset.Fields(
        inputFields=[
            column_lineage_dataset.InputField(
                **each
                | {"transformations": [column_lineage_dataset.Transformation(**how) for how in each["transformations"]]}
            )
            for each in fields["inputFields"]
        ]
    )
