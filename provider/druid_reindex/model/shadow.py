"""``mode: shadow``: a pipeline's nights write into a datasource beside the one that is served, which they only read.

The shadow is a pipeline like any other, with a DAG, a lease and files of its own: of another datasource's segments
where the pipeline rebuilds its own. It loads nothing into Redshift, whose tables are production too.
"""

from __future__ import annotations

from druid_reindex.model.pipeline import DatasourceInput, Mode, Pipeline

SUFFIX = "__shadow"


def written_by(pipeline: Pipeline) -> Pipeline:
    """What the nights of the pipeline in a file carry out: the pipeline itself, or its shadow."""
    if pipeline.mode is Mode.REPLACE:
        return pipeline
    named = {"datasource": pipeline.datasource}
    inputs = tuple(
        each.model_copy(update=named) if isinstance(each, DatasourceInput) and each.datasource is None else each
        for each in pipeline.inputs
    )
    return pipeline.model_copy(update={"datasource": f"{pipeline.datasource}{SUFFIX}", "inputs": inputs, "loads": ()})


def compared_with(pipeline: Pipeline) -> str | None:
    """The datasource that a shadow is compared with; None for a pipeline that is none."""
    return pipeline.datasource.removesuffix(SUFFIX) if pipeline.mode is Mode.SHADOW else None
