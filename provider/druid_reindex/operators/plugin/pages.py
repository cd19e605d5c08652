"""The pages behind the tabs: for who may read the DAG's runs, as Airflow's own authorisation says, and without scripts.

Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/security/api.html
"""

from __future__ import annotations

import shlex
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
from druid_reindex.evidence.night_state import VERDICT_TASK
from druid_reindex.evidence.report_html import style
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.callbacks import NIGHT_STATE
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
_FRAME = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Druid reindex</title>
<style>
{style}
pre.state {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
pre.state div {{ padding-left: 14ch; text-indent: -14ch; }}
</style>
<main>
{body}
</main>
</html>
"""
_SAYS = {404: "Not here, or not yet", 502: "Not to be read now"}
_MAY_READ_RUNS = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]


@cache
def application() -> FastAPI:
    """The pages; without FastAPI's own documentation, whose pages need scripts of other hosts."""
    from druid_reindex.operators.plugin import evidence_list, evidence_pages  # noqa: PLC0415  # they use this module

    pages = FastAPI(title="Druid reindex", openapi_url=None)
    pages.get("/plans/{dag_id}/{run_id}", dependencies=_MAY_READ_RUNS)(plan_page)
    pages.get("/states/{dag_id}/{run_id}", dependencies=_MAY_READ_RUNS)(state_page)
    evidence_list.register(pages)
    evidence_pages.register(pages, _MAY_READ_RUNS)
    return pages


def plan_page(dag_id: str, run_id: str) -> HTMLResponse:
    """The run's plan as the plan task stored it; 404 while there is none, 502 when S3 does not give it."""
    place = told(dag_id, run_id, PLAN_TASK, PLAN_PAGE_KEY)
    if not isinstance(place, dict):
        return message(404, f"Run {run_id} of {dag_id} has no plan: {PLAN_TASK} has not stored one, or not yet.")
    try:
        store = connections.s3_client(place["aws_conn_id"], place["region"])
        return HTMLResponse(store.get(S3Uri.parse(place["uri"])), headers=HEADERS)
    except NotFoundError as error:
        return message(404, str(error))
    except DruidReindexError as error:
        return message(502, str(error))


def state_page(dag_id: str, run_id: str) -> HTMLResponse:
    """The state of the run as it was when the verdict failed; 404 when it has not."""
    state = told(dag_id, run_id, VERDICT_TASK, NIGHT_STATE)
    if not isinstance(state, str):
        ask = f"druid-reindex status {shlex.quote(run_id)} --dag-id {shlex.quote(dag_id)}"
        return message(
            404, f"The night has not failed, or not yet come to its {VERDICT_TASK}. Ask for its state: {ask}"
        )
    lines = "".join(f"<div>{escape(line)}</div>" for line in state.splitlines())  # a long one goes on below its text
    return page(200, f'<h1>State of the night</h1>\n<pre class="state">{lines}</pre>')


def told(dag_id: str, run_id: str, task_id: str, key: str, *, map_index: int | None = None) -> Any:
    """What the run's task, or one of its mapped instances, told under ``key``; None when it told nothing."""
    query = XComModel.get_many(run_id=run_id, dag_ids=dag_id, task_ids=task_id, key=key, map_indexes=map_index, limit=1)
    with create_session(scoped=False) as session:
        found = session.scalars(query).first()
        return None if found is None else XComModel.deserialize_value(found)


def message(status: int, text: str) -> HTMLResponse:
    """A page that says ``text``, which is escaped."""
    return page(status, f"<h1>{_SAYS[status]}</h1>\n<p>{escape(text)}</p>")


def page(status: int, body: str) -> HTMLResponse:
    """A page of ``body``, which is HTML."""
    return HTMLResponse(_FRAME.format(style=style(), body=body), status_code=status, headers=HEADERS)
