"""Whether Druid's servers answer at all, who they are, and whether they answer this user."""

from __future__ import annotations

from dataclasses import replace

import httpx

from druid_reindex.clients.druid_answers import json_object, json_rows
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace
from druid_reindex.errors import ProtocolError

PROBE_SECONDS = 10.0


def probe(
    config: DruidConfig, *, transport: httpx.BaseTransport | None = None, pace: Pace | None = None
) -> dict[str, str]:
    """The release of each server by its name, once a query was answered too; asks each within ten seconds.

    Raises the error of the first server that does not answer, does not know the user, or is not Druid.
    Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#common
    """
    urls = {"Overlord": config.overlord_url, "Coordinator": config.coordinator_url, "Broker": config.broker_url}
    brief = replace(config, connect_seconds=PROBE_SECONDS, read_seconds=PROBE_SECONDS, deadline_seconds=PROBE_SECONDS)
    with DruidHttp(brief, transport=transport, pace=pace) as http:
        releases = {server: _release(http, server, url.rstrip("/")) for server, url in urls.items()}
        ask = Ask("query Druid", "POST", f"{config.broker_url.rstrip('/')}/druid/v2/sql", body={"query": "SELECT 1"})
        http.run(ask, lambda response: json_rows(response, ask.attempted))
    return releases


def _release(http: DruidHttp, server: str, url: str) -> str:
    ask = Ask(f"ask the {server} for its release", "GET", f"{url}/status")
    status = http.run(ask, lambda response: json_object(response, ask.attempted))
    if not status.get("version"):
        raise ProtocolError(
            ask.attempted,
            resource=ask.url,
            came_back="an answer without a version",
            remedy="check that the URL is Druid's own",
        )
    return str(status["version"])
