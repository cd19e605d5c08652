"""Airflow 3 provider that rebuilds Druid segments every night on transient, encrypted EMR clusters.

``from druid_reindex import reindex_dag`` gives the DAG factory; it is looked up on first use, because only the room
``operators`` may import Airflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from druid_reindex.operators.dag import reindex_dag

__version__ = "0.1.0"
__all__ = ["__version__", "reindex_dag"]


def __getattr__(name: str) -> Any:
    if name == "reindex_dag":
        from druid_reindex.operators.dag import reindex_dag  # noqa: PLC0415

        return reindex_dag
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
