"""What a pipeline's inputs may say: against each other, and against its other fields and the boundary.

Druid's Hadoop job has one parser for all files, and reads segments without it. Their rows go through the combining
form of each aggregator, which takes the stored column of the metric's own name.
Source: https://druid.apache.org/docs/25.0.0/ingestion/hadoop.html#multi
Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/IndexGeneratorJob.java
"""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import DAY, Classification, DatasourceInput, Pipeline, StaticInput, Submission
from druid_reindex.model.transfer import FileFormat
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.yaml_file import Defect, shown

Found = Iterator[Defect]
GENERAL_REMEDY = "it is protected health information: write `classification: phi`, or name something general"


def readable_inputs(pipeline: Pipeline, _: Boundaries) -> Found:
    """One datasource, and files only beside another one than is written."""
    datasources = [i for i, entry in enumerate(pipeline.inputs) if isinstance(entry, DatasourceInput)]
    for i in datasources[1:]:
        yield Defect(("inputs", i), "a second datasource", "keep one `type: datasource`")
    if datasources and pipeline.is_derived:
        return
    for i, entry in enumerate(pipeline.inputs):
        if isinstance(entry, StaticInput):
            yield Defect(
                ("inputs", i), "static files", f"{_why_no_files(pipeline, bool(datasources))}: {_OTHER_DATASOURCE}"
            )


_OTHER_DATASOURCE = "read another datasource (`type: datasource`, datasource: …) beside them, or leave them out"


def _why_no_files(pipeline: Pipeline, beside_own: bool) -> str:
    if not beside_own:
        return "which time chunks files belong to is unknown before they are read"
    if pipeline.granularity.rollup:
        return "rolled up with the segments that the same job replaces, they would be added once more each night"
    return "beside the datasource's own segments they would be added once more each night"


def one_format(pipeline: Pipeline, _: Boundaries) -> Found:
    """Files of one format, each input with either addresses or an unload; ``{day}`` as it is understood."""
    first = next((entry.format for entry in pipeline.files), "json")
    for i, entry in enumerate(pipeline.inputs):
        if not isinstance(entry, StaticInput):
            continue
        if entry.format != first:
            remedy = f"one parser reads all files of a job: write {first} in each, and deliver them so"
            yield Defect(("inputs", i, "format"), shown(entry.format), remedy)
        if bool(entry.paths) == (entry.unload is not None):
            found = "paths and unload" if entry.paths else "neither paths nor unload"
            yield Defect(("inputs", i, "paths"), found, "write one of them")
        for j, path in enumerate(entry.paths):
            if set("{}") & set(path.replace(DAY, "")):
                yield Defect(("inputs", i, "paths", j), shown(path), f"the only word in braces is {DAY}")


def unloaded_inputs(pipeline: Pipeline, _: Boundaries) -> Found:
    """Unloads that are not there, or whose files are not what the input says."""
    unloads = {each.name: each for each in pipeline.unloads}
    for i, entry in enumerate(pipeline.inputs):
        if not isinstance(entry, StaticInput) or entry.unload is None:
            continue
        unload = unloads.get(entry.unload)
        if unload is None:
            hint = (
                did_you_mean(entry.unload, unloads) or f"write one of {', '.join(unloads) or 'none (there are none)'}"
            )
            yield Defect(("inputs", i, "unload"), shown(entry.unload), f"no unload of this pipeline; {hint}")
        elif unload.format is not FileFormat(entry.format):
            remedy = f"its files are {unload.format.value}: write json or csv, the same in both"
            yield Defect(("inputs", i, "format"), f"{shown(entry.format)}, of unload {unload.name}", remedy)


def inputs_within_reach(pipeline: Pipeline, _: Boundaries) -> Found:
    """Files of an unload are read by the cluster alone: a job of the Overlord looks at its files from Druid's server.

    Source: https://hadoop.apache.org/docs/r3.3.6/api/org/apache/hadoop/mapreduce/lib/input/FileInputFormat.html
    (whoever submits a job cuts its files into splits)
    """
    if pipeline.submit is Submission.OVERLORD and any(entry.unload for entry in pipeline.files):
        remedy = "Druid's servers may not read what a run unloads: write emr_step, and a profile for it"
        yield Defect(("submit",), f"{shown(pipeline.submit.value)} with files of an unload", remedy)


def counted_inputs(pipeline: Pipeline, _: Boundaries) -> Found:
    """What is built from other data is counted by a metric, for its rows are not those that it had before."""
    if pipeline.is_derived and pipeline.count_metric is None:
        remedy = f"add {{type: count, name: …}} by the name that the count has in {pipeline.source}"
        yield Defect(("metrics",), "no count", f"the rows that are read are counted by it: {remedy}")


def classified_inputs(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    """Protected inputs of a general pipeline."""
    if pipeline.classification is Classification.PHI:
        return
    for i, entry in enumerate(pipeline.inputs):
        if isinstance(entry, StaticInput):
            for j, path in enumerate(entry.paths):
                if boundaries.phi.claims_uri(S3Uri.parse(path)):
                    yield Defect(("inputs", i, "paths", j), shown(path), GENERAL_REMEDY)
        elif entry.datasource is not None and boundaries.phi.claims_datasource(entry.datasource):
            yield Defect(("inputs", i, "datasource"), shown(entry.datasource), GENERAL_REMEDY)
