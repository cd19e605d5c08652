"""Rows of keys leave a real datasource: sifted by Druid's own tool, rebuilt by its Hadoop job, counted, disposed of."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import boto3
import pytest

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.purged import Purged, old_versions
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.stored_versions import Place
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import emr as requests
from druid_reindex.plan import hadoop, purge
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.plan.night import Batch
from druid_reindex.plan.planner import plan_night
from druid_reindex.plan.purge import KeyFile, Sifted
from druid_reindex.sandbox.aws.service import emr_configs
from indexing_cluster import STEP_SECONDS, ended, indexing_cluster, local_profile
from native_night import await_answer, await_counted, ingested, rows, settings_of
from real_sandbox import Sandbox, store

pytestmark = pytest.mark.sandbox

NAME, KEY = "patient_purged", "token-that-goes-7f3a91"
DAYS = [Interval.parse(f"2026-09-0{day}/2026-09-0{day + 1}") for day in (1, 2)]
WHOLE = Interval.parse("2026-09-01/2026-09-03")
A_DAY = 300
BOUNDARY = load_boundaries(emr_configs()).phi
FOLDER = S3Uri.parse(BOUNDARY.runs_uri) / "purge_tests"
KILL_SECONDS = 120.0


def data(value: float, day: Interval) -> list[dict[str, Any]]:
    """Rows of a day, of which a third has the key."""
    return [row | ({"code": KEY} if row["code"] == "c1" else {}) for row in rows(day, A_DAY, value=value)]


@pytest.fixture(scope="module")
def cluster_id(sandbox: Sandbox) -> Iterator[str]:
    with indexing_cluster(sandbox, BOUNDARY, "purge") as launched:
        yield launched


def put(uri: S3Uri, body: bytes) -> str:
    return store().put(uri, body, kms_key_arn=BOUNDARY.kms_key_arn)


def told(cluster_id: str, name: str, spec: dict[str, Any]) -> dict[str, Sifted]:
    """What the script counted by chunk, of one key."""
    put(FOLDER / f"{name}/spec.json", json.dumps(spec).encode())
    step = requests.export_step(name, FOLDER / f"{name}/spec.json", "us-east-1")
    assert ended(cluster_id, step) == "COMPLETED", store().get(FOLDER / f"{name}/result.json")
    keys, found = purge.sifted(json.loads(store().get(FOLDER / f"{name}/result.json")))
    assert keys == 1
    return found


def served(sandbox: Sandbox) -> list[Segment]:
    counts = sandbox.druid.segment_rows(NAME, [WHOLE])
    return [replace(each, num_rows=counts.get(each.segment_id)) for each in sandbox.druid.used_segments(NAME, [WHOLE])]


def rebuilt(cluster_id: str, pipeline: Pipeline, batch: Batch, files: Sequence[str]) -> str:
    """The version that Druid's job has published of the files."""
    version = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    spec = purge.from_files_alone(
        hadoop.cli_spec(
            purge.combined(pipeline, files), BOUNDARY, local_profile(), batch, version=version, unique_id="purge"
        )
    )
    put(FOLDER / "job/spec.json", json.dumps(spec).encode())
    step = requests.reindex_step("purge", FOLDER / "job/spec.json", BOUNDARY, limit_seconds=STEP_SECONDS)
    assert ended(cluster_id, step) == "COMPLETED"
    return version


def disposed(sandbox: Sandbox, place: Place) -> set[SegmentName]:
    """What was disposed of, once no version of it is left."""
    nothing_emptied = Purged(1, 1, 1, 0, 0, 0, {})
    old, unknown = old_versions(NAME, nothing_emptied, sandbox.druid, [place])
    assert unknown == []
    deployment = load_boundaries(emr_configs()).deployment_id
    run_id = RunId.of(deployment, dag_id=f"nightly_reindex__{NAME}", run_id="manual__purge")
    hand = SegmentDisposal(
        NAME, deployment, run_id, sandbox.druid, (place,), DisposalShelf(store(), BOUNDARY, NAME), lambda: None, print
    )
    record, give_up = hand.begin(old), time.monotonic() + KILL_SECONDS
    while left := hand.pending(record):
        assert time.monotonic() < give_up, left
        time.sleep(1.0)
    done = hand.finish(record)
    assert done.left == {}
    return {SegmentName.parse(NAME, each) for each in done.segments}


def test_no_row_of_the_key_is_left_in_any_version_and_all_others_are_as_they_were(
    sandbox: Sandbox, cluster_id: str
) -> None:
    pipeline = settings_of(sandbox, NAME).pipeline
    ingested(sandbox.druid, pipeline, DAYS, [*data(1.5, DAYS[0]), *data(0.25, DAYS[1])])
    await_counted(sandbox, NAME, 2 * A_DAY)
    before = served(sandbox)
    (batch,) = plan_night(pipeline, before, WHOLE, [WHOLE]).batches
    keys = KeyFile(str(FOLDER / "keys.txt"), put(FOLDER / "keys.txt", f"{KEY}\n".encode()), "code")

    sift = purge.sift_spec(pipeline, keys, batch, boundary=BOUNDARY, folder=FOLDER / "sift")
    kept = told(cluster_id, "sift", sift)
    purge.refuse_uncounted(NAME, {str(day): A_DAY for day in DAYS}, kept)
    assert {each.with_keys for each in kept.values()} == {A_DAY // 3}
    assert [kept[str(day)].metrics["value_sum"] for day in DAYS] == [200 * 1.5, 200 * 0.25]
    place = FOLDER / "sift/files/manifest"
    manifest = read_manifest(place, store().get(place), below=FOLDER)
    assert manifest.rows == 2 * A_DAY * 2 // 3

    version = rebuilt(cluster_id, pipeline, batch, [str(file.uri) for file in manifest.files])
    await_answer(sandbox, NAME, (400, 350.0))
    codes = sandbox.druid.query(f'SELECT "code", COUNT(*) AS n, SUM("events") AS e FROM "{NAME}" GROUP BY 1 ORDER BY 1')
    assert codes == [{"code": "c0", "n": 200, "e": 200}, {"code": "c2", "n": 200, "e": 200}]

    new = [each for each in served(sandbox) if each.version == version]
    after = {str(day): [each for each in new if each.interval == day] for day in DAYS}
    found = told(cluster_id, "count", purge.count_spec(pipeline, keys, after, boundary=BOUNDARY))
    purge.refuse_left(NAME, kept, found)
    counted = purge.count_spec(pipeline, keys, {str(DAYS[0]): before}, boundary=BOUNDARY)
    assert told(cluster_id, "count_old", counted)[str(DAYS[0])].with_keys == A_DAY // 3

    everything = Place(store(), S3Uri.parse(BOUNDARY.segments_uri))
    assert disposed(sandbox, everything) == {SegmentName.of(each) for each in before}
    assert set(everything.stored(NAME, [WHOLE]).versions) == {SegmentName.of(each) for each in new}


def test_a_file_that_was_written_again_ends_the_step_and_no_log_has_the_key(sandbox: Sandbox, cluster_id: str) -> None:
    keys = {"uri": str(FOLDER / "keys.txt"), "etag": "of-another", "column": "code"}
    spec = json.loads(store().get(FOLDER / "sift/spec.json")) | {"keys": keys, "output": f"{FOLDER}/again/files/"}
    put(FOLDER / "again/spec.json", json.dumps(spec).encode())
    assert ended(cluster_id, requests.export_step("again", FOLDER / "again/spec.json", "us-east-1")) == "FAILED"
    result = json.loads(store().get(FOLDER / "again/result.json"))
    assert (result["exit_code"], "not those of the etag" in result["problem"]) == (11, True)
    logs = [each.uri for each in store().listing(S3Uri.parse(BOUNDARY.emr_log_uri) / cluster_id)]
    assert logs
    assert not [uri for uri in logs if KEY.encode() in _unpacked(uri)]


def _unpacked(uri: S3Uri) -> bytes:
    body = boto3.client("s3").get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
    return gzip.decompress(body) if uri.key.endswith(".gz") else bytes(body)
