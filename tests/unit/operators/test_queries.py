"""SQL read for the names of its tables and columns, and nothing guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.evidence.lineage import Query
from druid_reindex.operators.queries import read_query

SQL = Path(__file__).parents[3] / "sql"


def test_the_shipped_selects_are_read() -> None:
    claims = read_query((SQL / "unload/patient_claims.sql").read_text(), "redshift")
    assert claims.tables == ("billing.claims",)
    assert claims.columns["timestamp"] == (("billing.claims", "service_date"),)
    assert "category" not in claims.columns, "a constant has no origin"
    both = read_query((SQL / "unload/patient_conditions.sql").read_text(), "redshift")
    assert set(both.tables) == {"records.conditions", "records.devices"}
    assert set(both.columns["patient_id"]) == {("records.conditions", "patient_id"), ("records.devices", "patient_id")}


def test_a_query_within_another_is_followed_to_its_table() -> None:
    sql = "WITH recent AS (SELECT id AS who FROM a.b) SELECT upper(who) AS whom FROM recent"
    assert read_query(sql, "postgres") == Query(("a.b",), {"whom": (("a.b", "id"),)})


@pytest.mark.parametrize("sql", ["", "SELECT FROM WHERE", "{% if ward %} SELECT 1 {% endif %}"])
def test_what_cannot_be_read_is_not_guessed(sql: str) -> None:
    assert read_query(sql, "redshift") == Query()
