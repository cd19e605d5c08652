"""The pages behind the tabs: for who may read the DAG's runs, as Airflow's own authorisation says, and without scripts.

Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/security/api.html
"""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from druid_reindex.errors import DruidReindexError, NotFoundError
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.links import PLAN_PAGE_KEY
from druid_reindex.operators.night import PLAN_TASK

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_MAY_READ_RUNS = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]


@cache
def application() -> FastAPI:
    """The pages; without FastAPI's own documentation, whose pages need scripts of other hosts."""
    pages = FastAPI(title="Druid reindex", openapi_url=None)
    pages.get("/plans/{dag_id}/{run_id}", dependencies=_MAY_READ_RUNS)(plan_page)
    return pages


def plan_page(dag_id: str, run_id: str) -> HTMLResponse:
    """The run's plan as the plan task stored it; 404 while there is none, 502 when S3 does not give it."""
    place = _told(dag_id, run_id, PLAN_PAGE_KEY)
    if place is None:
        return _message(404, f"Run {run_id} of {dag_id} has no plan: {PLAN_TASK} has not stored one, or not yet.")
    try:
        store = connections.s3_client(place["aws_conn_id"], place["region"])
        return HTMLResponse(store.get(S3Uri.parse(place["uri"])), headers=HEADERS)
    except NotFoundError as error:
        return _message(404, str(error))
    except DruidReindexError as error:
        return _message(502, str(error))


def _told(dag_id: str, run_id: str, key: str) -> dict[str, Any] | None:
    """What the run's plan task told under ``key``."""
    query = XComModel.get_many(run_id=run_id, dag_ids=dag_id, task_ids=PLAN_TASK, key=key, limit=1)
    with create_session(scoped=False) as session:
        found = session.scalars(query).first()
        told = None if found is None else XComModel.deserialize_value(found)
    return told if isinstance(told, dict) else None


def _message(status: int, text: str) -> HTMLResponse:
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Druid reindex</title><p>{escape(text)}</p></html>'
    )
    return HTMLResponse(page, status_code=status, headers=HEADERS)
