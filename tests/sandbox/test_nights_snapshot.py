"""The snapshot's whole night on real engines: from Druid and Redshift, by tokens and a roll-up, to both of them."""

from __future__ import annotations

import bz2
import csv
import gzip

import boto3
import pytest

import snapshots
from druid_reindex.clients.night_summary import Summary
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox.synthea import histories
from druid_reindex.sandbox.tokens import TOKEN_KEY_SECRET
from real_sandbox import PATIENTS, ROOT, SNAPSHOT, Sandbox
from snapshots import Snapshot

pytestmark = pytest.mark.sandbox

OPENED = {"bz2": bz2.decompress, "gz": gzip.decompress}
BOUNDARY = load_boundaries(ROOT / "emr_configs").phi


@pytest.fixture(scope="module")
def night(sandbox: Sandbox) -> Summary:
    """Laid beside CloudTrail at once: nobody else has touched its data yet."""
    return sandbox.confirmed(sandbox.night(SNAPSHOT, interval=str(nightly.snapshot_week())))


@pytest.fixture(scope="module")
def expected(sandbox: Sandbox) -> Snapshot:
    files = histories(sandbox.home, PATIENTS.seed, PATIENTS.population, print)
    key_of_tokens = sandbox.home.secret(TOKEN_KEY_SECRET).encode()
    first = f"{nightly.snapshot_week().start:%Y-%m-%d}"
    found = snapshots.expected(files, key_of_tokens, sandbox.planted)
    return {key: day for key, day in found.items() if key[1] >= first}


def test_every_patient_day_is_served_and_loaded_as_it_is_in_the_files(
    sandbox: Sandbox, night: Summary, expected: Snapshot
) -> None:
    assert (night.status, night.chunks_rebuilt) == ("rebuilt", nightly.SNAPSHOT_DAYS)
    assert {kind for _, _, kind in expected} == {"vital-signs", "laboratory", "condition", "device", "claim"}
    assert snapshots.differences(snapshots.served(sandbox), expected) == {}
    assert snapshots.differences(snapshots.loaded(sandbox), expected) == {}


def test_it_counts_what_it_moved(night: Summary, expected: Snapshot) -> None:
    unloaded = sum(day.events for (_, _, kind), day in expected.items() if kind in {"condition", "device", "claim"})
    assert night.unloaded_rows == unloaded
    assert night.exported_rows == night.loaded_rows == len(expected)
    assert night.kms_keys == [BOUNDARY.kms_key_arn]
    assert night.cluster.state == "TERMINATED"


def test_cloudtrail_has_every_call_and_every_event_is_explained(night: Summary) -> None:
    """Redshift's role writes what is unloaded, and reads what is loaded."""
    evidence = night.evidence
    assert (evidence.unexplained, evidence.pending) == ({}, [])
    assert evidence.coverage is not None
    assert evidence.coverage.matched == evidence.coverage.recorded > 100
    assert evidence.coverage.explained == evidence.coverage.touched > evidence.coverage.matched


@pytest.fixture(scope="module")
def files(night: Summary) -> dict[str, list[str]]:
    """The keys of what the nights moved, by the step that wrote it."""
    assert night.status == "rebuilt"
    s3, runs = boto3.client("s3"), S3Uri.parse(BOUNDARY.runs_uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=runs.bucket, Prefix=runs.key)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return {kind: [key for key in keys if f"/{kind}/" in key] for kind in ("unload", "prepared", "export", "load")}


def test_all_files_on_the_way_lie_under_the_key(files: dict[str, list[str]]) -> None:
    assert all(files.values())
    s3, bucket = boto3.client("s3"), S3Uri.parse(BOUNDARY.runs_uri).bucket
    heads = [s3.head_object(Bucket=bucket, Key=key) for keys in files.values() for key in keys]
    assert {head.get("SSEKMSKeyId") for head in heads} == {BOUNDARY.kms_key_arn}


def test_identifiers_are_in_what_was_unloaded_and_in_nothing_after_it(
    sandbox: Sandbox, files: dict[str, list[str]]
) -> None:
    claims = histories(sandbox.home, PATIENTS.seed, PATIENTS.population, print).claims
    with claims.open(encoding="utf-8", newline="") as handle:
        identifiers = {row["PATIENTID"].encode() for row in csv.DictReader(handle)}
    s3, bucket = boto3.client("s3"), S3Uri.parse(BOUNDARY.runs_uri).bucket

    def told(kind: str) -> set[bytes]:
        bodies = [(key, s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in files[kind]]
        texts = [OPENED.get(key.rpartition(".")[2], bytes)(body) for key, body in bodies]
        return {each for each in identifiers for text in texts if each in text}

    assert told("unload")
    assert told("prepared") == told("export") == told("load") == set()


def test_a_second_night_finds_nothing_to_do(sandbox: Sandbox, night: Summary) -> None:
    again = sandbox.night(SNAPSHOT, interval=str(nightly.snapshot_week()))
    assert (again.status, again.cluster.id) == ("nothing to do", None)
    assert again.loaded_rows == 0
