"""Druid as a connection type of Airflow's UI: what its Test button does. Its form stands in ``provider_info``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from druid_reindex.errors import DruidReindexError

if TYPE_CHECKING:
    from druid_reindex.clients.druid_http import DruidConfig

DRUID = "druid_reindex_druid"


class DruidConnectionHook(BaseHook):
    """What Airflow makes of a Druid connection to test it.

    :param druid_conn_id: the connection's id
    """

    conn_name_attr = "druid_conn_id"
    default_conn_name = "druid_default"
    conn_type = DRUID
    hook_name = "Druid (reindex)"

    def __init__(self, druid_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.druid_conn_id = druid_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether Overlord, Coordinator and Broker answer this user, and what they are or what exactly is wrong."""
        from druid_reindex.operators import connections  # noqa: PLC0415

        try:
            return True, _answers(
                connections.druid_config(BaseHook.get_connection(self.druid_conn_id), protected=False)
            )
        except DruidReindexError as error:
            return False, str(error)


def console_url(conn_id: str) -> str:
    """The web console's URL that the connection names; empty when it names none that is https."""
    url = str(BaseHook.get_connection(conn_id).extra_dejson.get("console_url") or "")
    return url if url.startswith("https://") else ""


def _answers(config: DruidConfig) -> str:
    from druid_reindex.clients.druid_probe import probe  # noqa: PLC0415

    servers = ", ".join(f"{server} {release}" for server, release in probe(config).items())
    return f"Druid answers: {servers}. User: {config.user or 'none'}. {_transport(config)}"


def _transport(config: DruidConfig) -> str:
    if all(url.startswith("https://") for url in config.urls):
        return f"TLS, checked against {config.ca_file or 'the authorities of the system'}."
    return "Not encrypted: at least one URL is http, and nights of protected data refuse it."
