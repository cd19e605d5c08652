"""Whole nights in a network of their own: of all that goes over loopback, no canary can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from listening import listened

pytestmark = pytest.mark.soak


def test_no_canary_is_heard_in_a_good_and_a_failed_night(tmp_path: Path) -> None:
    told = listened("nights", tmp_path, ["success", "failed"], limit_seconds=1700)
    assert told["heard"] == {}
