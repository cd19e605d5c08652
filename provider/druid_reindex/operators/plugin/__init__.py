"""What Airflow's UI shows beside its own pages: a run's plan, state and evidence as tabs, each task's, and all runs'.

In → out: a signed-in user's request for a run → a page without scripts, for who may read the DAG.
May import ``operators.connections`` and what lies below; the pages and all they need are imported by the first
request, because each of Airflow's processes imports this module. What it costs: the api-server reads plan and packs
from S3 through the pipeline's AWS connection, asks KMS for a public key, and writes in S3 who has read a pack; the list
of runs reads 25 runs' packs at once, and again only what has changed since.

Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/administration-and-deployment/plugins.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PREFIX = "/druid-reindex"


class LazyPages:
    """The pages as an ASGI application, made by the first request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from druid_reindex.operators.plugin.pages import application  # noqa: PLC0415

        await application()(scope, receive, send)


def _tab(name: str, page: str) -> dict[str, str]:
    """A tab of a run's page; its address is relative to the path that Airflow is served under."""
    return {
        "name": name,
        "href": f"{PREFIX.lstrip('/')}/{page}/{{DAG_ID}}/{{RUN_ID}}",
        "destination": "dag_run",
        "url_route": f"druid-reindex-{name.lower()}",
    }


class DruidReindexPlugin(AirflowPlugin):
    """The tabs "State", "Plan" and "Evidence" of a run, the list of runs with evidence, and the pages behind them."""

    name = "druid_reindex"
    fastapi_apps: list[Any] = [{"app": LazyPages(), "url_prefix": PREFIX, "name": "Druid reindex"}]
    external_views: list[Any] = [
        _tab("State", "states"),
        _tab("Plan", "plans"),
        _tab("Evidence", "evidence"),
        {
            "name": "Evidence of nights",
            "href": f"{PREFIX.lstrip('/')}/evidence",
            "destination": "nav",
            "category": "browse",
            "url_route": "druid-reindex-evidence-runs",
        },
    ]
