"""The sandbox as a user meets it: its environment, its listeners, its processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.sandbox import stack
from real_sandbox import ROOT, Sandbox, Watch

pytestmark = pytest.mark.sandbox


def test_env_serves_the_aws_cli_curl_and_pydruid(sandbox: Sandbox) -> None:
    bin_ = Path(sys.executable).parent
    exported = subprocess.run(
        [bin_ / "druid-reindex", "sandbox", "env"], capture_output=True, text=True, check=True
    ).stdout
    script = f"""{exported}
        aws s3api get-bucket-encryption --bucket drx-phi-111122223333 --output json
        echo ---
        curl --silent --fail --noproxy '*' --cacert "$DRUID_CA_FILE" "$DRUID_COORDINATOR_URL/status/health"
        echo ---
        python -c 'import os; from urllib.parse import urlsplit; from pydruid.db import connect
u = urlsplit(os.environ["DRUID_URL"])
c = connect(
    host=u.hostname, port=u.port, path="/druid/v2/sql/", scheme=u.scheme, user=os.environ["DRUID_USER"],
    password=os.environ["DRUID_PASSWORD"], ssl_verify_cert=os.environ["DRUID_CA_FILE"],
).cursor()
print(c.execute("SELECT SUM(events) FROM patient_vitals").fetchall()[0][0])'
    """
    env = {"PATH": f"{bin_}:{os.environ['PATH']}", "HOME": os.environ["HOME"]}
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, env=env, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    encryption, health, rows = done.stdout.split("---")
    rule = json.loads(encryption)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert health.strip() == "true"
    assert int(rows) == sum(int(str(day["n"])) for day in sandbox.rows_by_day("patient_vitals"))


def test_a_pipeline_file_is_drafted_from_the_running_druid(sandbox: Sandbox, tmp_path: Path) -> None:
    shipped = load_pipeline(ROOT / "dags" / "pipelines" / "patient_vitals.yaml", load_boundaries(ROOT / "emr_configs"))
    drafted = tmp_path / "drafted.yaml"
    bin_ = Path(sys.executable).parent
    script = f"""eval "$(druid-reindex sandbox env)"
        druid-reindex pipeline init --from-datasource patient_vitals --owner {shipped.owner} --output {drafted}"""
    env = os.environ | {"PATH": f"{bin_}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, env=env, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    pipeline = load_pipeline(drafted, load_boundaries(ROOT / "emr_configs"))
    assert {column.name for column in pipeline.dimensions} == {column.name for column in shipped.dimensions}
    assert {metric.name for metric in pipeline.metrics} == {metric.name for metric in shipped.metrics}
    assert pipeline.granularity.segment == shipped.granularity.segment


def test_everything_listens_on_loopback(sandbox: Sandbox) -> None:
    seen = Watch()
    seen.look(sandbox.home)
    assert seen.sockets >= 8
    assert seen.open_to_all == {}


def test_a_second_up_changes_nothing(sandbox: Sandbox) -> None:
    again = stack.up(sandbox.home, print)
    assert again.was_up
    assert again.endpoints == sandbox.endpoints
    assert {service.condition for service in stack.status(sandbox.home).services} == {"ready"}
