"""What a pipeline may say as a whole: its fields against each other, and against its boundary.

Each rule names the top-level fields that it reads, so that a file in which some other field is wrong is still judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from druid_reindex.model.aggregators import AGGREGATORS
from druid_reindex.model.boundary import Boundaries
from druid_reindex.model.cron import cron_defect
from druid_reindex.model.declared_actor_rules import sound_actors
from druid_reindex.model.expectation_rules import sound_expectations
from druid_reindex.model.export_rules import sound_exports
from druid_reindex.model.field_errors import did_you_mean
from druid_reindex.model.input_rules import (
    GENERAL_REMEDY,
    classified_inputs,
    counted_inputs,
    inputs_within_reach,
    one_format,
    readable_inputs,
    unloaded_inputs,
)
from druid_reindex.model.jdbc_rules import sound_databases
from druid_reindex.model.pipeline import Classification, DatasourceInput, Engine, Metric, Pipeline
from druid_reindex.model.token_rules import sound_tokens
from druid_reindex.model.transfer_rules import sound_loads, sound_unloads, transfers_need_redshift
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
_QUERY_SECONDS = {"NONE": 0, "SECOND": 1, "MINUTE": 60, "FIFTEEN_MINUTE": 900, "THIRTY_MINUTE": 1_800, "HOUR": 3_600,
                  "DAY": 86_400}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must hold; ``reads`` are the top-level fields it looks at."""

    reads: frozenset[str]
    find: Callable[[Pipeline, Boundaries], Found]


def _engine(pipeline: Pipeline, _: Boundaries) -> Found:
    if pipeline.engine is Engine.HADOOP:
        return
    found = shown(pipeline.engine.value)
    yield Defect(("engine",), found, "this release rebuilds segments with hadoop only: write hadoop")
    if "submit" in pipeline.model_fields_set:
        submit = shown(pipeline.submit.value)
        yield Defect(("submit",), f"{submit} with engine {found}", "overlord and emr_step go with engine hadoop only")


def _schedule(pipeline: Pipeline, _: Boundaries) -> Found:
    cron = pipeline.schedule.cron
    if cron is not None and (wrong := cron_defect(cron)):
        yield Defect(("schedule", "cron"), shown(cron), f'{wrong}; write five cron fields such as "30 2 * * *"')


def _lookback(pipeline: Pipeline, _: Boundaries) -> Found:
    chunk = pipeline.granularity.segment
    if pipeline.lookback.total_seconds() < chunk.shortest_seconds:
        remedy = f"write at least one time chunk ({chunk.value}), such as P60D"
        yield Defect(("lookback",), str(pipeline.lookback), remedy)
    elif pipeline.lookback - pipeline.streaming_window < timedelta(seconds=chunk.shortest_seconds):
        remedy = f"leave at least one time chunk ({chunk.value}) of the lookback, which is {pipeline.lookback}"
        yield Defect(("streaming_window",), str(pipeline.streaming_window), remedy)


def _query_granularity(pipeline: Pipeline, _: Boundaries) -> Found:
    granularity = pipeline.granularity
    if _QUERY_SECONDS[granularity.query] > granularity.segment.shortest_seconds:
        remedy = f"timestamps cannot be cut to more than a time chunk: write {granularity.segment.value} or finer"
        yield Defect(("granularity", "query"), shown(granularity.query), remedy)


def _column_names(pipeline: Pipeline, _: Boundaries) -> Found:
    seen: set[str] = set()
    columns = [("dimensions", i, d.name) for i, d in enumerate(pipeline.dimensions)]
    columns += [("metrics", i, m.name) for i, m in enumerate(pipeline.metrics)]
    for field, i, name in columns:
        if name == "__time":
            yield Defect((field, i, "name"), shown(name), "Druid adds this column itself: leave it out")
        elif name in seen:
            yield Defect((field, i, "name"), f"{shown(name)} a second time", "give each column a name of its own")
        seen.add(name)


def _metrics(pipeline: Pipeline, _: Boundaries) -> Found:
    own = any(isinstance(each, DatasourceInput) for each in pipeline.inputs)
    if own and not pipeline.metrics:
        remedy = "Druid's Hadoop job reads no segments without a metric: add {type: count, name: count}"
        yield Defect(("metrics",), "no metric", remedy)
    for i, metric in enumerate(pipeline.metrics):
        yield from _metric(("metrics", i), metric)


def _metric(at: FieldPath, metric: Metric) -> Found:
    aggregator = AGGREGATORS.get(metric.type)
    if aggregator is None:
        hint = did_you_mean(metric.type, AGGREGATORS) or f"write one of {', '.join(AGGREGATORS)}"
        yield Defect((*at, "type"), shown(metric.type), f"no aggregator that Druid ingests with; {hint}")
        return
    extra = metric.model_extra or {}
    for name in sorted(extra.keys() - set(aggregator.fields)):
        hint = did_you_mean(name, aggregator.fields) or f"{metric.type} knows {', '.join(aggregator.fields)}"
        yield Defect((*at, name), f"{shown(extra[name])} in a field that does not exist", hint)
    given = [name for name in aggregator.one_of if extra.get(name) not in {None, ""}] if aggregator.one_of else []
    if aggregator.one_of and len(given) != 1:
        wanted = " or ".join(aggregator.one_of)
        found = "nothing" if not given else f"{' and '.join(given)}"
        remedy = f"{metric.type} needs {wanted}: the column that is aggregated"
        yield Defect((*at, aggregator.one_of[0]), found, remedy)
    for name in aggregator.required:
        if extra.get(name) is None:
            yield Defect((*at, name), "nothing", f"{metric.type} needs {name}: add it")


def _partitioning(pipeline: Pipeline, _: Boundaries) -> Found:
    dimensions = {dimension.name for dimension in pipeline.dimensions}
    named = pipeline.partitioning.partition_dimensions
    for i, name in enumerate(named):
        at: FieldPath = ("partitioning", "partition_dimensions", i)
        if name not in dimensions:
            hint = did_you_mean(name, dimensions)
            yield Defect(at, shown(name), "; ".join(filter(None, [hint, "write the name of one of the dimensions"])))
        elif name in named[:i]:
            yield Defect(at, f"{shown(name)} a second time", "keep one of them")


def _patient_dimension(pipeline: Pipeline, _: Boundaries) -> Found:
    name, dimensions = pipeline.patient_dimension, [dimension.name for dimension in pipeline.dimensions]
    if name is not None and name not in dimensions:
        hint = did_you_mean(name, dimensions)
        remedy = "; ".join(filter(None, [hint, "write the name of one of the dimensions"]))
        yield Defect(("patient_dimension",), shown(name), remedy)


def _classified_name(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    name, own = pipeline.datasource, boundaries.of(pipeline.classification)
    if pipeline.classification is Classification.GENERAL and boundaries.phi.claims_datasource(name):
        yield Defect(("datasource",), shown(name), GENERAL_REMEDY)
    elif not own.claims_datasource(name):
        patterns = f"{pipeline.classification.value} datasources are named {', '.join(own.datasources)}"
        yield Defect(("datasource",), shown(name), f"{patterns} (boundaries.yaml): rename it or add a pattern there")


def _classified_connections(pipeline: Pipeline, boundaries: Boundaries) -> Found:
    phi = pipeline.classification is Classification.PHI
    other = boundaries.general if phi else boundaries.phi
    remedy = "it is the general boundary's: leave it out for the PHI boundary's own" if phi else GENERAL_REMEDY
    for kind, name in (("druid", pipeline.connections.druid), ("aws", pipeline.connections.aws)):
        if name is not None and other.claims_connection(name):
            yield Defect(("connections", kind), shown(name), remedy)


RULES = (
    Rule(frozenset({"engine", "submit"}), _engine),
    Rule(frozenset({"schedule"}), _schedule),
    Rule(frozenset({"lookback", "streaming_window", "granularity"}), _lookback),
    Rule(frozenset({"granularity"}), _query_granularity),
    Rule(frozenset({"dimensions", "metrics"}), _column_names),
    Rule(frozenset({"metrics", "inputs"}), _metrics),
    Rule(frozenset({"partitioning", "dimensions"}), _partitioning),
    Rule(frozenset({"patient_dimension", "dimensions"}), _patient_dimension),
    Rule(frozenset({"inputs", "datasource", "granularity"}), readable_inputs),
    Rule(frozenset({"inputs"}), one_format),
    Rule(frozenset({"inputs", "unloads"}), unloaded_inputs),
    Rule(frozenset({"inputs", "submit"}), inputs_within_reach),
    Rule(frozenset({"inputs", "datasource", "metrics"}), counted_inputs),
    Rule(frozenset({"classification", "datasource"}), _classified_name),
    Rule(frozenset({"classification", "inputs"}), classified_inputs),
    Rule(frozenset({"classification", "connections"}), _classified_connections),
    Rule(frozenset({"classification", "unloads", "loads"}), transfers_need_redshift),
    Rule(frozenset({"unloads"}), sound_unloads),
    Rule(frozenset({"classification", "unloads"}), sound_databases),
    Rule(frozenset({"unloads", "token_key", "dimensions", "classification"}), sound_tokens),
    Rule(frozenset({"unloads", "loads"}), sound_loads),
    Rule(frozenset({"loads", "dimensions", "metrics", "granularity"}), sound_exports),
    Rule(frozenset({"expectations", "dimensions", "metrics"}), sound_expectations),
    Rule(frozenset({"declared_actors", "classification"}), sound_actors),
)
