"""`unload_…` and `load_…`: found before they are made, whole or not read, published once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from druid_reindex.model.transfer import Load
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import StatementState
from druid_reindex.operators.redshift import SQL_FILTERS, LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.plan import names
from night_world import ROOT, SETTINGS, World, make
from twins import BatchError
from warehouse import KEY, LOAD, UNLOAD, Warehouse, sql

RUN = SETTINGS.pipeline


@pytest.fixture
def redshift(world: World) -> Warehouse:
    """A planned night, and its Redshift."""
    world.redshift.run = made = Warehouse(world.store)
    world.plan()
    return made


def unload(world: World, **options: Any) -> dict[str, Any]:
    task = make(UnloadRedshiftOperator, "unload_claims", unload=UNLOAD, **options)
    task.sql = sql(UNLOAD.sql)
    told: dict[str, Any] = world.run(task)
    return told


def load(world: World, of: Load = LOAD, **options: Any) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(LoadRedshiftOperator, "load_snapshot", load=of, **options))
    return told


def sent(world: World, word: str) -> list[str]:
    return [each for batch in world.redshift.sent.values() for each in batch if each.startswith(word)]


def test_an_unload_tells_counts_and_addresses_and_waits_without_a_slot(world: World, redshift: Warehouse) -> None:
    told = unload(world)
    assert (told["rows"], told["files"], told["generation"]) == (3, 1, 1)
    assert told["manifest_uri"].endswith("/unload/claims/1/manifest")
    assert set(told) == {"rows", "files", "size_bytes", "manifest_uri", "manifest_sha256", "statement_id", "generation"}
    assert [type(each.trigger).__name__ for each in world.deferred] == ["RedshiftStatementTrigger"]
    (statement,) = sent(world, "UNLOAD")
    assert "service_date >= CAST(''2026-09-01 00:00:00'' AS TIMESTAMP)" in statement
    assert "service_date < CAST(''2026-09-02 00:00:00'' AS TIMESTAMP)" in statement
    assert f"KMS_KEY_ID '{KEY}'" in statement


def test_an_unload_is_named_as_a_night_s_jobs_are(world: World, redshift: Warehouse) -> None:
    unload(world)
    (name,) = world.redshift.log
    run_id = make(UnloadRedshiftOperator, "x", unload=UNLOAD).run_identity(world.context())
    assert name.startswith(f"{names.statements_prefix(RUN.datasource, run_id)}unload_claims_")
    assert name.endswith("_g1")


def test_it_runs_once(world: World, redshift: Warehouse) -> None:
    assert unload(world) == unload(world)
    assert len(world.redshift.log) == 1


def test_a_try_that_was_killed_is_attached_to(world: World, redshift: Warehouse) -> None:
    first = unload(world)
    for uri in [uri for uri in world.store.objects if uri.key.endswith("result.json")]:
        del world.store.objects[uri]
    assert unload(world) == first
    assert len(world.redshift.log) == 1


def test_a_dead_unload_s_prefix_is_not_read(world: World, redshift: Warehouse) -> None:
    redshift.unloads = [2, 5]
    redshift.broken = {0: BatchError(0, "ERROR: Disk Full DETAIL: code: 1016")}
    with pytest.raises(AirflowFailException, match=r"unload the rows on .*no room left \(1016\)"):
        unload(world)
    told = unload(world)
    assert (told["rows"], told["generation"]) == (5, 2)
    assert S3Uri.parse(told["manifest_uri"]).key.split("/")[-2] == "2"


def test_a_prefix_that_nobody_knows_any_more_is_not_written_to_again(world: World, redshift: Warehouse) -> None:
    run_id = make(UnloadRedshiftOperator, "x", unload=UNLOAD).run_identity(world.context())
    left = names.unload_prefix(SETTINGS.boundary, run_id, "claims") / "1/0000_part_00"
    world.store.put(left, b"half", kms_key_arn=KEY)
    assert unload(world)["generation"] == 2


def test_a_finished_unload_whose_manifest_is_gone_is_replaced(world: World, redshift: Warehouse) -> None:
    manifest = S3Uri.parse(unload(world)["manifest_uri"])
    for uri in [uri for uri in world.store.objects if uri.key.endswith("result.json") or uri == manifest]:
        del world.store.objects[uri]
    assert unload(world)["generation"] == 2


def test_counts_that_disagree_are_an_error_and_nothing_is_recorded(world: World, redshift: Warehouse) -> None:
    redshift.halves = {0}
    with pytest.raises(AirflowFailException, match="3 rows, where Redshift has unloaded 2"):
        unload(world)
    assert not [uri for uri in world.store.objects if uri.key.endswith("unload/claims/result.json")]


def test_another_key_is_an_error(world: World, redshift: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.store, "kms_keys", lambda uris: dict.fromkeys(uris, ""))
    with pytest.raises(AirflowFailException, match="encrypted with no KMS key"):
        unload(world)


def test_nothing_unloaded_is_a_manifest_without_files(world: World, redshift: Warehouse) -> None:
    redshift.unloads = [0]
    told = unload(world)
    assert (told["rows"], told["files"]) == (0, 0)
    assert load(world)["rows"] == 0
    assert not sent(world, "COPY")


def test_a_night_with_nothing_to_do_unloads_nothing(world: World) -> None:
    world.druid.segments.clear()
    world.plan()
    with pytest.raises(AirflowSkipException):
        unload(world)
    with pytest.raises(AirflowSkipException):
        load(world)
    assert world.redshift.log == []


def test_a_run_without_its_lease_has_redshift_run_nothing(world: World, redshift: Warehouse) -> None:
    world.xcoms["plan", "night"] = world.xcoms["plan", "night"] | {"fence": 0}
    lease = next(uri for uri in world.store.objects if uri.key.startswith("runs/leases/"))
    taken = json.loads(world.store.objects[lease][0]) | {"owner": "another", "run_id": "another"}
    world.store.put(lease, json.dumps(taken).encode(), kms_key_arn=KEY)
    with pytest.raises(AirflowFailException, match="lease"):
        unload(world)
    assert world.redshift.log == []


def test_a_replanned_night_unloads_anew(world: World, redshift: Warehouse) -> None:
    first = unload(world)
    world.conf = {**world.conf, "force": True}
    world.druid.segments = world.druid.segments[:9]
    world.plan()
    assert unload(world)["statement_id"] != first["statement_id"]


def test_a_load_publishes_once_however_often_it_is_run(world: World, redshift: Warehouse) -> None:
    unload(world)
    told = load(world)
    assert (told["rows"], told["table"]) == (3, "clinic.patient_snapshot")
    assert load(world) == told
    world.redshift.batches.clear()
    world.redshift.tokens.clear()
    for uri in [uri for uri in world.store.objects if uri.key.endswith("load/snapshot/result.json")]:
        del world.store.objects[uri]
    assert load(world)["load_key"] == told["load_key"]
    assert len(sent(world, "LOCK")) == 2
    assert redshift.published == [told["load_key"]]


def test_copy_reads_our_own_manifest_in_which_every_file_is_mandatory(world: World, redshift: Warehouse) -> None:
    manifest = unload(world)["manifest_sha256"]
    load(world)
    (uri,) = [uri for uri in world.store.objects if uri.key.endswith(".manifest")]
    assert uri.key.endswith(f"load/snapshot/{manifest[:16]}.manifest")
    assert [each["mandatory"] for each in json.loads(world.store.get(uri))["entries"]] == [True]
    (statement,) = sent(world, "COPY")
    assert f"FROM '{uri}'" in statement


def test_what_an_export_left_is_loaded(world: World, redshift: Warehouse) -> None:
    run_id = make(LoadRedshiftOperator, "x", load=LOAD).run_identity(world.context())
    uri = names.export_manifest_uri(SETTINGS.boundary, run_id, "snapshot")
    file = uri.__class__(uri.bucket, uri.key.replace("manifest", "part-0"))
    world.store.put(file, b"x", kms_key_arn=KEY)
    entry = {"url": str(file), "meta": {"content_length": 1, "record_count": 7}}
    world.store.put(uri, json.dumps({"entries": [entry]}).encode(), kms_key_arn=KEY)
    assert load(world, LOAD.model_copy(update={"unload": None}))["rows"] == 7


def test_a_file_that_is_gone_stops_before_redshift_is_asked(world: World, redshift: Warehouse) -> None:
    unload(world)
    del world.store.objects[next(uri for uri in world.store.objects if uri.key.endswith("0000_part_00"))]
    with pytest.raises(AirflowFailException, match="NoSuchKey"):
        load(world)
    assert not sent(world, "LOCK")


def test_a_manifest_that_was_changed_is_not_loaded(world: World, redshift: Warehouse) -> None:
    uri = S3Uri.parse(unload(world)["manifest_uri"])
    world.store.put(uri, world.store.get(uri) + b" ", kms_key_arn=KEY)
    with pytest.raises(AirflowFailException, match="SHA-256"):
        load(world)


def test_a_load_before_its_unload_says_what_to_clear(world: World, redshift: Warehouse) -> None:
    with pytest.raises(AirflowFailException, match="clear unload_claims with its downstream tasks"):
        load(world)


def test_a_ledger_with_other_rows_is_an_error(world: World, redshift: Warehouse) -> None:
    unload(world)
    redshift.ledger[load(world)["load_key"]] = 1
    world.redshift.batches.clear()
    world.redshift.tokens.clear()
    del world.store.objects[next(uri for uri in world.store.objects if uri.key.endswith("load/snapshot/result.json"))]
    with pytest.raises(AirflowFailException, match="the ledger has 1 rows"):
        load(world)


@pytest.mark.parametrize("kind", ["unload", "load"])
def test_on_kill_cancels_the_statement(
    world: World, redshift: Warehouse, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    task: Any = make(UnloadRedshiftOperator, "unload_claims", unload=UNLOAD)
    task.sql = sql(UNLOAD.sql)
    if kind == "load":
        unload(world)
        task = make(LoadRedshiftOperator, "load_snapshot", load=LOAD)
    before = len(world.redshift.log)

    def killed(_statement_id: str) -> None:
        task.on_kill()
        raise KeyboardInterrupt

    monkeypatch.setattr(world.redshift, "describe", killed)
    with pytest.raises(KeyboardInterrupt):
        task.execute(world.context(task.task_id))
    last = [*world.redshift.batches.values()][-1]
    assert (len(world.redshift.log), last.state) == (before + 1, StatementState.ABORTED)


def test_each_works_alone_in_a_hand_written_dag(world: World) -> None:
    world.redshift.run = Warehouse(world.store)
    with DAG("by_hand", tags={"phi"}, template_searchpath=[str(ROOT / "sql")], user_defined_filters=SQL_FILTERS):
        values = {"interval_start": "{{ params.since }}", "interval_end": "2026-09-02"}
        first = make(UnloadRedshiftOperator, "unload", unload=UNLOAD, parameters=values, leased=False)
        second = make(LoadRedshiftOperator, "load", load=LOAD, leased=False)
        first >> second
    context = world.context("unload") | {"params": {"since": "2026-09-01'; --"}}
    first.render_template_fields(context)
    assert "FROM billing.claims" in first.sql
    assert world.run(first)["rows"] == 3
    assert world.run(second)["rows"] == 3
    assert "CAST(''2026-09-01''''; --'' AS TIMESTAMP)" in sent(world, "UNLOAD")[0]
    assert not [uri for uri in world.store.objects if uri.key.startswith("runs/leases/")]


def test_a_boundary_without_redshift_is_named(world: World) -> None:
    bare = SETTINGS.boundaries.model_copy(update={"phi": SETTINGS.boundary.model_copy(update={"redshift": None})})
    settings = replace(SETTINGS, boundaries=bare)
    with pytest.raises(AirflowFailException, match=r"no phi\.redshift"):
        unload(world, settings=settings, leased=False)
