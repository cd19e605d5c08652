"""Airflow 3 provider that rebuilds Druid segments every night on transient, encrypted EMR clusters.

``from druid_reindex import reindex_dag`` gives the DAG factory, ``reindex_dags`` the DAGs of a folder of pipelines,
``housekeeping_dags`` those that take away what is left, ``retire_dags`` those that dispose of superseded versions,
``evidence_dags`` those that lay nights beside CloudTrail, and ``keep_boundary`` guards a hand-written DAG. They are
looked up on first use, because only the room ``operators`` may import Airflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from druid_reindex.operators.dag import reindex_dag, reindex_dags
    from druid_reindex.operators.general_dags import keep_boundary
    from druid_reindex.operators.housekeeping import housekeeping_dags
    from druid_reindex.operators.reconcile import evidence_dags
    from druid_reindex.operators.retire import retire_dags

__version__ = "0.1.0"
__all__ = [
    "__version__", "evidence_dags", "housekeeping_dags", "keep_boundary", "reindex_dag", "reindex_dags", "retire_dags",
]  # fmt: skip

_ROOMS = {
    "reindex_dag": "druid_reindex.operators.dag",
    "reindex_dags": "druid_reindex.operators.dag",
    "evidence_dags": "druid_reindex.operators.reconcile",
    "housekeeping_dags": "druid_reindex.operators.housekeeping",
    "retire_dags": "druid_reindex.operators.retire",
    "keep_boundary": "druid_reindex.operators.general_dags",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
