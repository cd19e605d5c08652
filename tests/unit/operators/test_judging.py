"""Judges one batch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from druid_reindex.model.identity import RunId
from druid_reindex.operators.judging import BatchJudge, Judgement, Loaded
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.plan import names
from druid_reindex.quality.judge import Judged
from night_world import DAY, NEW_VERSION, REBUILT_OBJECT, SETTINGS, World, make, rebuilt, reindexed

KEY = SETTINGS.boundary.kms_key_arn


def judge(world: World) -> BatchJudge:
    task, context = make(ValidateSegmentsOperator, "validate"), world.context("validate")
    return BatchJudge(task, context, run_id(world), task.stored_plan(context).batches[0])


def run_id(world: World) -> RunId:
    return make(ValidateSegmentsOperator, "validate").run_identity(world.context())


def record(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.store.get(names.result_uri(SETTINGS.boundary, run_id(world), 0)))
    return found


def published(world: World) -> Judgement:
    one = judge(reindexed(world))
    return one.judged(Loaded(one.batch, record(world), [rebuilt()]))


def test_a_good_batch_passes_with_what_is_served_of_it(world: World) -> None:
    found = published(world)
    assert (found.verdict.verdict, found.stops) == (Judged.PASSED, False)
    assert (found.kms_keys, found.versions) == ((KEY,), (NEW_VERSION,))
    assert found.totals["rows_after"] == 100


def test_what_each_object_holds_is_counted_and_kept(world: World) -> None:
    one = judge(reindexed(world))
    one.keep(one.judged(Loaded(one.batch, record(world), [rebuilt()])))
    kept = json.loads(world.store.get(names.holdings_uri(SETTINGS.boundary, run_id(world), 0)))
    (held,) = kept["holdings"]
    assert (held["uri"], held["interval"], held["rows"]) == (str(REBUILT_OBJECT), DAY, 100)
    assert held["patients"] is None
    assert held["how"] == "no row of the time chunk names a patient"


def test_a_batch_that_could_not_be_judged_counts_nothing(world: World) -> None:
    one = judge(reindexed(world))
    one.keep(one.judged(Loaded(one.batch, record(world), late="3 segments left")))
    kept = json.loads(world.store.get(names.holdings_uri(SETTINGS.boundary, run_id(world), 0)))
    assert kept["holdings"] == []


def test_a_record_of_before_without_shapes_is_judged_by_rows_alone(world: World) -> None:
    """As a run that an earlier release began left it."""
    reindexed(world)
    uri = names.before_uri(SETTINGS.boundary, run_id(world), 0)
    kept = json.loads(world.store.get(uri))
    for name in ("sums", "shape", "types", "units"):
        del kept[name]
    world.store.put(uri, json.dumps(kept).encode(), kms_key_arn=KEY)
    one = judge(world)
    assert not one.judged(Loaded(one.batch, record(world), [rebuilt()])).stops
    world.rows = 99
    found = one.judged(Loaded(one.batch, record(world), [rebuilt()]))
    assert found.verdict.findings[0].check == "rows"


def test_a_column_of_another_type_is_a_finding(world: World) -> None:
    world.druid.types = {"code": "LONG"}
    (finding,) = published(world).verdict.findings
    assert (finding.check, finding.found, finding.wanted) == ("schema type of code", "LONG", "STRING")


def test_an_object_that_is_gone_is_a_finding_that_names_it(world: World) -> None:
    one = judge(reindexed(world))
    del world.store.objects[REBUILT_OBJECT]
    found = one.judged(Loaded(one.batch, record(world), [rebuilt()]))
    assert found.verdict.verdict is Judged.FAILED
    assert str(REBUILT_OBJECT) in found.verdict.findings[0].found


@pytest.mark.parametrize("left", ["3 segments left"])
def test_what_is_not_loaded_fails(world: World, left: str) -> None:
    one = judge(reindexed(world))
    found = one.judged(Loaded(one.batch, record(world), late=left))
    assert (found.verdict.verdict, found.verdict.findings[0].found) == (Judged.FAILED, left)
    assert found.verdict.findings[0].chunk == DAY


def test_a_verdict_is_kept_with_the_digest_of_its_plan(world: World) -> None:
    one = judge(reindexed(world))
    one.keep(one.judged(Loaded(one.batch)))
    kept = json.loads(world.store.get(names.verdict_uri(SETTINGS.boundary, run_id(world), 0)))
    assert kept["verdict"] == "unfinished"
    assert kept["plan_sha256"] == world.xcoms["plan", "night"]["plan_sha256"]
