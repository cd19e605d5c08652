"""The pages of evidence: the runs that left some, and one run's report as a page, a document, or tables.

A report is made of the packs in S3 when it is asked for, verified then, and shown only once it is written down beside
them who reads it. Who may not read a DAG's runs sees none of its evidence.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined
from sqlalchemy import select

from druid_reindex.errors import DruidReindexError, NotFoundError
from druid_reindex.evidence.access import Access
from druid_reindex.evidence.report import Report
from druid_reindex.evidence.report_csv import csv_files
from druid_reindex.evidence.report_html import html, style
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_pdf import pdf
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.evidence.sign_off import read_sign_off
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.evidence import EVIDENCE_TASK
from druid_reindex.operators.links import EVIDENCE_PLACE_KEY
from druid_reindex.operators.plugin import pages

MOST_RUNS = 200
_INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence of nights</title>
<style>
{{ style }}
</style>
</head>
<body>
<header>
<h1>Evidence of nights</h1>
<p>The last {{ most }} runs that left a pack and that you may read. A report verifies its packs when it is opened, and \
that you opened it is written down beside them.</p>
</header>
<main>
{% if runs %}
<div class="wide" role="region" tabindex="0" aria-labelledby="runs-caption">
<table>
<caption id="runs-caption">{{ runs | length }} runs, the latest first</caption>
<thead>
<tr><th scope="col">Run</th><th scope="col">DAG</th><th scope="col">Findings when its pack was made</th>\
<th scope="col">Still to come</th><th scope="col">Not read</th><th scope="col">Report</th></tr>
</thead>
<tbody>
{% for run in runs %}
<tr><th scope="row">{{ run.run_id }}</th><td>{{ run.dag_id }}</td><td>{{ run.findings }}</td>\
<td>{{ run.pending }}</td><td>{{ run.unread }}</td>\
<td><a href="{{ run.path }}">Report</a>, <a href="{{ run.path }}/report.pdf">PDF</a>, \
<a href="{{ run.path }}/tables.zip">tables</a>, <a href="{{ run.path }}#proof">proof</a></td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p class="nothing">None yet: a night leaves its pack at its end, where its boundary has evidence.</p>
{% endif %}
</main>
</body>
</html>
"""


def register(application: FastAPI, may_read_runs: list[Any]) -> None:
    """Add the pages."""
    application.get("/evidence")(index_page)
    for path, page in (("", report_page), ("/report.pdf", report_document), ("/tables.zip", report_tables)):
        application.get(f"/evidence/{{dag_id}}/{{run_id}}{path}", dependencies=may_read_runs)(page)


def index_page(user: GetUserDep) -> HTMLResponse:
    """The runs that left a pack, of the DAGs whose runs the user may read."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    runs = [_row(*each) for each in stored_packs(readable_dags(user))]
    body = environment.from_string(_INDEX).render(runs=runs, style=style(), most=MOST_RUNS)
    return HTMLResponse(body, headers=pages.HEADERS)


def report_page(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """The run's report; 404 while it has left no pack, 502 when S3 does not give it."""
    return _answer(
        dag_id, run_id, user, "page in Airflow", lambda made: HTMLResponse(html(made), headers=pages.HEADERS)
    )


def report_document(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """The same as a PDF."""
    return _answer(dag_id, run_id, user, "PDF in Airflow", lambda made: _file(pdf(made), "application/pdf", "pdf"))


def report_tables(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """Its tables as CSV, in one archive."""
    return _answer(dag_id, run_id, user, "tables in Airflow", lambda made: _file(_zip(made), "application/zip", "zip"))


def readable_dags(user: BaseUser) -> set[str]:
    """The DAGs whose runs the user may read, as Airflow's own authorisation says."""
    manager = get_auth_manager()
    return {
        dag_id
        for dag_id in manager.get_authorized_dag_ids(user=user, method="GET")
        if manager.is_authorized_dag(
            method="GET", access_entity=DagAccessEntity.RUN, details=_details(dag_id), user=user
        )
    }


def stored_packs(dag_ids: Iterable[str]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """DAG, run, and what its task told of its pack, the latest first."""
    query = (
        select(XComModel)
        .join(DagRun, (XComModel.dag_id == DagRun.dag_id) & (XComModel.run_id == DagRun.run_id))
        .where(XComModel.dag_id.in_(set(dag_ids)), XComModel.task_id == EVIDENCE_TASK, XComModel.key == "return_value")
        .order_by(DagRun.run_after.desc())
        .limit(MOST_RUNS)
    )
    with create_session(scoped=False) as session:
        found = [(each.dag_id, each.run_id, XComModel.deserialize_value(each)) for each in session.scalars(query)]
    return [(dag_id, run_id, told) for dag_id, run_id, told in found if isinstance(told, Mapping)]


def _details(dag_id: str) -> DagDetails:
    return DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))


def _row(dag_id: str, run_id: str, told: Mapping[str, Any]) -> dict[str, str]:
    counts: Mapping[str, int] = told.get("findings") or {}
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "path": f"evidence/{quote(dag_id, safe='')}/{quote(run_id, safe='')}",
        "findings": ", ".join(f"{count} {level}" for level, count in counts.items() if count) or "none",
        "pending": ", ".join(told.get("pending", ())) or "nothing",
        "unread": ", ".join(told.get("unread", ())) or "nothing",
    }


def _answer(dag_id: str, run_id: str, user: BaseUser, how: str, shown: Callable[[Report], Response]) -> Response:
    place = pages.told(dag_id, run_id, EVIDENCE_TASK, EVIDENCE_PLACE_KEY)
    if not isinstance(place, dict):
        return pages.message(404, f"Run {run_id} of {dag_id} has left no pack: {EVIDENCE_TASK} has not, or not yet.")
    try:
        return shown(_report(place, user, how))
    except NotFoundError as error:
        return pages.message(404, str(error))
    except DruidReindexError as error:
        return pages.message(502, str(error))


def _report(place: Mapping[str, str], user: BaseUser, how: str) -> Report:
    """The run's report, once it is written down who reads it."""
    from druid_reindex.clients.evidence_folders import s3_folders  # noqa: PLC0415  # boto3 is slow to import

    store = connections.locked_store(place["aws_conn_id"], place["region"])
    (folder,) = s3_folders(store, S3Uri.parse(place["uri"]))
    keys = folder.keys()
    evidence = read_packs(folder.packs(), keys)
    shown = tuple(each.sha256 for each in evidence.packs)
    folder.note(Access(datetime.now(UTC), user.get_name(), "Airflow", how, shown))
    return night_report(evidence, [read_sign_off(each, keys) for each in folder.sign_offs()])


def _zip(made: Report) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in csv_files(made).items():
            archive.writestr(name, body)
    return written.getvalue()


def _file(body: bytes, kind: str, suffix: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="evidence.{suffix}"'}
    return Response(body, media_type=kind, headers=pages.HEADERS | disposition)
