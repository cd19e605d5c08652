"""`deploy.sh` on a stand-in of the `aws` command: which stacks it asks for, with what parameters, and what it tells."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.cloudformation.deploy import STACKS, template
from druid_reindex.sandbox.aws.service import emr_configs

SCRIPT = emr_configs() / "cloudformation" / "deploy.sh"
# Writes its arguments, one JSON list a line, and answers describe-stacks with the outputs that the template names.
AWS = """#!/bin/bash
python3 - "$@" <<'PY'
import json, re, sys
with open("{calls}", "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[2] == "describe-stacks":
    stack = sys.argv[sys.argv.index("--stack-name") + 1].removeprefix("druid-reindex-")
    text = open(f"{folder}/{{stack}}.yaml").read().partition("\\nOutputs:\\n")[2]
    for name in re.findall(r"^  (\\w+):", text, re.MULTILINE):
        print(f"{{name}}\\tof-{{stack}}")
PY
"""


def run(tmp_path: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """The script's end, and the calls of `aws` that deployed."""
    calls, aws = tmp_path / "calls", tmp_path / "aws"
    aws.write_text(AWS.format(calls=calls, folder=SCRIPT.parent))
    aws.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=env, timeout=60, check=False)
    made = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    return done, [call for call in made if call[1] == "deploy"]


def stack_of(call: list[str]) -> str:
    return call[call.index("--stack-name") + 1].removeprefix("druid-reindex-")


def overrides(call: list[str]) -> dict[str, str]:
    given = call[call.index("--parameter-overrides") + 1 :] if "--parameter-overrides" in call else []
    return dict(pair.split("=", 1) for pair in given)


def test_every_stack_gets_what_earlier_ones_told_and_nothing_it_does_not_ask_for(tmp_path: Path) -> None:
    done, calls = run(tmp_path, "AirflowPrincipalArn=arn:aws:iam::1:role/Airflow")
    assert done.returncode == 0, done.stderr
    assert [stack_of(call) for call in calls] == list(STACKS)
    told: set[str] = {"AirflowPrincipalArn"}
    for call in calls:
        document = template((SCRIPT.parent / f"{stack_of(call)}.yaml").read_text())
        assert overrides(call).keys() == document["Parameters"].keys() & told
        told |= document["Outputs"].keys()
    assert overrides(calls[5])["AirflowPrincipalArn"] == "arn:aws:iam::1:role/Airflow"
    assert "SubnetIds: of-network" in done.stdout
    regions = {stack_of(call): call[call.index("--region") + 1] for call in calls if "--region" in call}
    assert regions == {"replica": "us-west-2"}


def test_a_stack_may_be_left_out_for_what_is_there(tmp_path: Path) -> None:
    done, calls = run(tmp_path, "--without", "network", "--without", "trail", "VpcId=vpc-1", "SubnetIds=a,b")
    assert done.returncode == 0, done.stderr
    assert not {"network", "trail"} & {stack_of(call) for call in calls}
    (druid,) = [overrides(call) for call in calls if stack_of(call) == "druid"]
    assert (druid["VpcId"], druid["SubnetIds"]) == ("vpc-1", "a,b")


@pytest.mark.parametrize("arguments", [["--without", "vpc"], ["--with"], ["network"]])
def test_what_is_not_understood_deploys_nothing(tmp_path: Path, arguments: list[str]) -> None:
    done, calls = run(tmp_path, *arguments)
    assert (done.returncode, calls) == (2, [])
    assert re.search(r"not understood|there is no stack vpc", done.stderr)
