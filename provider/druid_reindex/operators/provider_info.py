"""What Airflow's providers manager reads."""

from __future__ import annotations

from typing import Any

from druid_reindex import __version__


def get_provider_info() -> dict[str, Any]:
    """The provider's description. Source: https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html"""
    return {
        "package-name": "airflow-provider-druid-reindex",
        "name": "Druid reindex",
        "description": "Rebuilds Druid segments every night on transient, encrypted EMR clusters.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Druid reindex",
                "external-doc-url": "https://druid.apache.org/docs/25.0.0/ingestion/hadoop.html",
                "tags": ["apache"],
            }
        ],
        "operators": [
            {
                "integration-name": "Druid reindex",
                "python-modules": [
                    f"druid_reindex.operators.{module}"
                    for module in ("plan", "cluster", "reindex", "validate", "verdict")
                ],
            }
        ],
    }
