"""A good night of the real engines beside CloudTrail: explained, then touched by an outsider, then tampered with.

What is taken away here is put back as far as it can be; no other test reads this night's trail.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from druid_reindex.clients.night_summary import Summary
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Level
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.report_trail import trail_findings
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws.service import access_key, airflow_role_arn, user_environment
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.ingestion import WINDOW
from good_night import GoodNight, Looks
from hiding_places import AUDITOR, SEARCHES, seeing_all
from real_sandbox import ROOT, VITALS, Sandbox

pytestmark = pytest.mark.sandbox

KEY = load_boundaries(ROOT / "emr_configs").phi.kms_key_arn
BUCKET, TRAIL = f"drx-trail-{ACCOUNT}", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/drx"
LOGS, DIGESTS = f"AWSLogs/{ACCOUNT}/CloudTrail/", f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/"
OUTSIDER = f"arn:aws:iam::{ACCOUNT}:user/outsider"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def night(sandbox: Sandbox, good_night: GoodNight) -> Summary:
    """The good night's summary, once it was laid beside CloudTrail, before anybody touches anything."""
    return sandbox.confirmed(good_night.summary)


@pytest.fixture(scope="module")
def looks(sandbox: Sandbox, night: Summary) -> Looks:
    assert night.evidence.pack is not None
    return Looks(sandbox, S3Uri.parse(night.evidence.pack.rpartition("/")[0]))


def findings(evidence: Evidence) -> set[tuple[str, str, str, str]]:
    told = evidence.told(Kind.FINDINGS)["findings"]
    return {(each["verdict"], each["principal"], each["operation"], each["resource"]) for each in told}


def declared(evidence: Evidence) -> dict[tuple[str, str], int]:
    """How many events of each operation each declared actor has."""
    told = evidence.told(Kind.MATCHES)["matches"]
    return {(each["who"], each["operation"]): each["count"] for each in told if each["how"] == "declared"}


def test_every_call_is_found_and_every_event_is_explained(night: Summary) -> None:
    evidence = night.evidence
    assert (evidence.unexplained, evidence.pending) == ({}, [])
    assert evidence.coverage is not None
    assert evidence.coverage.matched == evidence.coverage.recorded > 200
    assert evidence.coverage.explained == evidence.coverage.touched > evidence.coverage.matched
    assert {"E1", "S2", "declared"} <= set(evidence.matches) <= {"E1", "E2", "S1", "S2", "declared"}
    assert evidence.matches["E1"] + evidence.matches.get("E2", 0) >= evidence.coverage.matched


def test_historicals_that_load_the_new_segments_are_declared(night: Summary, looks: Looks) -> None:
    found = declared(looks.evidence())
    assert found["historicals", "GetObject"] >= night.segments_after
    assert found["historicals", "Decrypt"] >= 1
    assert found["middle-managers", "CopyObject"] == found["middle-managers", "DeleteObject"] == night.segments_after


def test_the_page_is_written_and_cloudtrail_adds_no_finding_to_it(
    sandbox: Sandbox, night: Summary, looks: Looks, tmp_path: Path
) -> None:
    assert list(trail_findings(looks.evidence())) == []
    assert night.evidence.report is not None
    assert "trail: emulated" in Path(night.evidence.report).read_text()
    env = user_environment(sandbox.home, "operator") | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    asked = ("evidence", "report", "--latest", "--configs", sandbox.checkout / "emr_configs", "--output", "night.html")
    done = subprocess.run(
        [BIN / "druid-reindex", *asked], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert night.run_id in (tmp_path / "night.html").read_text()


@dataclass(frozen=True)
class TrailBucket:
    """The trail's bucket, changed by the account's owner and read by an auditor who may see everything."""

    owner: Any
    auditor: dict[str, str]

    def names(self, prefix: str) -> list[str]:
        pages = self.owner.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def get(self, key: str) -> dict[str, Any]:
        s3 = boto3.client("s3", **self._keys())
        found: dict[str, Any] = s3.get_object(Bucket=BUCKET, Key=key)
        s3.close()
        return found | {"Body": found["Body"].read()}

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> None:
        self.owner.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=metadata, ServerSideEncryption="AES256")

    def event(self, operation: str, key: str) -> str:
        """The id of the event of that operation on the object."""
        bodies = (gzip.decompress(self.get(each)["Body"]) for each in self.names(LOGS))
        records = (each for body in bodies for each in json.loads(body)["Records"])
        return next(
            str(each["eventID"])
            for each in records
            if each["eventName"] == operation and (each["requestParameters"] or {}).get("key") == key
        )

    def validated(self) -> tuple[int, int]:
        """What the real AWS CLI and our command end with."""
        since = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
        theirs = (BIN / "aws", "cloudtrail", "validate-logs", "--trail-arn", TRAIL, "--start-time", since)
        ours = (BIN / "druid-reindex", "evidence", "trail", "--trail", TRAIL)
        env = self.auditor | {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        ended = [subprocess.run(each, env=env, capture_output=True, text=True, check=False) for each in (theirs, ours)]
        assert "Results requested" in ended[0].stdout, ended[0].stdout + ended[0].stderr
        assert f"trail drx in s3://{BUCKET}" in ended[1].stdout, ended[1].stdout + ended[1].stderr
        return ended[0].returncode, ended[1].returncode

    def _keys(self) -> dict[str, str]:
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        return {name: self.auditor[name.upper()] for name in names}


@pytest.fixture
def bucket(sandbox: Sandbox) -> Iterator[TrailBucket]:
    with seeing_all(sandbox.home):
        sts = boto3.client("sts")
        role = airflow_role_arn("phi").rpartition("/")[0] + f"/{AUDITOR}"
        given = sts.assume_role(RoleArn=role, RoleSessionName=SEARCHES)["Credentials"]
        sts.close()
        auditor = user_environment(sandbox.home, "operator") | {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        key = access_key(sandbox.home, "owner")
        owner = boto3.client("s3", aws_access_key_id=key.id, aws_secret_access_key=key.secret)
        yield TrailBucket(owner, auditor)
        owner.close()


@contextmanager
def changed(bucket: TrailBucket, key: str) -> Iterator[None]:
    """The file with one bit of its last bytes turned over, while the block runs."""
    found = bucket.get(key)
    body, metadata = bytearray(found["Body"]), found["Metadata"]
    body[len(body) // 2] ^= 1
    bucket.put(key, bytes(body), metadata)
    try:
        yield
    finally:
        bucket.put(key, found["Body"], metadata)


def test_the_real_validation_passes_and_fails_after_one_byte_and_so_does_ours(
    night: Summary, bucket: TrailBucket
) -> None:
    assert night.evidence.coverage is not None
    assert bucket.validated() == (0, 0)
    with changed(bucket, bucket.names(LOGS)[0]):
        assert bucket.validated() == (1, 1)
    assert bucket.validated() == (0, 0)


def test_an_outsider_is_found_and_named_and_the_evidence_is_amber(
    sandbox: Sandbox, looks: Looks, good_night: GoodNight
) -> None:
    place = _a_segment(sandbox, good_night)
    read = command.ask(sandbox.home, "read", bucket=place.bucket, key=place.key)
    opened = command.ask(sandbox.home, "decrypt", key=KEY)
    assert (read["error"], opened["error"]) == ("", "")
    assert str(looks.look().alert) == "2 foreign"
    evidence = looks.evidence()
    assert {each for each in findings(evidence) if each[0] != Unexplained.NOT_LOGGED} == {
        (Unexplained.FOREIGN, OUTSIDER, "GetObject", f"arn:aws:s3:::{place.bucket}/{place.key}"),
        (Unexplained.FOREIGN, OUTSIDER, "Decrypt", KEY),
    }
    found = [each for each in trail_findings(evidence) if OUTSIDER in each.what]
    assert [each.level for each in found] == [Level.AMBER] * 2
    assert night_report(evidence).level is Level.AMBER


def _a_segment(sandbox: Sandbox, good_night: GoodNight) -> S3Uri:
    """Where one of the new segments lies."""
    new = set(sandbox.segments(VITALS)) - set(good_night.segments)
    used = sandbox.druid.used_segments(VITALS, [WINDOW])
    load = next(each.payload["loadSpec"] for each in used if each.segment_id in new)
    return S3Uri(load["bucket"], load["key"])


def test_a_call_that_was_removed_is_missing(sandbox: Sandbox, looks: Looks, bucket: TrailBucket) -> None:
    run = looks.packs.key.rpartition("/")[2]
    removed = command.ask(sandbox.home, "remove-event", event=bucket.event("PutObject", f"runs/{run}/plan.json"))
    assert removed["digests"] >= 1
    assert looks.look().alert.counts == {Unexplained.FOREIGN: 2, Unexplained.MISSING: 1}
    evidence = looks.evidence()
    (found,) = [each for each in findings(evidence) if each[0] == Unexplained.MISSING]
    assert found[1].startswith("plan.")
    assert found[2:] == ("PutObject", f"arn:aws:s3:::{S3Uri.parse(_runs()).bucket}/runs/{run}/plan.json")
    assert night_report(evidence).level is Level.RED


def _runs() -> str:
    return load_boundaries(ROOT / "emr_configs").phi.runs_uri


def test_a_digest_that_was_removed_is_a_gap_of_the_trail(sandbox: Sandbox, looks: Looks, bucket: TrailBucket) -> None:
    first = bucket.names(DIGESTS)[0]
    kept = bucket.get(first)
    assert command.ask(sandbox.home, "remove-digest", digest=first)["digest"] == first
    try:
        counts = looks.without_delivery().alert.counts
        gaps = {each for each in findings(looks.evidence()) if each[0] == Unexplained.TRAIL_GAP}
    finally:
        bucket.put(first, kept["Body"], kept["Metadata"])
    assert counts[Unexplained.TRAIL_GAP] == len(gaps)
    assert Unexplained.MISSING not in counts
    assert any(who == "the trail" and first in what for _, who, _, what in gaps)
    assert any(who.startswith("plan.") for _, who, _, _ in gaps)
