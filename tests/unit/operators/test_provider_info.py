"""Tests of what Airflow's providers manager reads."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from druid_reindex import __version__
from druid_reindex.operators.provider_info import get_provider_info


def test_the_entry_point_gives_it_and_its_modules_exist() -> None:
    (entry,) = [e for e in entry_points(group="apache_airflow_provider") if e.value.startswith("druid_reindex.")]
    info = entry.load()()
    assert info == get_provider_info()
    assert info["versions"] == [__version__]
    for module in info["operators"][0]["python-modules"]:
        assert importlib.import_module(module)
