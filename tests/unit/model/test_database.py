"""A database outside AWS, and what an unload takes from one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.database import Database, JdbcSource

EHR: dict[str, Any] = {
    "host": "ehr.clinic.internal", "database": "ehr", "secret_id": "druid-reindex/databases/phi/ehr",
    "ca_file": "databases/ehr_ca.pem", "jars": [{"path": "jdbc/postgresql-42.7.8.jar", "sha256": "a" * 64}],
}  # fmt: skip
VISITS: dict[str, Any] = {"database": "ehr", "table": "clinic.Visits", "columns": ["id", "patient_id"]}


def test_a_database_says_where_it_is() -> None:
    assert str(Database.model_validate(EHR)) == "database ehr of ehr.clinic.internal:5432"


@pytest.mark.parametrize(
    "changes",
    [{"host": "ehr/x"}, {"host": "ehr?sslmode=disable"}, {"host": "a:5432"}, {"port": 0}, {"port": "5432"},
     {"database": "ehr?ssl=false"}, {"secret_id": "a b"}, {"ca_file": "../ca.pem"}, {"ca_file": "/etc/ca.pem"},
     {"ca_file": "ca.key"}, {"jars": []}, {"jars": [{"path": "jdbc/x.jar"}]}, {"sslmode": "require"},
     {"jars": [{"path": "jdbc/../x.jar", "sha256": "a" * 64}]}, {"jars": [{"path": "x.jar", "sha256": "A" * 64}]},
     {"password": "x"}],
)  # fmt: skip
def test_a_database_that_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Database.model_validate(EHR | changes)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(-5, "-5"), ("2026-01-01", "2026-01-01"), (date(2026, 1, 1), "2026-01-01"),
     ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("2026-01-01 00:00+02:00", "2026-01-01 00:00+02:00")],
)  # fmt: skip
def test_ends_of_ranges_are_numbers_dates_or_moments(given: Any, kept: str) -> None:
    assert JdbcSource.model_validate(VISITS | {"lower": given}).lower == kept


@pytest.mark.parametrize(
    "changes",
    [{"table": "visits"}, {"table": "a.b.c"}, {"table": 'clinic.vis"its'}, {"columns": ["id; DROP TABLE x"]},
     {"columns": ['id"']}, {"columns": ["a,b"]}, {"split_column": "id::text"}, {"parts": 0}, {"parts": 201},
     {"lower": "yesterday"}, {"lower": True}, {"upper": "1'; --"}, {"connections": 33}, {"fetch_rows": 0},
     {"database": "EHR"}, {"password": "x"}],
)  # fmt: skip
def test_rows_that_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JdbcSource.model_validate(VISITS | changes)
