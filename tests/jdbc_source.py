"""A pipeline that unloads a database of its boundary, and the files that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from changed_configs import changed_configs
from druid_reindex.model.transfer import Unload

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EHR: dict[str, Any] = {
    "host": "ehr.clinic.internal", "port": 5433, "database": "ehr", "secret_id": "druid-reindex/databases/phi/ehr",
    "ca_file": "databases/ehr_ca.pem", "jars": [{"path": "jdbc/postgresql-42.7.8.jar", "sha256": "a" * 64}],
}  # fmt: skip
TABLE: dict[str, Any] = {
    "name": "visits",
    "jdbc": {
        "database": "ehr", "table": "clinic.visits", "columns": ["id", "patient_id", "timestamp"],
        "split_column": "id", "parts": 8,
    },
    "format": "json",
    "compression": "bzip2",
}  # fmt: skip
VISITS = Unload.model_validate(TABLE)


def configs_with_database(folder: Path, **changes: Any) -> Path:
    """`emr_configs` whose protected boundary has the database, and its CA."""
    configs = changed_configs(folder, {"boundaries.yaml": {"phi.databases": {"ehr": EHR | changes}}})
    (configs / "databases").mkdir()
    (configs / "databases/ehr_ca.pem").write_text(CA)
    return configs
