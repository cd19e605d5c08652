"""Read-only looks at Druid's protection: its servers' ports and properties, and what it answers to strangers.

Source: https://druid.apache.org/docs/25.0.0/operations/api-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import httpx

from druid_reindex.clients.druid_answers import json_object, json_rows
from druid_reindex.clients.druid_http import Ask, DruidConfig, DruidHttp, Pace
from druid_reindex.errors import NotAuthorizedError
from druid_reindex.model.druid_server import DruidServer

_SECONDS = 10.0
_SERVERS_SQL = 'SELECT "server", "server_type", "plaintext_port", "tls_port" FROM sys.servers'
# The properties that are judged, and none else: what /status/properties shows may hold secrets.
READ_PROPERTIES = frozenset(
    {
        "druid.auth.authorizers",
        "druid.escalator.type",
        "druid.storage.type",
        "druid.storage.sse.type",
        "druid.storage.sse.kms.keyId",
        "druid.indexer.task.hadoopWorkingPath",
        "druid.indexer.task.allowHadoopTaskExecution",
        "druid.coordinator.kill.on",
        "druid.coordinator.kill.bufferPeriod",
        "druid.manager.segments.killUnused.enabled",
        "druid.manager.segments.killUnused.bufferPeriod",
    }
)
# What each server tells to users alone.
_NOT_FOR_STRANGERS = {
    "Overlord": "/druid/indexer/v1/tasks",
    "Coordinator": "/druid/coordinator/v1/datasources",
    "Broker": "/druid/v2/datasources",
}
_AUTHORIZER = ("druid.auth.authorizer.", ".type")


class DruidSurvey:
    """Druid's servers as the night's user sees them; each is asked within ten seconds."""

    def __init__(
        self, config: DruidConfig, *, transport: httpx.BaseTransport | None = None, pace: Pace | None = None
    ) -> None:
        self._config = replace(config, connect_seconds=_SECONDS, read_seconds=_SECONDS, deadline_seconds=_SECONDS)
        self._transport, self._pace = transport, pace
        self.servers = {
            "Overlord": config.overlord_url.rstrip("/"),
            "Coordinator": config.coordinator_url.rstrip("/"),
            "Broker": config.broker_url.rstrip("/"),
        }

    def version(self) -> str:
        """The Overlord's release."""
        with self._http(self._config) as http:
            ask = Ask("read Druid's version", "GET", f"{self.servers['Overlord']}/status")
            return str(http.run(ask, lambda response: json_object(response, ask.attempted)).get("version", ""))

    def known_servers(self) -> tuple[DruidServer, ...]:
        """Every server that the Broker knows, with its ports."""
        url = f"{self.servers['Broker']}/druid/v2/sql"
        ask = Ask("read Druid's servers", "POST", url, body={"query": _SERVERS_SQL})
        with self._http(self._config) as http:
            rows = http.run(ask, lambda response: json_rows(response, ask.attempted))
        return tuple(
            DruidServer(str(row["server"]), str(row["server_type"]), int(row["plaintext_port"]), int(row["tls_port"]))
            for row in rows
        )

    def properties(self, server: str) -> Mapping[str, str]:
        """The properties of ``READ_PROPERTIES``, and the authorizers' types, that the server has."""
        ask = Ask(f"read the {server}'s properties", "GET", f"{self.servers[server]}/status/properties")
        with self._http(self._config) as http:
            found = http.run(ask, lambda response: json_object(response, ask.attempted))
        return {name: str(value) for name, value in found.items() if name in READ_PROPERTIES or _is_authorizer(name)}

    def answers_strangers(self, server: str) -> bool:
        """Whether the server answers a request without credentials with anything but 401 or 403."""
        stranger = replace(self._config, user="", password="")
        ask = Ask("ask without credentials", "GET", f"{self.servers[server]}{_NOT_FOR_STRANGERS[server]}")
        with self._http(stranger) as http:
            try:
                http.run(ask, lambda _response: None)
            except NotAuthorizedError:
                return False
        return True

    def _http(self, config: DruidConfig) -> DruidHttp:
        return DruidHttp(config, transport=self._transport, pace=self._pace)


def _is_authorizer(name: str) -> bool:
    head, tail = _AUTHORIZER
    return name.startswith(head) and name.endswith(tail) and name.count(".") == 4
