"""What all tests of commands share: a spool of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.clients.journal import SPOOL_VARIABLE


@pytest.fixture(autouse=True)
def own_spool(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("spool")
    monkeypatch.setenv(SPOOL_VARIABLE, str(folder))
    return folder
