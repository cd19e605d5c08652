"""A request of ours to Druid, as the journal keeps it: what was asked of which server, and what came back; no body."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DruidCall:
    """One request that was sent to Druid, whatever became of it; a repeated or redirected request is several calls.

    ``attempted_at`` is in UTC. ``path`` is without query; ``user`` is Druid's name for us. ``status`` is None where no
    answer came, and ``error`` then says why. ``query_id`` is what Druid calls an SQL query of ours in its request log.
    ``run`` is the RunId; ``task`` names task, map index and try.
    Source: https://druid.apache.org/docs/25.0.0/querying/sql-api.html
    """

    attempted_at: datetime
    server: str
    method: str
    path: str
    user: str
    status: int | None
    error: str | None
    query_id: str | None
    run: str
    task: str
