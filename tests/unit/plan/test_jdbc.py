"""What the step that unloads a database is told."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.database import Database, JdbcSource
from druid_reindex.model.transfer import Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.jdbc import Source, rows_of, unload_spec
from jdbc_source import CA, EHR, TABLE, VISITS

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
FOLDER = S3Uri("drx-phi-111122223333", "runs/r/unload/visits/g1")
JDBC = JdbcSource.model_validate(TABLE["jdbc"])


def spec(**jdbc: Any) -> dict[str, Any]:
    source = Source(JDBC.model_copy(update=jdbc), Database.model_validate(EHR), CA, b"class UnloadJdbc {}")
    rows = rows_of(VISITS, source.jdbc, "", {})
    return unload_spec(VISITS, rows, source, BOUNDARIES, BOUNDARIES.phi, FOLDER)


def test_it_names_place_secret_ca_files_and_rows() -> None:
    artifacts = "s3://drx-artifacts-111122223333/"
    assert spec() == {
        "protocol": 1,
        "database": {"host": "ehr.clinic.internal", "port": 5433, "name": "ehr"},
        "secret_id": "druid-reindex/databases/phi/ehr",
        "ca": CA,
        "program": {
            "url": f"{artifacts}bootstrap/UnloadJdbc.java",
            "sha256": sha256(b"class UnloadJdbc {}").hexdigest(),
        },
        "jars": [{"url": f"{artifacts}jdbc/postgresql-42.7.8.jar", "sha256": "a" * 64}],
        "source": {"table": "clinic.visits", "columns": ["id", "patient_id", "timestamp"]},
        "split": {"column": "id", "parts": 8},
        "connections": 2,
        "fetch_rows": 1000,
        "format": "json",
        "label": "drx_unload_visits",
        "output": f"{FOLDER}/files/",
        "kms_key_arn": BOUNDARIES.phi.kms_key_arn,
    }


def test_ranges_may_be_given_or_left_out() -> None:
    assert spec(lower="1", upper="9")["split"] == {"column": "id", "parts": 8, "lower": "1", "upper": "9"}
    assert spec(split_column=None)["split"] is None


QUERY = Unload.model_validate({"name": "visits", "sql": "unload/visits.sql", "jdbc": {"database": "ehr"}})


def test_a_query_has_its_parameters_as_literals() -> None:
    sql = "-- inputs: a\nSELECT id FROM clinic.visits WHERE seen >= :interval_start AND ward = :ward;"
    values = {"interval_start": "2026-09-01 00:00:00", "ward": "O'Brien"}
    assert QUERY.jdbc is not None
    assert rows_of(QUERY, QUERY.jdbc, sql, values) == {
        "query": "SELECT id FROM clinic.visits WHERE seen >= '2026-09-01 00:00:00' AND ward = 'O''Brien'"
    }


@pytest.mark.parametrize("sql", ["DELETE FROM clinic.visits", "SELECT 1; SELECT 2", "", "SELECT $$x$$", "SELECT :who"])
def test_anything_but_one_select_is_refused(sql: str) -> None:
    assert QUERY.jdbc is not None
    with pytest.raises(ConfigurationError):
        rows_of(QUERY, QUERY.jdbc, sql, {})
