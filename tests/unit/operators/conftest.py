"""A world in memory behind the operators, and an Airflow that leaves the user's own home alone."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

# Airflow reads it, and makes the folder, when it is imported.
_HOME = tempfile.TemporaryDirectory(prefix="druid-reindex-airflow-", ignore_cleanup_errors=True)
os.environ.setdefault("AIRFLOW_HOME", _HOME.name)

if TYPE_CHECKING:
    from night_world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    from night_world import World, connect

    return connect(World(), monkeypatch)
