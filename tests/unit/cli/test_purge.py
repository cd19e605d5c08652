"""`purge`: what is asked, started and followed, and what is told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside
from druid_reindex.cli import purge
from druid_reindex.cli.main import app
from druid_reindex.cli.nights import Desk
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.model.boundary import Boundary, Replica
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.orphans import owner_document
from druid_reindex.plan.purge import KeyFile
from timelines import one_job, segment, span
from twins import FakeDruid, FakeVersions

KEYS = "s3://drx-phi-111122223333/runs/keys/one.txt"
DATASOURCE, DAY = "patient_vitals", span("09-01/09-02")
ROOT = S3Uri("drx-phi-111122223333", "druid/segments/")
COPY = S3Uri("drx-phi-replica-111122223333", "druid/segments/")
SUBJECT = DESK.subject(DagRun(DAG, RUN, "success"))


def stored(segment: Segment) -> Segment:
    """The segment with the address that Druid gives it."""
    key = f"{SegmentName.of(segment).folder(ROOT, DATASOURCE).key}/index.zip"
    return replace(segment, payload=segment.payload | {"loadSpec": {"bucket": ROOT.bucket, "key": key}})


OLD = [stored(segment(DAY, "2026-09-20", number)) for number in range(2)]
NEW = [stored(each) for each in one_job(DAY, 1, version="2026-10-06")]


@dataclass
class Town(Outside):
    """A purge of one batch that ends well as soon as it is started; both buckets have what it replaced."""

    bucket: FakeVersions = field(default_factory=FakeVersions)
    copy: FakeVersions = field(default_factory=FakeVersions)
    rows_left: int = 0

    def __post_init__(self) -> None:
        self.druid = FakeDruid([*OLD, *NEW], deep_storage=self.bucket)
        self.druid.mark_unused(DATASOURCE, [each.segment_id for each in OLD])
        for each in (*OLD, *NEW):
            self.bucket.add(SegmentName.of(each).folder(ROOT, DATASOURCE) / "index.zip")
            self.copy.add(SegmentName.of(each).folder(COPY, DATASOURCE) / "index.zip")
        self.etag = self.store.put(S3Uri.parse(KEYS), b"SECRET-TOKEN", kms_key_arn="k")
        self.airflow.ending = "success"
        self.airflow.started = self.leave

    def leave(self, run_id: str) -> None:
        """What the run leaves of its batch."""
        told = {"uri": KEYS, "etag": self.etag, "column": "patient_token"}
        self.airflow.xcoms["plan", "night"] = {"batches": [0], "purge": told}
        subject = DESK.subject(DagRun(DAG, run_id, "success"))
        record = {
            "before": {str(DAY): [each.segment_id for each in OLD]},
            "purge": {
                "keys": 3, "rows_with": {str(DAY): 3}, "rows_without": {str(DAY): 1000}, "rows_left": self.rows_left
            },
        }  # fmt: skip
        body = json.dumps(record).encode()
        self.store.put(names.result_uri(subject.boundary, subject.run_id, 0), body, kms_key_arn="k")

    def left(self) -> tuple[set[str], set[str]]:
        """The versions of which there are objects, in the bucket and in its copy."""
        versions = ([uri.key for uri in each.objects] for each in (self.bucket, self.copy))
        found = ({key.split("/")[4] for key in keys if key.startswith(ROOT.key)} for keys in versions)
        return next(found), next(found)


def replicated(desk: Desk, pipeline: Pipeline) -> Boundary:
    """The boundary with a copy of its bucket."""
    copied = Replica(bucket=COPY.bucket, region="us-west-2")
    return desk.boundaries.of(pipeline.classification).model_copy(update={"replica": copied})


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Town:
    made = Town()
    made.connect(monkeypatch, purge)
    monkeypatch.setattr(purge.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(purge, "versions_in", {"us-east-1": made.bucket, "us-west-2": made.copy}.__getitem__)
    monkeypatch.setattr(Desk, "boundary", replicated)
    return made


def invoke(*options: str, said: str = "", key_file: str = KEYS, column: str = "patient_token") -> Result:
    asked = ["purge", DATASOURCE, "--key-file", key_file, "--column", column]
    return CliRunner().invoke(app, [*asked, *options, *PLACES], input=said)


def test_after_two_yes_the_rows_are_left_out_and_old_versions_are_gone_from_both_buckets(outside: Town) -> None:
    result = invoke(said="y\ny\n")
    assert result.exit_code == 0, result.output
    (started,) = [each for each in outside.airflow.did if each[0] == "trigger"]
    assert started[-1] == {
        "reason": f"purge by {KEYS}", "purge": {"key_file": KEYS, "column": "patient_token"}
    }  # fmt: skip
    assert "1 of 1 batches rebuilt without 3 keys: 3 rows left out, 1,000 kept, 0 of the keys" in result.stdout
    assert "old versions 2" in result.stdout
    assert outside.left() == ({"2026-10-06"}, {"2026-10-06"})
    assert outside.druid.unused == {}
    disposal = DisposalShelf(outside.store, SUBJECT.boundary, DATASOURCE).read(SUBJECT.run_id)
    assert disposal is not None
    assert disposal.checked == tuple(
        f"s3://{bucket}/{place}" for place in ("runs/", "druid/segments/patient_vitals")
        for bucket in (ROOT.bucket, COPY.bucket)
    )  # fmt: skip
    assert "SECRET-TOKEN" not in result.output + str(disposal)
    lease = LeaseShelf(outside.store, SUBJECT.boundary, DATASOURCE).read()
    assert lease is not None
    assert lease.is_given_back


def test_a_no_starts_nothing(outside: Town) -> None:
    result = invoke(said="n\n")
    assert (result.exit_code, outside.airflow.did) == (1, [])
    assert "nothing more is changed" in result.stderr


def test_a_no_to_the_deletion_leaves_all_old_versions_and_given_again_it_goes_on(outside: Town) -> None:
    result = invoke(said="y\nn\n")
    assert result.exit_code == 1
    assert outside.left() == ({"2026-09-20", "2026-10-06"}, {"2026-09-20", "2026-10-06"})
    again = invoke(said="y\n")
    assert again.exit_code == 0, again.output
    assert outside.left() == ({"2026-10-06"}, {"2026-10-06"})
    assert len(outside.airflow.did) == 1


def test_all_done_given_again_it_is_another_purge(outside: Town) -> None:
    assert invoke("--yes").exit_code == 0
    again = invoke("--yes")
    assert again.exit_code == 0, again.output
    assert len(outside.airflow.did) == 2
    assert "nothing to dispose of" in again.stdout


def test_without_a_replica_it_is_said_that_copies_stay(outside: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "boundary", lambda desk, pipeline: desk.boundaries.of(pipeline.classification))
    result = invoke("--yes")
    assert result.exit_code == 0, result.output
    assert "no replica is named in boundaries.yaml" in result.stdout
    assert outside.left() == ({"2026-10-06"}, {"2026-09-20", "2026-10-06"})


def test_what_cannot_be_deleted_is_red_and_given_again_it_goes_on(outside: Town) -> None:
    held = SegmentName.of(OLD[0]).folder(COPY, DATASOURCE) / "index.zip"
    outside.copy.held.add(held)
    result = invoke("--yes")
    assert result.exit_code == 1
    assert outside.left() == ({"2026-10-06"}, {"2026-09-20", "2026-10-06"})
    outside.copy.held.clear()
    again = invoke("--yes")
    assert again.exit_code == 0, again.output
    assert outside.left() == ({"2026-10-06"}, {"2026-10-06"})
    assert len(outside.airflow.did) == 1


def test_what_is_out_of_service_where_nothing_serves_is_named_and_left(outside: Town) -> None:
    other = stored(segment("09-05/09-06", "2026-09-20"))
    outside.bucket.add(SegmentName.of(other).folder(ROOT, DATASOURCE) / "index.zip")
    result = invoke("--yes")
    assert "left, out of service where nothing serves: 1" in result.stdout
    assert outside.left()[0] == {"2026-09-20", "2026-10-06"}


def test_files_of_earlier_runs_go_from_both_buckets_and_those_of_others_are_told(outside: Town) -> None:
    earlier = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="earlier")
    owner = json.dumps(owner_document(earlier, DESK.boundaries.deployment_id)).encode()
    outside.store.put(S3Uri(ROOT.bucket, f"runs/{earlier}/owner.json"), owner, kms_key_arn="k")
    outside.store.put(S3Uri(ROOT.bucket, "runs/r/export/snapshot/g1/part-0"), b"", kms_key_arn="k")
    for bucket, versions in ((ROOT.bucket, outside.bucket), (COPY.bucket, outside.copy)):
        for key in ("export/snapshot/g1/files/part-00000.json", "owner.json"):
            versions.add(S3Uri(bucket, f"runs/{earlier}/{key}"))
    result = invoke("--yes")
    assert result.exit_code == 0, result.output
    assert "and of 2 versions of files; none was found after" in result.stdout
    left = [uri.key for each in (outside.bucket, outside.copy) for uri in each.objects if uri.key.startswith("runs/")]
    assert left == [f"runs/{earlier}/owner.json"] * 2
    assert "other pipelines' below s3://drx-phi-111122223333/runs/: 1 of export" in result.stdout


def test_a_derived_pipeline_says_what_is_kept_out_of_later_nights(outside: Town) -> None:
    WithheldShelf(outside.store, SUBJECT.boundary, DATASOURCE).add(KeyFile(KEYS, "etag", "patient_token"))
    assert "rows of 1 files of keys, which must stay as they are" in invoke("--yes").stdout


def test_a_run_that_failed_disposes_of_nothing_and_given_again_it_is_started_anew(outside: Town) -> None:
    outside.airflow.ending = "failed"
    result = invoke("--yes")
    assert result.exit_code == 1
    assert "batches that passed stay as they are" in result.stderr
    assert outside.left()[0] == {"2026-09-20", "2026-10-06"}
    outside.airflow.ending = "success"
    assert invoke("--yes").exit_code == 0
    assert len(outside.airflow.did) == 2


def test_a_green_run_with_rows_left_is_no_proof(outside: Town) -> None:
    outside.rows_left = 1
    assert invoke("--yes").exit_code == 1
    assert outside.left()[0] == {"2026-09-20", "2026-10-06"}


def test_while_another_run_is_live_nothing_is_started(outside: Town) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "running")]
    result = invoke("--yes")
    assert result.exit_code == 1
    assert "druid-reindex abort" in result.stderr
    assert outside.airflow.did == []


def test_a_file_that_has_changed_since_is_another_purge(outside: Town) -> None:
    outside.airflow.runs = [DagRun(DAG, RUN, "success")]
    outside.leave(RUN)
    outside.etag = outside.store.put(S3Uri.parse(KEYS), b"SECRET-TOKEN\nANOTHER", kms_key_arn="k")
    assert invoke("--yes").exit_code == 0
    assert len(outside.airflow.did) == 1


def test_while_another_run_holds_the_lease_nothing_is_disposed_of(outside: Town) -> None:
    other = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id="another")
    LeaseKeeper(outside.store, SUBJECT.boundary, Claim(DATASOURCE, other, DESK.boundaries.deployment_id)).hold()
    result = invoke("--yes")
    assert result.exit_code == 1
    assert "another" in result.stderr
    assert outside.left()[0] == {"2026-09-20", "2026-10-06"}


def test_what_is_no_address_is_not_repeated(outside: Town) -> None:
    result = invoke("--yes", key_file="SECRET-TOKEN")
    assert result.exit_code == 1
    assert "SECRET-TOKEN" not in result.output + result.stderr
    assert outside.airflow.did == []


def test_a_column_that_is_no_dimension_is_refused_before_anything_is_started(outside: Town) -> None:
    result = invoke("--yes", column="patient")
    assert result.exit_code == 1
    assert "no dimension of the column's name" in result.stderr
    assert outside.airflow.did == []
