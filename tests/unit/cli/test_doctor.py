"""The command as a user meets it: one line a check, JSON, exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from druid_reindex.cli import doctor, doctor_aws, doctor_druid, doctor_security
from druid_reindex.cli.doctor_report import Check, Outcome, good, wrong
from druid_reindex.cli.main import app

ROOT = Path(__file__).parents[3]
PIPELINE = ROOT / "dags/pipelines/patient_vitals.yaml"
CONFIGS = ROOT / "emr_configs"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Callable[[Outcome], None]:
    """Lets Druid be good, and the account be as told."""

    def answer(outcome: Outcome) -> None:
        monkeypatch.setattr(doctor_druid, "druid_checks", lambda *_: [Check("Druid", lambda: good("there"))])
        monkeypatch.setattr(doctor_aws, "aws_checks", lambda _: [Check("subnets", lambda: outcome)])
        monkeypatch.setattr(doctor_security, "security_checks", lambda _: [])

    return answer


def run(*arguments: str, file: Path = PIPELINE) -> Result:
    return CliRunner().invoke(app, ["doctor", str(file), "--configs", str(CONFIGS), *arguments])


def test_one_line_for_each_check(outside: Callable[[Outcome], None]) -> None:
    outside(wrong("no such subnet", "correct it"))
    done = run()
    marks = [line[0] for line in done.stdout.splitlines()]
    assert (marks, done.exit_code) == (["✓", "✓", "✓", "✗"], 1)
    assert done.stdout.splitlines()[-1].split(maxsplit=1)[1].startswith("subnets")
    assert done.stdout.rstrip().endswith("no such subnet. What to do: correct it")
    outside(good("private"))
    assert run().exit_code == 0


def test_json_for_a_program(outside: Callable[[Outcome], None]) -> None:
    outside(wrong("no such subnet", "correct it"))
    done = run("--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert [each["result"] for each in found] == ["good", "good", "good", "wrong"]
    assert found[-1] == {
        "check": "subnets",
        "result": "wrong",
        "found": "no such subnet",
        "remedy": "correct it",
    }


def test_nothing_outside_is_asked_for_a_pipeline_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(doctor_druid, "druid_checks", fail)
    monkeypatch.setattr(doctor_aws, "aws_checks", fail)
    monkeypatch.setattr(doctor_security, "security_checks", fail)
    wrong_file = tmp_path / "vitals.yaml"
    wrong_file.write_text("datasource: vitals\n")
    done = run(file=wrong_file)
    (line,) = done.stdout.splitlines()
    assert done.exit_code == 1
    assert line.startswith("✗ pipeline and configs")


def test_prices_that_cannot_be_read_are_told(outside: Callable[[Outcome], None], tmp_path: Path) -> None:
    outside(good("private"))
    shutil.copytree(CONFIGS, tmp_path / "emr_configs")
    (tmp_path / "emr_configs" / "prices.yaml").write_text("instance_types: none\n")
    done = CliRunner().invoke(app, ["doctor", str(PIPELINE), "--configs", str(tmp_path / "emr_configs")])
    assert done.exit_code == 1
    assert "prices.yaml" in done.stdout.splitlines()[0]


def test_the_help_says_what_the_marks_and_codes_mean() -> None:
    text = " ".join(CliRunner().invoke(app, ["doctor", "--help"]).stdout.split())
    assert "✓" in text
    assert "Exit 0 when all is good" in text
    assert "--principal" in text


def test_a_spinner_only_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = doctor.Console(force_terminal=True)
    with doctor.asking(terminal, shown=False) as asking:
        asking("subnets")
    assert capsys.readouterr().out == ""
    with doctor.asking(terminal, shown=True) as asking:
        asking("subnets")
    assert "asking: subnets" in capsys.readouterr().out
