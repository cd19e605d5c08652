"""`druid-reindex aws-smoke` on the running sandbox, whose account stands for the user's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from druid_reindex.clients.smoke import ALL_TIME
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from real_sandbox import ROOT, SMOKE, Sandbox

pytestmark = pytest.mark.sandbox
PHI = load_boundaries(ROOT / "emr_configs").phi
LIVING = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
WAIT_SECONDS = 420.0


def environment(sandbox: Sandbox) -> dict[str, str]:
    """What a user of the sandbox has in the environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    told = subprocess.run(
        ["bash", "-c", 'eval "$(druid-reindex sandbox env)"; env -0'],
        env=os.environ | {"PATH": path, "DRUID_REINDEX_HOME": str(sandbox.home.root)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return dict(line.split("=", 1) for line in told.stdout.split("\0") if "=" in line)


def command(sandbox: Sandbox, summary: Path, *more: str) -> list[str]:
    file = sandbox.checkout / "dags" / "pipelines" / f"{SMOKE}.yaml"
    where = ["--configs", str(sandbox.checkout / "emr_configs"), "--summary", str(summary)]
    return [str(Path(sys.executable).parent / "druid-reindex"), "aws-smoke", str(file), *where, *more]


def own_clusters(*states: str) -> list[dict[str, Any]]:
    """The clusters of the smoke pipeline in any of ``states``."""
    emr = boto3.client("emr")
    listed = emr.list_clusters(**({"ClusterStates": list(states)} if states else {}))["Clusters"]
    found = [emr.describe_cluster(ClusterId=each["Id"])["Cluster"] for each in listed]
    tag = {"Key": names.PIPELINE_TAG, "Value": SMOKE}
    return [each for each in found if tag in each["Tags"]]


def await_that(look: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not look():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.5)


def keys_below(prefix: S3Uri) -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket=prefix.bucket, Prefix=f"{prefix.key.rstrip('/')}/")
    return [each["Key"] for each in found.get("Contents", [])]


def nothing_is_left(sandbox: Sandbox, before: set[str]) -> None:
    assert own_clusters(*LIVING) == []
    assert sandbox.druid.used_segments(SMOKE, [ALL_TIME]) == []
    assert keys_below(S3Uri.parse(PHI.segments_uri) / SMOKE) == []
    assert {key.split("/")[1] for key in keys_below(S3Uri.parse(PHI.runs_uri))} == before
    assert sandbox.api.live_runs(f"nightly_reindex__{SMOKE}") == []
    assert (sandbox.api.dag(f"nightly_reindex__{SMOKE}") or {})["is_paused"]


def runs_before() -> set[str]:
    """The runs' prefixes, and where leases lie, which stay."""
    return {key.split("/")[1] for key in keys_below(S3Uri.parse(PHI.runs_uri))} | {"leases"}


def test_it_begins_with_a_price_that_somebody_agrees_to(sandbox: Sandbox, tmp_path: Path) -> None:
    asked = subprocess.run(
        command(sandbox, tmp_path / "smoke.json"), env=environment(sandbox), input="yes\n",
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert asked.returncode == 1
    assert "account   111122223333, us-east-1" in asked.stdout
    assert "price     at most 0.90 US dollars for the cluster" in asked.stdout
    assert "nobody agreed to the price" in asked.stderr
    assert own_clusters() == []
    assert sandbox.api.latest_run(f"nightly_reindex__{SMOKE}") is None


def test_a_night_that_is_stopped_while_its_cluster_starts_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    before = runs_before()
    process = subprocess.Popen(
        command(sandbox, tmp_path / "smoke.json", "--yes"), env=environment(sandbox),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    await_that(lambda: own_clusters(*LIVING), process)
    assert sandbox.druid.used_segments(SMOKE, [ALL_TIME])
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130, f"{stdout}\n{stderr}"
    assert "LEFT" not in stderr
    assert "taking everything away" in stderr
    nothing_is_left(sandbox, before)


@pytest.mark.soak
def test_a_whole_night_tells_what_it_did_and_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    before = runs_before()
    done = subprocess.run(
        command(sandbox, tmp_path / "smoke.json", "--yes"), env=environment(sandbox),
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    told = json.loads((tmp_path / "smoke.json").read_text())
    assert (told["status"], told["chunks_rebuilt"], told["segments_after"]) == ("rebuilt", 2, 2)
    assert told["rows_before"] == told["rows_after"] == 600
    assert told["kms_keys"] == [PHI.kms_key_arn]
    assert told["realm"] == "SITE.INTERNAL"
    assert told["security_configuration"].startswith("druid-reindex-")
    assert {node["verdict"] for node in told["attestation"].values()} <= {"pass", "excepted"}
    nothing_is_left(sandbox, before)
