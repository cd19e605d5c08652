"""One enforcing account for each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gated_account import Account, gated_account


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with gated_account(tmp_path) as made:
        yield made
