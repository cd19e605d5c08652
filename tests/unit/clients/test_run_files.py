"""The files with rows that a DAG's runs have left: which they are, and that no version of them is left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.run_files import RunFiles, RunsPlace, kind_of
from druid_reindex.errors import FencedOutError, IntegrityError
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.orphans import owner_document
from timelines import RUN, boundaries
from twins import FakeStore, FakeVersions

PHI, DEPLOYMENT = boundaries().phi, boundaries().deployment_id
RUNS = S3Uri.parse(PHI.runs_uri)
COPY = S3Uri("drx-phi-replica-111122223333", RUNS.key)
ROWS = ("unload/claims/1/0000_part_00.json", "prepared/claims/s/files/part-00000.json.bz2",
        "export/snapshot/s/files/part-00000.json", "purge/0/s/files/part-00000.json.gz")  # fmt: skip
RECORDS = ("plan.json", "owner.json", "unload/claims/result.json", "unload/claims/1/manifest", "purge/0/s/spec.json",
           "export/snapshot/manifest", "load/snapshot/abc.manifest", "batches/0/result.json")  # fmt: skip


def run(name: str, dag_id: str = RUN.dag_id) -> RunId:
    return RunId.of(DEPLOYMENT, dag_id=dag_id, run_id=name)


@dataclass
class Town:
    """Runs with rows and records, in the bucket and in its copy; every file has a version that was deleted too."""

    store: FakeStore = field(default_factory=FakeStore)
    bucket: FakeVersions = field(default_factory=FakeVersions)
    copy: FakeVersions = field(default_factory=FakeVersions)

    def leave(self, run_id: RunId, *, owner: RunId | None = None) -> None:
        body = json.dumps(owner_document(owner or run_id, DEPLOYMENT)).encode()
        self.store.put(RUNS / f"{run_id}/owner.json", body, kms_key_arn="k")
        for place, versions in ((RUNS, self.bucket), (COPY, self.copy)):
            for key in (*ROWS, *RECORDS):
                versions.add(place / f"{run_id}/{key}")
            versions.hide(place / f"{run_id}/{ROWS[0]}")

    def files(self, *, lost: bool = False) -> RunFiles:
        def require() -> None:
            if lost:
                raise FencedOutError("go on", resource="lease", came_back="another's", remedy="stop")

        places = RunsPlace(self.bucket, RUNS), RunsPlace(self.copy, COPY)
        return RunFiles(RUN, DEPLOYMENT, self.store, places, self.shelf, require)

    @property
    def shelf(self) -> DisposalShelf:
        return DisposalShelf(self.store, PHI, "patient_vitals")

    def left(self, run_id: RunId) -> list[set[str]]:
        """The files of the run that have any version, in both places."""
        found = ((place / str(run_id), versions) for place, versions in ((RUNS, self.bucket), (COPY, self.copy)))
        return [{uri.key.removeprefix(f"{at.key}/") for uri in versions.objects if at.covers(uri)}
                for at, versions in found]  # fmt: skip


@pytest.fixture
def town() -> Town:
    made = Town()
    for each in (RUN, run("earlier"), run("of-another", "nightly_reindex__patient_snapshot")):
        made.leave(each)
    return made


RECORD = Disposal("patient_vitals", DEPLOYMENT, RUN, datetime(2026, 10, 20, tzinfo=UTC))


def test_files_with_rows_are_told_from_records() -> None:
    assert [kind_of(RUNS / f"r/{key}", RUNS) for key in ROWS] == ["unload", "prepared", "export", "purge"]
    assert {kind_of(RUNS / f"r/{key}", RUNS) for key in (*RECORDS, "x")} == {None}
    assert kind_of(RUNS / "keys/one.txt", RUNS) is None


def test_every_version_of_earlier_runs_of_the_dag_is_gone_from_both_places_and_recorded(town: Town) -> None:
    assert [len(found) for _, found in town.files().found()] == [len(ROWS) + 1] * 2
    record = town.files().disposed(RECORD)
    assert town.left(run("earlier")) == [set(RECORDS)] * 2
    assert len(record.files) == 2 * (len(ROWS) + 1)
    assert record.checked == (str(RUNS), str(COPY))
    assert town.shelf.read(RUN) == record


def test_the_runs_own_files_and_those_of_other_dags_stay(town: Town) -> None:
    town.files().disposed(RECORD)
    for other in (RUN, run("of-another", "nightly_reindex__patient_snapshot")):
        assert town.left(other) == [{*ROWS, *RECORDS}] * 2


def test_what_nobody_proves_to_be_the_dags_stays(town: Town) -> None:
    town.leave(run("forged"), owner=run("earlier"))
    town.files().disposed(RECORD)
    assert town.left(run("forged")) == [{*ROWS, *RECORDS}] * 2


def test_given_again_it_knows_what_it_has_deleted(town: Town) -> None:
    record = town.files().disposed(RECORD)
    assert town.files().disposed(record) == record


def test_a_version_that_cannot_be_deleted_is_told_and_what_went_is_recorded_before(town: Town) -> None:
    held = COPY / f"{run('earlier')}/{ROWS[1]}"
    town.copy.delete_versions = lambda versions: None  # type: ignore[method-assign, misc, assignment]
    with pytest.raises(IntegrityError, match="there still"):
        town.files().disposed(RECORD)
    kept = town.shelf.read(RUN)
    assert kept is not None
    assert held in {each.uri for each in kept.files}


def test_without_the_lease_nothing_is_deleted(town: Town) -> None:
    with pytest.raises(FencedOutError):
        town.files(lost=True).disposed(RECORD)
    assert town.left(run("earlier"))[0] == {*ROWS, *RECORDS}
    assert not town.store.exists(names.disposal_uri(PHI, "patient_vitals", RUN))
