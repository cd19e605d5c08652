"""Tests of one population's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.sandbox import synthea
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.patients import prepare_patients
from druid_reindex.sandbox.synthea import Histories
from druid_reindex.sandbox.tokens import TOKEN_KEY_SECRET, token


def test_events_carry_tokens_under_the_sandboxs_own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = tmp_path / "observations.csv"
    observations.write_text(
        "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE\n"
        "2020-01-02T03:04:05Z,patient-identifier,e,vital-signs,c,d,1,u,numeric\n"
    )
    monkeypatch.setattr(synthea, "histories", lambda *_: Histories(*[observations] * 5))
    home = SandboxHome(tmp_path / "home", tmp_path / "cache")
    made = prepare_patients(home, 1, 1, print)
    text = "".join(file.read_text() for d in (made.days.on_time, made.days.late) for file in d.files)
    assert made.days.rows == 1
    assert "patient-identifier" not in text
    assert token(home.secret(TOKEN_KEY_SECRET).encode(), "patient", "patient-identifier") in text
