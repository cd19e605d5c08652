"""`druid-reindex doctor` on the running sandbox: all is good, and what is broken is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from druid_reindex.sandbox import pki
from druid_reindex.sandbox.home import SandboxHome
from real_sandbox import STEPS, VITALS, Sandbox

pytestmark = pytest.mark.sandbox


def doctor(sandbox: Sandbox, datasource: str, configs: Path, **env: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The command's exit code, and its findings by the check's name."""
    bin_ = Path(sys.executable).parent
    file = sandbox.checkout / "dags" / "pipelines" / f"{datasource}.yaml"
    settings = "".join(f'export {name}="{value}"\n' for name, value in env.items())
    script = f"""eval "$(druid-reindex sandbox env)"
        {settings}
        druid-reindex doctor {file} --configs {configs} --json"""
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{bin_}:{os.environ['PATH']}"},
        check=False,
        timeout=120,
    )
    assert not done.stderr
    return done.returncode, {each["check"]: each for each in json.loads(done.stdout)}


@pytest.mark.parametrize("datasource", [VITALS, STEPS])
def test_everything_that_a_night_needs_is_there(sandbox: Sandbox, datasource: str) -> None:
    code, found = doctor(sandbox, datasource, sandbox.checkout / "emr_configs")
    assert [each for each in found.values() if each["result"] != "good"] == []
    assert code == 0
    assert len(found) == 20
    assert ("6 objects" if datasource == STEPS else "read none") in found["artifacts"]["found"]


def test_an_unknown_subnet_and_a_missing_bundle_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    configs = tmp_path / "emr_configs"
    shutil.copytree(sandbox.checkout / "emr_configs", configs)
    file = configs / "boundaries.yaml"
    file.write_text(file.read_text().replace("subnet-0d70000000000002", "subnet-0d7000000000dead"))
    absent = tmp_path / "absent.pem"
    code, found = doctor(sandbox, VITALS, configs, DRUID_CA_FILE=str(absent))
    assert code == 1
    wrong = {name: each for name, each in found.items() if each["result"] == "wrong"}
    assert set(wrong) == {"subnets", "Druid's TLS"}
    assert "subnet-0d7000000000dead" in wrong["subnets"]["found"]
    assert str(absent) in wrong["Druid's TLS"]["found"]
    assert all(each["remedy"] for each in wrong.values())


def test_a_certificate_of_an_unknown_authority_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    another = SandboxHome(tmp_path / "home", tmp_path / "cache")
    authority = str(pki.ensure_ca(another))
    code, found = doctor(sandbox, VITALS, sandbox.checkout / "emr_configs", DRUID_CA_FILE=authority)
    assert code == 1
    assert found["Druid's TLS"]["result"] == "wrong"
    assert "certificate" in found["Druid's TLS"]["found"]
    assert found["Druid's user"]["result"] == "unread"
