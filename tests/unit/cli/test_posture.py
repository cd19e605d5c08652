"""`druid-reindex posture`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from druid_reindex.cli.main import app
from druid_reindex.clients import s3, session, survey_facts
from druid_reindex.posture.facts import Facts, Unread
from posture_facts import CONFIGS, ROOT, bucketed, good_facts
from twins import FakeStore

FILE = str(ROOT / "dags" / "pipelines" / "patient_vitals.yaml")


def run(patch: pytest.MonkeyPatch, facts: Facts, *options: str) -> Result:
    asked: list[Any] = []

    def gathered(self: Any) -> Facts:
        asked.append(self.intent)
        return facts

    patch.setattr(survey_facts.Gathering, "facts", gathered)
    patch.setattr(session, "build_session", lambda region: None)
    patch.setattr(s3, "S3Client", lambda _session, attempts: FakeStore())
    result = CliRunner().invoke(app, ["posture", FILE, "--configs", str(CONFIGS), *options])
    assert [intent.subject for intent in asked] == ["patient_vitals"], result.output
    return result


def test_one_line_a_rule_and_a_good_end(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, good_facts())
    assert result.exit_code == 0
    assert "✓ S3-01" in result.output
    assert "- KMS-07" in result.output
    assert result.output.splitlines()[-1].endswith("a night would go on")
    assert "What to do" not in result.output


@pytest.mark.parametrize(("policy", "mark"), [(None, "✗ S3-01"), (Unread("AccessDenied"), "? S3-01")])
def test_what_fails_or_cannot_be_read_says_what_to_do(monkeypatch: pytest.MonkeyPatch, policy: Any, mark: str) -> None:
    result = run(monkeypatch, bucketed(good_facts(), policy=policy))
    assert result.exit_code == 1
    (line,) = [each for each in result.output.splitlines() if each.startswith(mark)]
    assert "What to do:" in line
    assert "a night would stop" in result.output


def test_the_report_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, bucketed(good_facts(), policy=None), "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["is_open"] is False
    assert {each["rule"] for each in report["findings"] if each["closes_gate"]} == {"S3-01", "S3-04"}


def test_a_file_that_does_not_exist_is_told() -> None:
    result = CliRunner().invoke(app, ["posture", "absent.yaml", "--configs", str(CONFIGS)])
    assert result.exit_code == 1
    assert "absent.yaml" in result.output
