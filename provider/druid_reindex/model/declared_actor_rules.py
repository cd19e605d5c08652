"""What a pipeline may declare of others: each once, and only where its own data lie."""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.yaml_file import Defect, shown

Found = Iterator[Defect]


def sound_actors(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    """Names that are given twice, and declarations for places in which nothing of the pipeline's boundary lies."""
    own = boundaries.of(pipeline.classification)
    names = [actor.name for actor in pipeline.declared_actors]
    for i, actor in enumerate(pipeline.declared_actors):
        if actor.name in names[:i]:
            yield Defect(("declared_actors", i, "name"), f"{shown(actor.name)} a second time", "write each once")
        if not own.claims_uri(actor.where):
            remedy = f"nothing of {pipeline.classification.value} lies there: write a prefix below {own.data_uri}"
            yield Defect(("declared_actors", i, "prefix"), shown(actor.prefix), remedy)
