"""`druid-reindex evidence sign-off`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import packs
from druid_reindex.cli.evidence_places import Reader
from druid_reindex.cli.main import app
from druid_reindex.clients import session, signing
from druid_reindex.clients.evidence_folders import disk_folders
from druid_reindex.evidence.sign_off import Decision, Doubtful, SignOff, read_sign_off
from druid_reindex.model.evidence_place import EvidencePlace
from told_nights import FOREIGN, confirmed, night
from twins import FakeSigner

KEY_ARN = FakeSigner.key
PLACE = EvidencePlace(uri="s3://evidence/e", kms_key_arn=KEY_ARN, signing_key_arn=KEY_ARN)
CONFIGS = Path(__file__).parents[3] / "emr_configs"
DECIDE = ("--by", "Grace Hopper", "--decision", "follow-up", "--note", "asked jo")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Reader, "places", lambda _self: [PLACE])
    monkeypatch.setattr(session, "build_session", lambda region: None)
    monkeypatch.setattr(signing, "KmsSigner", lambda _session, _key, attempts: FakeSigner())
    return packs.write(night(supplement=confirmed(FOREIGN)), tmp_path / "packs" / "patient_vitals" / packs.RUN)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evidence", "sign-off", *arguments, "--configs", str(CONFIGS)])


def decisions(place: Path) -> list[SignOff | Doubtful]:
    (folder,) = disk_folders(place)
    return [read_sign_off(each, folder.keys()) for each in folder.sign_offs()]


def test_a_decision_is_signed_with_what_the_reviewer_saw(place: Path) -> None:
    result = run(str(place), *DECIDE)
    assert result.exit_code == 0, result.output
    (said,) = decisions(place)
    assert isinstance(said, SignOff)
    assert (said.by, said.decision, said.note) == ("Grace Hopper", Decision.FOLLOW_UP, "asked jo")
    assert (said.pack.rpartition("/")[2], said.level, said.findings) == ("0001.jsonl", "amber", 1)
    assert said.identity in result.output


def test_a_second_decision_stands_beside_the_first(place: Path) -> None:
    assert run(str(place), *DECIDE).exit_code == 0
    assert run(str(place), "--by", "Grace", "--decision", "accepted").exit_code == 0
    assert [each.decision for each in decisions(place) if isinstance(each, SignOff)] == ["follow-up", "accepted"]


def test_the_period_and_the_night_show_it(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(str(place), *DECIDE).exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["evidence", "report", str(place), "--output", "r.html"]).exit_code == 0
    assert "Grace Hopper" in (tmp_path / "r.html").read_text()


def test_changed_packs_are_not_decided_on(place: Path) -> None:
    lines = place / "0001.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b"analytics", b"anonymous"))
    result = run(str(place), *DECIDE)
    assert result.exit_code == 1
    assert "nothing to decide on" in result.output
    assert decisions(place) == []


def test_a_key_of_another_deployment_does_not_sign(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "KmsSigner", lambda _session, _key, attempts: FakeSigner(4))
    result = run(str(place), *DECIDE)
    assert result.exit_code == 1
    assert "which boundaries.yaml does not name" in result.output


def test_one_run_at_a_time(place: Path) -> None:
    packs.write(packs.series(1, packs.OTHER_RUN), place.parent / packs.OTHER_RUN)
    result = run(str(place.parent), *DECIDE)
    assert result.exit_code == 1
    assert "2 runs" in result.output


def test_a_decision_that_is_none_or_nobodys_is_refused(place: Path) -> None:
    assert run(str(place), "--by", "Grace", "--decision", "perhaps").exit_code == 2
    result = run(str(place), "--by", "  ", "--decision", "accepted")
    assert result.exit_code == 1
    assert "say who decides" in result.output
