"""`druid-reindex evidence trail`; beside `aws cloudtrail validate-logs` in tests/contract/test_trail_verdicts.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from druid_reindex.cli.evidence_trail import only_trail
from druid_reindex.cli.main import app
from druid_reindex.clients import cloudtrail, session, trail_reading
from druid_reindex.errors import ConfigurationError
from trail_account import BUCKET, HOUR, NIGHT, SCOPE, TRAIL, TrailFiles, a_night
from twins import FakeTrail

ROOT = Path(__file__).parents[3]
WHEN = ("--since", "2026-11-21T02:00:00", "--until", "2026-11-21T06:00:00")
FILE = str(ROOT / "dags" / "pipelines" / "patient_vitals.yaml")


def run(patch: pytest.MonkeyPatch, files: TrailFiles, *options: str) -> Result:
    regions: list[str | None] = []
    held = FakeTrail([SCOPE], files.objects, files.public_keys())
    patch.setattr(session, "build_session", lambda **given: regions.append(given["region"]))
    patch.setattr(cloudtrail, "CloudTrailClient", lambda _session, attempts: held)
    patch.setattr(trail_reading, "ProcessPoolExecutor", None)
    patch.setattr("os.cpu_count", lambda: 1)
    result = CliRunner().invoke(app, ["evidence", "trail", *options])
    assert regions in ([], ["us-east-1"], [None])
    return result


@pytest.mark.parametrize(
    "named",
    [
        [FILE, "--configs", str(ROOT / "emr_configs")], ["--trail", TRAIL], [],
        ["--trail", TRAIL, "--bucket", BUCKET], ["--trail", TRAIL, "--bucket", f"s3://{BUCKET}/"],
    ],
)  # fmt: skip
def test_a_whole_trail(monkeypatch: pytest.MonkeyPatch, named: list[str]) -> None:
    result = run(monkeypatch, a_night()[0], *named, *WHEN)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"trail drx in s3://{BUCKET}, 2026-11-21T02:00:00Z to 2026-11-21T06:00:00Z",
        "4 of 4 digests, 12 of 12 log files valid in us-east-1",
    ]


def test_every_region_is_looked_at_and_one_fault_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    files, _, _ = a_night()
    west = TrailFiles(scope=SCOPE.of_region("us-west-2"))
    gone = west.deliver(b'{"Records":[]}', NIGHT)
    west.close(NIGHT + HOUR)
    del west.objects[gone]
    files.objects |= west.objects
    result = run(monkeypatch, files, *WHEN)
    assert result.exit_code == 1
    assert f"✗ log {gone}: not found" in result.output
    assert "4 of 4 digests, 12 of 12 log files valid in us-east-1" in result.output
    assert "1 of 1 digests, 0 of 1 log files valid in us-west-2" in result.output
    assert "? no valid digest tells of 2026-11-21T03:00:00Z to 2026-11-21T06:00:00Z" in result.output


def test_nothing_there_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, TrailFiles(), *WHEN)
    assert result.exit_code == 1
    assert "✗ no digest lies below" in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--bucket", BUCKET], "add --trail"), (["--trail", "drx"], "not an ARN"),
        (["--trail", f"arn:aws:s3:::{BUCKET}"], "is no trail"),
        (["--since", "2026-11-22", "--until", "2026-11-21"], "ends before it begins"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_told(monkeypatch: pytest.MonkeyPatch, options: list[str], told: str) -> None:
    result = run(monkeypatch, TrailFiles(), *options)
    assert result.exit_code == 1
    assert told in result.stderr


def test_one_trail_or_a_name() -> None:
    assert only_trail([SCOPE]) == SCOPE
    with pytest.raises(ConfigurationError, match="drx of us-east-1, other of us-east-1"):
        only_trail([SCOPE, replace(SCOPE, name="other")])
    with pytest.raises(ConfigurationError, match="no trail"):
        only_trail([])
