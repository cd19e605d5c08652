"""Decides what the Airflow user of one classification may do in Druid: what its nights ask for, on its datasources.

Each grant stands for requests that the provider makes. STATE WRITE is not among them, although it would allow one
request for the statuses of several tasks: it also allows ``POST /druid/indexer/v1/action``, with which segments of any
datasource are published and dropped.

Sources: https://druid.apache.org/docs/25.0.0/operations/security-user-auth.html,
https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/overlord/http/OverlordResource.java
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from druid_reindex.model.pipeline import Classification, Pipeline


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One permission; ``name`` is a regular expression that Druid matches with the whole name of the resource."""

    kind: str
    name: str
    action: str

    def as_json(self) -> dict[str, object]:
        """The form that Druid's API takes."""
        return {"resource": {"name": self.name, "type": self.kind}, "action": self.action}


@dataclass(frozen=True, slots=True)
class DruidUser:
    """A user, and the one role that holds all of its permissions, in order."""

    name: str
    role: str
    grants: tuple[Grant, ...]


# GET /status and sys.servers; GET /status/properties and the Coordinator's dynamic and compaction configuration.
_READS = (Grant("STATE", "STATE", "READ"), Grant("CONFIG", "CONFIG", "READ"))
# Asked for where druid.sql.planner.authorizeSystemTablesDirectly is true; rows are filtered by datasource anyway.
_TABLES = tuple(Grant("SYSTEM_TABLE", name, "READ") for name in ("segments", "servers", "tasks"))


def api_user(classification: Classification, datasources: Iterable[str], *, name: str = "") -> DruidUser:
    """The user of the classification's Airflow connection, who reads and writes ``datasources`` and no others.

    WRITE is for submitting and stopping tasks, for suspending and resuming supervisors, for marking segments, and for
    ``POST …/segments?full``, a read that Druid judges by its method.
    """
    own = tuple(
        Grant("DATASOURCE", _literal(datasource), action)
        for datasource in sorted(set(datasources))
        for action in ("READ", "WRITE")
    )
    kind = classification.value
    return DruidUser(name or f"airflow_{kind}", f"druid_reindex_{kind}", tuple(sorted((*own, *_READS, *_TABLES))))


def touched(pipelines: Iterable[Pipeline]) -> tuple[str, ...]:
    """The datasources that the nights of ``pipelines`` write or read, each once, in order."""
    return tuple(sorted({name for each in pipelines for name in (each.datasource, each.source)}))


def _literal(name: str) -> str:
    """The expression that matches ``name`` alone, in Java's syntax: each special character escaped."""
    return re.sub(r"([^0-9A-Za-z_-])", r"\\\1", name)
