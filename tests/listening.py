"""A stage of `overheard.py` in a process of its own, which leaves this machine's network for one that is empty."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from druid_reindex.sandbox import stack
from druid_reindex.sandbox.home import SandboxHome

TESTS = Path(__file__).parent


def listened(stage: str, folder: Path, ended: list[str], *, limit_seconds: float) -> dict[str, Any]:
    """What the stage told, once it is sure that it ended so, heard everything, and hears what is said without TLS."""
    stack.download(SandboxHome.from_environment(), print)
    command = [sys.executable, str(TESTS / "overheard.py"), stage, str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as ran:
        try:
            _, said = ran.communicate(timeout=limit_seconds)
        finally:
            ran.terminate()  # it ends what it started
    assert ran.returncode == 0, said[-5000:]
    told: dict[str, Any] = json.loads((folder / "told.json").read_text())
    assert told["ended"] == ended
    assert told["lost"] == 0, f"of {told['packets']} packets"
    assert not told["not spoken with"], told["not spoken with"]
    planted = told["planted"]
    asked = {"patient_token": planted["token"], "description": planted["description"], "value_sum": planted["value"]}
    assert told["served"] == [asked]
    assert set(told["heard in clear"]) == {"patient token"}
    return told
