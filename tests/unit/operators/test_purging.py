"""A night that leaves the rows of keys out: plan, rebuild, proof and verdict, with steps that have read them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.clients.leases import LeaseKeeper
from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.model.cluster import StepState
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.pipeline import Submission
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.redshift import LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.rollback import RollbackSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.plan.built import from_json
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.names import built_uri
from druid_reindex.plan.purge import KeyFile
from night_world import DAY, NEW_VERSION, REBUILT_OBJECT, ROOT, SETTINGS, World, connect, make, old_segments
from sieving import Sieving
from twins import FakeDruid, FakeStore, Outcome, segment
from warehouse import KEY

KEYS = S3Uri("drx-phi-111122223333", "runs/keys/2026-10.txt")
SECRET = b"SECRET-TOKEN\n"
SNAPSHOT = NightSettings.read(ROOT / "dags" / "pipelines" / "patient_snapshot.yaml", configs=ROOT / "emr_configs")


@dataclass
class Publishing(Sieving):
    """One whose second step is the job."""

    druid: Any = None
    made: Segment | None = None

    def _leave(self, place: S3Uri) -> None:
        spec = json.loads(self.store.get(place))
        if "spec" not in spec:
            super()._leave(place)
            return
        version = spec["spec"]["tuningConfig"]["version"]
        made = self.made or smaller()
        made = replace(made, version=version, payload={**made.payload, "version": version})
        if made.version not in [each.version for each in self.druid.segments]:
            self.druid.segments.append(made)
        self._put(str(place).replace("spec.json", "result.json"), {"protocol": 1, "exit_code": 0})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    store = FakeStore()
    return connect(World(published(), Publishing(store=store), store), monkeypatch)


def published() -> FakeDruid:
    """A Druid whose next task publishes what is left of the ten segments."""
    return FakeDruid(old_segments(), [Outcome(publishes=[smaller()])])


def smaller() -> Segment:
    return segment(DAY, version=NEW_VERSION, datasource="patient_vitals", rows=90)


def purge(world: World, **sieved: Any) -> Publishing:
    """A purge that is planned and has a cluster; its keys have a tenth of the rows."""
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.store.put(REBUILT_OBJECT, b"segment", kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient_token"}, "reason": "a patient asked"}
    emr = world.emr
    assert isinstance(emr, Publishing)
    for name, value in sieved.items():
        setattr(emr, name, value)
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    return emr


def reindex(world: World) -> dict[str, Any]:
    done: dict[str, Any] = world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    return done


def record(world: World, done: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(world.store.get(S3Uri.parse(done["result_uri"])))
    return kept


def validate(world: World) -> dict[str, Any]:
    world.rows = 90
    found: dict[str, Any] = world.run(make(ValidateSegmentsOperator, "validate"))
    return found


def test_all_that_is_served_is_rebuilt_of_the_rows_that_a_step_kept_and_counted_again(world: World) -> None:
    emr = purge(world)
    assert world.xcoms["plan", "night"]["window"] == DAY
    done = reindex(world)
    kept, counted = emr.specs()
    assert [len(each["segments"]) for each in (kept, counted)] == [10, 1]
    assert (kept["keys"]["etag"], counted["output"]) == (world.xcoms["plan", "night"]["purge"]["etag"], None)
    told = record(world, done)["purge"]
    assert (told["keys"], told["rows_left"]) == (2, 0)
    assert (told["rows_without"], told["rows_with"]) == ({DAY: 90}, {DAY: 10})
    (task,) = world.druid.submitted
    segments, files = task["spec"]["ioConfig"]["inputSpec"]["children"]
    assert segments["ingestionSpec"]["filter"] == {"type": "false"}
    assert len(segments["ingestionSpec"]["segments"]) == 10
    assert files["paths"].startswith("s3a://drx-phi-111122223333/runs/")
    assert reindex(world) == done
    assert len(emr.added) == len(kept["chunks"]) + len(counted["chunks"])


def test_the_verdict_compares_with_the_rows_that_were_kept(world: World) -> None:
    purge(world)
    reindex(world)
    assert validate(world)["rows_after"] == 90
    world.rows = 100
    with pytest.raises(AirflowFailException, match="rows: 100, wanted 90"):
        world.run(make(ValidateSegmentsOperator, "validate"))


def test_no_key_is_in_what_the_night_tells_or_leaves(world: World) -> None:
    purge(world)
    reindex(world)
    validate(world)
    left = {str(uri): body for uri, (body, _) in world.store.objects.items() if uri != KEYS}
    assert not [uri for uri, body in left.items() if b"SECRET-TOKEN" in body]
    assert "SECRET-TOKEN" not in json.dumps(
        [*world.xcoms.values(), *world.druid.submitted, *world.emr.added], default=str
    )


def test_druid_is_on_the_cluster_for_the_steps(world: World) -> None:
    emr = purge(world)
    (launched,) = emr.launched
    assert "install Druid's CLI indexer" in [each["Name"] for each in launched["BootstrapActions"]]


def test_a_purge_has_a_cluster_of_its_own(world: World) -> None:
    purge(world)
    grouped = SETTINGS.pipeline.model_copy(
        update={"cluster": SETTINGS.pipeline.cluster.model_copy(update={"group": "night"})}
    )
    task = make(ReindexSegmentsOperator, "reindex", batch=0, settings=replace(SETTINGS, pipeline=grouped))
    assert task.sharing(world.context()) is None
    world.xcoms["plan", "night"]["purge"] = None
    assert task.sharing(world.context()) is not None


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (S3Uri("drx-phi-111122223333", "elsewhere/keys.txt"), "an address outside s3://drx-phi-111122223333/runs/"),
        (S3Uri("drx-general-111122223333", "runs/keys.txt"), "an address outside"),
        (S3Uri("drx-phi-111122223333", "runs/keys/none.txt"), "no object"),
    ],
)
def test_a_file_that_is_elsewhere_or_not_there_stops_before_a_cluster(world: World, where: S3Uri, told: str) -> None:
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(where), "column": "patient_token"}, "reason": "a patient asked"}
    with pytest.raises(AirflowFailException, match=told):
        world.plan()


def test_a_file_under_another_key_is_refused(world: World) -> None:
    world.store.put(KEYS, SECRET, kms_key_arn="arn:aws:kms:us-east-1:111122223333:key/of-somebody-else")
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient_token"}, "reason": "a patient asked"}
    with pytest.raises(AirflowFailException, match="of-somebody-else"):
        world.plan()


def test_a_column_that_is_no_dimension_is_refused(world: World) -> None:
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient"}, "reason": "a patient asked"}
    with pytest.raises(AirflowFailException, match="no dimension of the column's name"):
        world.plan()


def test_a_datasource_that_serves_nothing_has_nothing_to_purge(world: World) -> None:
    world.druid.segments.clear()
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient_token"}, "reason": "a patient asked"}
    assert world.plan() == []


def test_rows_that_are_left_are_red_and_the_old_version_serves_again(world: World) -> None:
    purge(world, left=1)
    with pytest.raises(AirflowFailException, match="1 rows with keys and 90 without them"):
        reindex(world)
    with pytest.raises(AirflowFailException):
        world.run(make(ValidateSegmentsOperator, "validate"))
    world.run(make(RollbackSegmentsOperator, "rollback"))
    assert {each.segment_id for each in world.druid.segments} == {each.segment_id for each in old_segments()}


def test_other_rows_than_druid_serves_stop_before_the_job(world: World) -> None:
    purge(world, rows=99)
    with pytest.raises(AirflowFailException, match="10 with keys and 89 without, of 100 rows"):
        reindex(world)
    assert world.druid.submitted == []


def test_a_script_of_an_earlier_release_is_no_proof(world: World) -> None:
    emr = purge(world)
    emr.result = {"exit_code": 1}
    with pytest.raises(AirflowFailException, match="upload the bootstrap scripts of this release"):
        reindex(world)


@pytest.mark.parametrize(
    ("status", "told"), [(11, "start the purge anew"), (12, "write one key into each line")]
)  # fmt: skip
def test_keys_that_cannot_be_read_say_what_to_do(world: World, status: int, told: str) -> None:
    emr = purge(world, step_outcomes=[StepState.FAILED])
    spec = next(iter_specs(world, emr))
    world.store.put(
        S3Uri.parse(str(spec).replace("spec.json", "result.json")),
        json.dumps({"protocol": 1, "exit_code": status, "problem": "the keys"}).encode(), kms_key_arn=KEY,
    )  # fmt: skip
    with pytest.raises(AirflowFailException, match=told):
        reindex(world)


def iter_specs(world: World, emr: Publishing) -> Any:
    """Where the first step's spec will be: as it is after a try that failed without a word."""
    with pytest.raises(AirflowFailException):
        reindex(world)
    emr.step_outcomes.append(StepState.FAILED)
    return iter([S3Uri.parse(str(emr.spec_of("s-0000000000001")).replace("_g1/", "_g2/"))])


def test_a_chunk_of_which_nothing_is_left_goes_out_of_service_without_a_job(world: World) -> None:
    emr = purge(world, keyed=100)
    done = reindex(world)
    assert (done["segments_after"], world.druid.submitted) == (0, [])
    assert world.druid.segments == []
    assert set(world.druid.unused) == {each.segment_id for each in old_segments()}
    assert record(world, done)["purge"]["rows_without"] == {DAY: 0}
    assert len(emr.added) == len(["sift", "count"])
    world.rows = 0
    assert world.run(make(ValidateSegmentsOperator, "validate"))["rows_after"] == 0


def test_a_try_that_died_after_its_steps_takes_them_up(world: World) -> None:
    emr = purge(world)
    world.druid.outcomes = [Outcome(TaskState.FAILED, failure="disk full"), Outcome(publishes=[smaller()])]
    with pytest.raises(AirflowFailException, match="disk full"):
        reindex(world)
    assert record(world, reindex(world))["purge"]["rows_left"] == 0
    assert len(emr.added) == len(["sift", "count"])


def test_a_purge_by_a_step_tells_its_three_steps_apart(world: World) -> None:
    as_step = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"submit": Submission.EMR_STEP}))
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient_token"}, "reason": "a patient asked"}
    emr = world.emr
    assert isinstance(emr, Publishing)
    emr.druid = world.druid
    world.run(make(PlanNightOperator, "plan", settings=as_step))
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=as_step))
    done = world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=as_step))
    names = [step["Name"].split("_")[4] for step in emr.added]
    assert names == ["sift0", "b0", "count0"]
    assert record(world, done)["purge"]["rows_left"] == 0


OLD_VERSION = "2026-09-03T00:00:00.000Z"


def of_snapshot(version: str, *, rows: int) -> Segment:
    """A segment of the snapshot's day with all of its columns."""
    made = segment(DAY, version=version, datasource="patient_snapshot", rows=rows)
    columns = {"dimensions": "patient_token,category", "metrics": "events,value_sum,charged_cents,paid_cents"}
    return Segment.from_payload({**made.payload, **columns}, num_rows=rows)


def snapshot(world: World, **sieved: Any) -> Publishing:
    """A purge of the shipped snapshot, which is built from the vitals and from unloads, with its cluster."""
    world.druid.segments.append(of_snapshot(OLD_VERSION, rows=100))
    emr = world.emr
    assert isinstance(emr, Publishing)
    emr.druid = world.druid
    emr.made = of_snapshot(NEW_VERSION, rows=90)
    for name, value in sieved.items():
        setattr(emr, name, value)
    world.store.put(KEYS, SECRET, kms_key_arn=KEY)
    world.conf = {"purge": {"key_file": str(KEYS), "column": "patient_token"}, "reason": "a patient asked"}
    world.run(make(PlanNightOperator, "plan", settings=SNAPSHOT))
    world.run(make(LaunchEmrClusterOperator, "cluster_up", settings=SNAPSHOT))
    return emr


def rebuild(world: World) -> dict[str, Any]:
    done: dict[str, Any] = world.run(make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT))
    return done


def claim(world: World) -> Claim:
    run_id = make(PlanNightOperator, "plan", settings=SNAPSHOT).run_identity(world.context())
    return Claim("patient_snapshot", run_id, SETTINGS.boundaries.deployment_id)


def withheld(world: World) -> tuple[KeyFile, ...]:
    return WithheldShelf(world.store, SETTINGS.boundary, "patient_snapshot").read()


def test_what_is_built_from_others_is_purged_of_its_own_segments_once_its_source_has_none(world: World) -> None:
    emr = snapshot(world)
    done = rebuild(world)
    names = [step["Name"].split("_")[4] for step in emr.added]
    assert names == ["source", "sift0", "b0", "count0"]
    source, sift, job, count = emr.specs()
    assert (len(source["segments"]), source["output"]) == (len(old_segments()), None)
    assert [OLD_VERSION in each["url"] for each in sift["segments"]] == [True]
    assert [OLD_VERSION in each["url"] for each in count["segments"]] == [False]
    segments, files = job["spec"]["ioConfig"]["inputSpec"]["children"]
    assert (segments["ingestionSpec"]["dataSource"], "/purge/0/" in files["paths"]) == ("patient_snapshot", True)
    told = record(world, done)
    assert (told["rows_before"], told["purge"]["rows_without"], told["manifests"]) == ({DAY: 100}, {DAY: 90}, [])
    assert rebuild(world) == done
    assert len(emr.added) == len(names)


def test_a_source_with_rows_of_the_keys_stops_the_purge_before_anything_is_changed(world: World) -> None:
    emr = snapshot(world, in_source=2)
    with pytest.raises(AirflowFailException, match=r"2 rows of the keys.*purge patient_vitals by the same file first"):
        rebuild(world)
    assert len(emr.added) == len(["source"])
    assert withheld(world) == ()


def test_a_source_that_serves_nothing_brings_nothing_back(world: World) -> None:
    world.druid.segments.clear()
    emr = snapshot(world)
    rebuild(world)
    assert [step["Name"].split("_")[4] for step in emr.added] == ["sift0", "b0", "count0"]


def test_the_keys_are_withheld_from_what_later_nights_unload_as_soon_as_a_batch_is_proven(world: World) -> None:
    snapshot(world, left=1)
    with pytest.raises(AirflowFailException, match="1 rows with keys"):
        rebuild(world)
    assert withheld(world) == ()


def test_withheld_is_the_file_that_was_left_out(world: World) -> None:
    snapshot(world)
    rebuild(world)
    assert [(each.uri, each.column) for each in withheld(world)] == [(str(KEYS), "patient_token")]


def test_a_plain_pipeline_withholds_nothing(world: World) -> None:
    purge(world)
    reindex(world)
    assert WithheldShelf(world.store, SETTINGS.boundary, "patient_vitals").read() == ()


def test_the_next_night_builds_the_chunk_of_its_inputs_again(world: World) -> None:
    """Since the purge of the source these have changed; what the purge was built from is none of them."""
    snapshot(world)
    rebuild(world)
    (known,) = from_json(world.store.get(built_uri(SETTINGS.boundary, "patient_snapshot"))).values()
    assert known[0].version == next(s.version for s in world.druid.segments if s.num_rows == 90)
    LeaseKeeper(world.store, SETTINGS.boundary, claim(world)).release()
    world.conf = {"interval": "2026-09-01/2026-09-02", "reason": "the night after"}
    world.run_id = "manual__2"
    world.run(make(PlanNightOperator, "plan", settings=SNAPSHOT))
    assert world.xcoms["plan", "night"]["reasons"] == {"inputs changed": 1}


def test_a_purge_unloads_prepares_and_loads_nothing_of_what_its_nights_read(world: World) -> None:
    snapshot(world)
    claims, _ = SNAPSHOT.pipeline.unloads
    assert world.run(make(UnloadRedshiftOperator, "unload_claims", settings=SNAPSHOT, unload=claims)) == {}
    assert world.run(make(TokeniseFilesOperator, "prepare_claims", settings=SNAPSHOT, unload=claims)) == {}
    passed_on = SNAPSHOT.pipeline.loads[0].model_copy(update={"unload": "claims"})
    assert world.run(make(LoadRedshiftOperator, "load_claims", settings=SNAPSHOT, load=passed_on)) == {}
    assert world.redshift.log == []


def test_lineage_tells_that_a_purge_reads_what_it_writes_and_no_source(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "druid_address", lambda _conn_id: ("druid.example.org", 9088))
    snapshot(world)
    claims, _ = SNAPSHOT.pipeline.unloads
    unload = make(UnloadRedshiftOperator, "unload_claims", settings=SNAPSHOT, unload=claims)
    rebuilds = make(ReindexSegmentsOperator, "reindex", batch=0, settings=SNAPSHOT)
    for task in (unload, rebuilds):
        task.night = json.dumps(world.xcoms["plan", "night"])
    world.run(rebuilds)
    told = unload.get_openlineage_facets_on_complete(None)
    assert (told.inputs, told.outputs) == ([], [])
    found = rebuilds.lineage()
    assert {each.name.name for each in (*found.inputs, *found.outputs)} == {"patient_snapshot"}


def test_the_verdict_of_what_is_built_from_others_compares_with_the_rows_that_were_kept(world: World) -> None:
    snapshot(world)
    rebuild(world)
    for each in world.druid.segments:
        place = each.payload["loadSpec"]
        world.store.put(S3Uri(place["bucket"], place["key"]), b"segment", kms_key_arn=KEY)
    world.rows = 90
    assert world.run(make(ValidateSegmentsOperator, "validate", settings=SNAPSHOT))["rows_after"] == 90
    world.rows = 100
    with pytest.raises(AirflowFailException, match="rows: 100, wanted 90"):
        world.run(make(ValidateSegmentsOperator, "validate", settings=SNAPSHOT))
