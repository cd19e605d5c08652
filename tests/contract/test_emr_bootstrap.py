"""The scripts of `emr_configs/bootstrap` on an emulated node, with a small archive and a `java` that only talks."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.aws.service import emr_configs
from emulated_account import ARTIFACTS, script, shell, state, until

Launch = Callable[..., str]
PREFIX = "tests/artifacts"
RUNS = "drx-phi-111122223333"
INSTALL = f"s3://{ARTIFACTS}/bootstrap/install_druid.sh"
# Says what it was given, and ends with the status that the spec asks for.
JAVA = """#!/bin/bash
spec="${@: -1}"
echo "password ${DRUID_METADATA_PASSWORD}, region ${AWS_REGION}"
python3 - "$spec" <<'PY'
import json, sys, time
spec = json.load(open(sys.argv[1]))["spec"]
print(json.dumps(spec["ioConfig"]["metadataUpdateSpec"], sort_keys=True), flush=True)
time.sleep(spec["seconds"])
sys.exit(spec["status"])
PY
"""


def archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("druid-25.0.0/extensions/druid-s3-extensions/a.jar")
        tar.addfile(member)
    return made.getvalue()


@pytest.fixture(scope="module")
def digest(s3: Any) -> str:
    packed = archive()
    found = hashlib.sha256(packed).hexdigest()
    name = f"{PREFIX}/druid/druid-25.0.0.tar.gz"
    s3.put_object(Bucket=ARTIFACTS, Key=name, Body=packed)
    s3.put_object(Bucket=ARTIFACTS, Key=f"{name}.sha256", Body=f"{found}\n".encode())
    for step_script in ("druid_index.sh", "export.sh"):
        body = (emr_configs() / "bootstrap" / step_script).read_bytes()
        s3.put_object(Bucket=ARTIFACTS, Key=f"{PREFIX}/bootstrap/{step_script}", Body=body)
    return found


def action(*args: str) -> dict[str, Any]:
    arguments = [f"s3://{ARTIFACTS}/{PREFIX}/", *args]
    return {"Name": "druid", "ScriptBootstrapAction": {"Path": INSTALL, "Args": arguments}}


@pytest.mark.parametrize("path", sorted((emr_configs() / "bootstrap").glob("*.sh")), ids=lambda path: path.name)
def test_shellcheck_finds_nothing(path: Path) -> None:
    program = shutil.which("shellcheck") or str(Path(sys.executable).with_name("shellcheck"))
    checked = subprocess.run([program, str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_installing_twice_installs_once(emr: Any, s3: Any, launch: Launch, digest: str) -> None:
    mark = script(s3, "mark.sh", "touch $DRX_NODE_ROOT/opt/druid-reindex/druid/mark\n")
    marking = {"Name": "mark", "ScriptBootstrapAction": {"Path": mark}}
    kept = shell("cd $DRX_NODE_ROOT/opt/druid-reindex && test -x bin/druid_index.sh -a -e druid/mark")
    cluster_id = launch(BootstrapActions=[action(), marking, action(digest)], Steps=[kept])
    until(lambda: state(emr, cluster_id), "WAITING")
    (step,) = emr.list_steps(ClusterId=cluster_id)["Steps"]
    assert step["Status"]["State"] == "COMPLETED"


def test_another_digest_ends_the_cluster(emr: Any, launch: Launch, digest: str) -> None:
    cluster_id = launch(BootstrapActions=[action("0" * 64)])
    until(lambda: state(emr, cluster_id), "TERMINATED_WITH_ERRORS")
    reason = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason["Code"] == "BOOTSTRAP_FAILURE"


class Indexer:
    """Runs `druid_index.sh` as a step, on a spec that says how its `java` ends."""

    def __init__(self, emr: Any, s3: Any, launch: Launch, java: Path) -> None:
        self.emr, self.s3, self.launch, self.java = emr, s3, launch, java

    def run(self, case: str, spec: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
        """Return the step's state, its result and its stdout."""
        uri = f"s3://{RUNS}/runs/{case}/spec.json"
        self.s3.put_object(Bucket=RUNS, Key=f"runs/{case}/spec.json", Body=json.dumps(spec).encode())
        args = ["/opt/druid-reindex/bin/druid_index.sh", uri, "druid-reindex/metadata", "3"]
        jar_step = {"Jar": "command-runner.jar", "Args": args}
        index = {"Name": "index", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}
        prepare = shell(f"install {self.java} $DRX_NODE_ROOT/usr/bin/java")
        cluster_id = self.launch(BootstrapActions=[action()], Steps=[prepare, index])
        until(lambda: state(self.emr, cluster_id), "WAITING")
        (ran, _) = self.emr.list_steps(ClusterId=cluster_id)["Steps"]
        result = json.loads(self.read(RUNS, f"runs/{case}/result.json"))
        said = gzip.decompress(self.read("drx-logs-111122223333", f"emr/{cluster_id}/steps/{ran['Id']}/stdout.gz"))
        return ran["Status"]["State"], result, said.decode()

    def read(self, bucket: str, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.fixture
def indexer(emr: Any, s3: Any, launch: Launch, digest: str, tmp_path: Path) -> Indexer:
    java = tmp_path / "java"
    java.write_text(JAVA)
    return Indexer(emr, s3, launch, java)


@pytest.mark.parametrize(
    ("case", "status", "seconds", "expected"),
    [("published", 0, 0, 0), ("failed", 3, 0, 3), ("endless", 0, 60, 124)],
)
def test_a_result_is_left_beside_the_spec(
    indexer: Indexer, case: str, status: int, seconds: int, expected: int
) -> None:
    inner = {
        "status": status,
        "seconds": seconds,
        "dataSchema": {"dataSource": "vitals"},
        "ioConfig": {"segmentOutputPath": f"s3a://{RUNS}/druid/segments"},
    }
    spec = {"type": "index_hadoop", "spec": inner}
    ended, result, said = indexer.run(case, spec)
    assert ended == ("COMPLETED" if expected == 0 else "FAILED")
    assert (result["protocol"], result["exit_code"], result["timed_out"]) == (1, expected, expected == 124)
    assert result["segments"] is None
    assert result["spec_sha256"] == hashlib.sha256(json.dumps(spec).encode()).hexdigest()
    assert result["started_at"] <= result["ended_at"]
    assert "password a password, region us-east-1" in said
    assert '"connectURI": "jdbc:postgresql://127.0.0.1:1/druid"' in said
    assert '"password": {"type": "environment", "variable": "DRUID_METADATA_PASSWORD"}' in said
