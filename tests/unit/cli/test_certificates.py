"""`druid-reindex certificates`, on twins; tests/contract runs it on the emulated account."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from druid_reindex.cli import certificates as command
from druid_reindex.cli.main import app
from druid_reindex.clients import certificates as clients
from druid_reindex.clients.certificates import Certificates
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from twins import FakeSecrets, FakeStore

CONFIGS = Path(__file__).parents[3] / "emr_configs"
WORDS = ["small", "--configs", str(CONFIGS)]


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["certificates", *words, *WORDS])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_show_changes_nothing_and_make_makes_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore()
    made = Certificates(load_boundaries(CONFIGS), Classification.PHI, store, FakeSecrets())
    monkeypatch.setattr(clients, "KEY_BITS", 2048)
    monkeypatch.setattr(command, "_certificates", lambda *_: made)
    assert "*.ec2.internal" in said("show")
    assert "none yet below s3://" in said("show")
    assert store.objects == {}
    uri = said("make").strip()
    assert said("make").strip() == uri
    assert [str(each) for each in store.objects] == [uri]
    assert uri in said("show")
    assert said("sweep") == ""


def test_a_profile_that_nobody_knows_is_refused_before_anything_is_asked() -> None:
    done = CliRunner().invoke(app, ["certificates", "make", "enormous", "--configs", str(CONFIGS)])
    assert done.exit_code == 1
    assert "enormous" in done.output
