"""The schema that stands for Redshift's own, on the engine."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.redshift import catalogue
from druid_reindex.sandbox.aws.redshift.allowed import CATALOGUE
from druid_reindex.sandbox.aws.redshift.engine import Engine


def test_making_it_again_changes_nothing(engine: Engine) -> None:
    with engine.owner() as owner, owner.cursor() as cursor:
        cursor.execute(catalogue.script())
        cursor.execute(f"SELECT count(*) FROM {CATALOGUE}.svv_table_info WHERE schema = '{CATALOGUE}'")
        assert cursor.fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("unit", "earlier", "later", "expected"),
    [
        ("day", "2026-01-01 23:00", "2026-01-02 01:00", 1),
        ("day", "2026-01-02", "2026-01-01", -1),
        ("hour", "2026-01-01 00:59", "2026-01-01 01:01", 1),
        ("month", "2026-01-31", "2026-02-01", 1),
        ("quarter", "2026-03-31", "2026-04-01", 1),
        ("year", "2025-12-31", "2026-01-01", 1),
        ("week", "2026-01-03", "2026-01-04", 1),
        ("week", "2026-01-04", "2026-01-05", 0),
    ],
)
def test_datediff_counts_boundaries(engine: Engine, unit: str, earlier: str, later: str, expected: int) -> None:
    with engine.owner() as owner, owner.cursor() as cursor:
        cursor.execute(f"SELECT {CATALOGUE}.datediff(%s, %s, %s)", (unit, earlier, later))
        assert cursor.fetchall() == [(expected,)]
