"""A world in memory behind the operators."""

from __future__ import annotations

import pytest

from night_world import World, connect


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return connect(World(), monkeypatch)
