"""One recorded account for each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recorded_account import Recorded, recorded_account


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Recorded]:
    with recorded_account(tmp_path) as made:
        yield made
