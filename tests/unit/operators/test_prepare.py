"""`prepare_…`: made once, by a step that alone knows the key; another version of the key ends the night."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.model.cluster import Step, StepState
from druid_reindex.model.identity import digest
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import Token, TokenKey
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.inputs import read_inputs
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.plan import names
from druid_reindex.plan.purge import KeyFile
from night_world import SETTINGS, World, make
from step_commands import command_of, spec_of
from twins import FakeEmr, FakeStore
from warehouse import KEY, UNLOAD

KEYS = KeyFile("s3://drx-phi-111122223333/runs/keys/one.txt", "etag", "patient_token")
TOKENS = (Token(column="patient_id", kind="patient", name="patient_token"),)
CLAIMS = UNLOAD.model_copy(update={"tokens": TOKENS})
TOKEN_KEY = TokenKey(secret_id="druid-reindex/tokens/phi/p", version_id="1" * 32)
SNAPSHOT = replace(
    SETTINGS,
    pipeline=Pipeline.model_validate(
        SETTINGS.pipeline.model_dump()
        | {
            "datasource": "patient_snapshot",
            "inputs": [
                {"type": "datasource", "datasource": "patient_vitals"},
                {"type": "static", "unload": CLAIMS.name, "format": CLAIMS.format.value},
            ],
            "unloads": [CLAIMS.model_dump()],
            "token_key": TOKEN_KEY.model_dump(),
        }
    ),
)


class Tokenising(FakeEmr):
    """An EMR whose steps leave what the script leaves; `result` in place of it, by the number of the step."""

    def __init__(self, store: FakeStore, outcomes: list[StepState], results: list[dict[str, Any] | None]) -> None:
        super().__init__(step_outcomes=outcomes)
        self.store, self.results = store, results
        self.withheld, self.lost = 0, 0

    def describe_step(self, cluster_id: str, step_id: str) -> Step:
        step = super().describe_step(cluster_id, step_id)
        if step.state.is_ended:
            self._leave(int(step_id[2:]) - 1)
        return step

    def _leave(self, number: int) -> None:
        place = spec_of(self.added[number])
        spec = json.loads(self.store.get(place))
        result = self.results[number] if number < len(self.results) else {"protocol": 1, "exit_code": 0}
        if result is None:
            return
        told = {"withheld": self.withheld} if spec["protocol"] == 2 else {}
        self._put(str(place).replace("spec.json", "result.json"), result | told)
        if result["exit_code"] == 0:
            entries = []
            for i, source in enumerate(spec["inputs"]):
                url = f"{spec['output']}part-{i:05}.json.bz2"
                self._put(url, {})
                rows = source["rows"] - self.withheld - self.lost
                entries.append({"url": url, "meta": {"content_length": 1, "record_count": rows}})
            self._put(f"{spec['output']}manifest", {"entries": entries})

    def _put(self, uri: str, document: object) -> None:
        self.store.put(S3Uri.parse(uri), json.dumps(document).encode(), kms_key_arn=KEY)


def ready(world: World, *results: dict[str, Any] | None, outcomes: tuple[StepState, ...] = ()) -> World:
    """A planned night with its cluster, and 30 rows unloaded."""
    emr = Tokenising(world.store, list(outcomes), list(results))
    world.emr = emr
    world.run(make_plan())
    unload_rows(world, 30)
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=SNAPSHOT))
    return world


def make_plan() -> Any:
    from druid_reindex.operators.plan import PlanNightOperator

    return make(PlanNightOperator, "plan", settings=SNAPSHOT)


def unload_rows(world: World, rows: int) -> None:
    run_id = make_plan().run_identity(world.context())
    prefix = names.unload_prefix(SETTINGS.boundary, run_id, CLAIMS.name)
    entry = {"url": str(prefix / "1/a.bz2"), "meta": {"content_length": 1, "record_count": rows}}
    body = json.dumps({"entries": [entry]}).encode()
    record = {"manifest_uri": str(prefix / "1/manifest"), "manifest_sha256": digest(body)}
    for uri, content in (
        (prefix / "1/manifest", body), (prefix / "1/a.bz2", b"x"), (prefix / "result.json", json.dumps(record).encode())
    ):  # fmt: skip
        world.store.put(uri, content, kms_key_arn=KEY)


def prepare(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.run(make(TokeniseFilesOperator, "prepare_claims", settings=SNAPSHOT, unload=CLAIMS))
    return told


def test_tokens_are_made_once_and_the_batch_reads_them(world: World) -> None:
    told = prepare(ready(world))
    assert (told["rows"], told["files"], told["key_version"]) == (30, 1, "1" * 32)
    assert prepare(world) == told
    assert len(world.emr.added) == 1
    task = make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT)
    read = read_inputs(task, world.context())
    assert read.file_rows == 30
    (path,) = read.pipeline.files[0].paths
    assert "/prepared/claims/" in path


def test_the_step_is_the_script_that_lies_beside_the_pipeline_and_knows_no_key(world: World) -> None:
    prepare(ready(world))
    (step,) = world.emr.added
    *_, script, sha256, spec_uri, region = command_of(step)
    assert script == "s3://drx-artifacts-111122223333/bootstrap/tokenise.sh"
    assert sha256 == digest((SETTINGS.configs / "bootstrap/tokenise.sh").read_bytes())
    assert (spec_uri.rpartition("/")[2], region) == ("spec.json", "us-east-1")
    assert step["Name"].startswith(names.task_prefix("patient_snapshot", make_plan().run_identity(world.context())))
    assert world.store.kms_keys([S3Uri.parse(spec_uri)]) == {S3Uri.parse(spec_uri): KEY}


def test_a_key_that_was_rotated_ends_the_night_and_says_what_to_do(world: World) -> None:
    rotated = {"protocol": 1, "exit_code": 3, "problem": "the key's version is 2, not 1"}
    ready(world, rotated, outcomes=(StepState.FAILED,))
    with pytest.raises(AirflowFailException, match=r"p: the key's version is 2, not 1.*ingest all data anew"):
        prepare(world)
    with pytest.raises(AirflowFailException, match="clear prepare_claims"):
        world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT))
    assert world.druid.submitted == []


def test_a_step_that_died_is_replaced_when_the_task_is_cleared(world: World) -> None:
    ready(world, None, outcomes=(StepState.FAILED,))
    with pytest.raises(AirflowFailException, match="FAILED"):
        prepare(world)
    assert prepare(world)["rows"] == 30
    assert [step["Name"][-3:] for step in world.emr.added] == ["_g1", "_g2"]


def test_what_was_unloaded_anew_is_prepared_anew(world: World) -> None:
    first = prepare(ready(world))
    unload_rows(world, 31)
    with pytest.raises(AirflowFailException, match="clear prepare_claims"):
        world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT))
    second = prepare(world)
    assert (second["rows"], len(world.emr.added)) == (31, 2)
    assert second["manifest_uri"] != first["manifest_uri"]


def withhold(world: World, *, rows: int, etag: str = "etag") -> Tokenising:
    """A purge's file of keys, of which the unload has so many rows."""
    WithheldShelf(world.store, SETTINGS.boundary, "patient_snapshot").add(replace(KEYS, etag=etag))
    emr = world.emr
    assert isinstance(emr, Tokenising)
    emr.withheld = rows
    return emr


def test_rows_of_withheld_keys_are_left_out_by_the_step_and_counted(world: World) -> None:
    emr = withhold(ready(world), rows=4)
    told = prepare(world)
    assert (told["rows"], told["withheld_rows"]) == (26, 4)
    (step,) = emr.added
    spec = json.loads(world.store.get(spec_of(step)))
    assert (spec["protocol"], spec["withheld"]) == (2, [KEYS.to_json()])
    task = make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT)
    assert read_inputs(task, world.context()).file_rows == 26
    assert prepare(world) == told
    assert len(emr.added) == 1


def test_what_is_withheld_since_makes_the_files_anew(world: World) -> None:
    prepare(ready(world))
    emr = withhold(world, rows=4)
    assert prepare(world)["rows"] == 26
    withhold(world, rows=0, etag="another")
    assert prepare(world)["withheld_rows"] == 0
    assert len(emr.added) == 3


def test_rows_that_are_neither_prepared_nor_withheld_are_an_error(world: World) -> None:
    withhold(ready(world), rows=4).lost = 1
    with pytest.raises(AirflowFailException, match="25 rows, and 4 withheld, of 30 that were unloaded"):
        prepare(world)


def test_keys_that_are_gone_end_the_night_and_say_how_to_let_them_in_again(world: World) -> None:
    gone = {"protocol": 1, "exit_code": 11, "problem": "withheld keys cannot be read"}
    withhold(ready(world, gone, outcomes=(StepState.FAILED,)), rows=0)
    with pytest.raises(AirflowFailException, match=r"withheld keys cannot be read.*withheld PIPELINE --lift"):
        prepare(world)


def test_a_night_without_work_makes_none(world: World) -> None:
    world.druid.segments.clear()
    world.run(make_plan())
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        prepare(world)
