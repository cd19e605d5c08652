"""What Airflow's providers manager reads."""

from __future__ import annotations

from typing import Any

from druid_reindex import __version__


def _field(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


# The form of the UI. Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/howto/connection.html
_CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "druid_reindex_druid",
        "hook-class-name": "druid_reindex.operators.connection_types.DruidConnectionHook",
        "hook-name": "Druid (reindex)",
        "ui-field-behaviour": {
            "hidden-fields": [],
            "relabeling": {"host": "Router's host", "schema": "Scheme", "login": "User"},
            "placeholders": {"host": "druid.example.org", "port": "9088", "schema": "https"},
        },
        "conn-fields": {
            "overlord_url": _field("Overlord's URL", "Empty: the Router's host and port are asked."),
            "coordinator_url": _field("Coordinator's URL", "Empty: the Router's host and port are asked."),
            "broker_url": _field("Broker's URL", "Empty: the Router's host and port are asked."),
            "console_url": _field("Web console's URL", "https://…, where browsers reach it; tasks link to it."),
            "ca_file": _field("CA bundle", "A PEM file on each Airflow machine; empty: the system's authorities."),
        },
    }
]  # fmt: skip


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
                    for module in (
                        "plan",
                        "cluster",
                        "security",
                        "reindex",
                        "redshift",
                        "validate",
                        "rollback",
                        "retire",
                        "verdict",
                    )
                ],
            }
        ],
        "asset-uris": [
            {
                "schemes": ["x-druid", "x-redshift", "x-postgres"],
                "handler": None,
                "to_openlineage_converter": "druid_reindex.operators.lineage.asset_dataset",
            }
        ],
        "connection-types": _CONNECTION_TYPES,
        "extra-links": [
            f"druid_reindex.operators.links.{link}"
            for link in (
                "EmrClusterLink",
                "JobLogLink",
                "DruidTaskLink",
                "DruidDatasourceLink",
                "PlanLink",
                "DataDocsLink",
                "EvidenceLink",
                "LineageLink",
                "CloudTrailLink",
            )
        ],
    }
