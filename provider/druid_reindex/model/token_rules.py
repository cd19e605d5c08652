"""What a pipeline may say about identifiers that become tokens."""

from __future__ import annotations

from collections.abc import Iterator

from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.transfer import FileFormat, Unload
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]


def sound_tokens(pipeline: Pipeline, _: Boundaries) -> Found:
    """Tokens without a key and keys without tokens, columns that are not there, files that no step reads."""
    wanted = [unload for unload in pipeline.unloads if unload.tokens]
    if wanted and pipeline.token_key is None:
        yield Defect(("token_key",), "tokens without a key", "add secret_id and version_id of the key")
    if pipeline.token_key is not None and not wanted:
        yield Defect(("token_key",), "a key without tokens", "leave it out, or write tokens in an unload")
    if wanted and pipeline.classification is Classification.GENERAL:
        yield Defect(("token_key",), "identifiers in general data", "write `classification: phi`")
    for i, unload in enumerate(pipeline.unloads):
        yield from _unload(("unloads", i), unload, {column.name for column in pipeline.dimensions})


def _unload(at: FieldPath, unload: Unload, dimensions: set[str]) -> Found:
    if unload.tokens and unload.format is FileFormat.PARQUET:
        yield Defect((*at, "format"), f"{shown(unload.format.value)} with tokens", "a step reads json or csv: write it")
    for i, token in enumerate(unload.tokens):
        if token.name not in dimensions:
            hint = did_you_mean(token.name, dimensions) or "write the name of one of the dimensions"
            yield Defect((*at, "tokens", i, "name"), shown(token.name), hint)
        for field in ("column", "name"):
            if getattr(token, field) in {getattr(other, field) for other in unload.tokens[:i]}:
                found = f"{shown(getattr(token, field))} a second time"
                yield Defect((*at, "tokens", i, field), found, "write each once")
