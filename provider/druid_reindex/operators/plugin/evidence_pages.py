"""The pages of one run's evidence: its report as a page, a document or tables, each task's share, and whether it holds.

All is made of the packs in S3 when it is asked for, verified then, and shown only once it is written down beside them
who reads it. Who may not read a DAG's runs sees none of its evidence.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.sdk.exceptions import AirflowException
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from druid_reindex.clients.evidence_folders import EvidenceFolder, s3_folders
from druid_reindex.errors import DruidReindexError, NotFoundError
from druid_reindex.evidence.access import Access
from druid_reindex.evidence.lineage import READS, WRITES, Names
from druid_reindex.evidence.report import Report
from druid_reindex.evidence.report_csv import csv_files
from druid_reindex.evidence.report_html import html
from druid_reindex.evidence.report_night import mark_of_trail, night_report
from druid_reindex.evidence.report_pdf import pdf
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.report_task import TaskOfRun, task_report
from druid_reindex.evidence.report_verify import KnownKey, verify_report
from druid_reindex.evidence.sign_off import read_sign_off
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.evidence import EVIDENCE_TASK
from druid_reindex.operators.links import DATASETS_KEY, EVIDENCE_PLACE_KEY, airflow_path
from druid_reindex.operators.plugin import PREFIX, pages

Place = Mapping[str, str]


def register(application: FastAPI, may_read_runs: list[Any]) -> None:
    """Add the pages."""
    run = "/evidence/{dag_id}/{run_id}"
    shown: dict[str, Callable[..., Response]] = {
        "": report_page,
        "/report.pdf": report_document,
        "/tables.zip": report_tables,
        "/verify": verify_page,
        "/tasks/{task_id}/{map_index}": task_page,
    }
    for path, page in shown.items():
        application.get(f"{run}{path}", dependencies=may_read_runs)(page)


def report_page(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """The run's report; 404 while it has left no pack, 502 when S3 does not give it."""
    links = _beside(dag_id, run_id)
    return _answer(dag_id, run_id, lambda place: _page(_night(place, user, "page in Airflow"), links))


def report_document(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """The same as a PDF."""
    return _answer(
        dag_id, run_id, lambda place: _file(pdf(_night(place, user, "PDF in Airflow")), "application/pdf", "pdf")
    )


def report_tables(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """Its tables as CSV, in one archive."""
    return _answer(
        dag_id, run_id, lambda place: _file(_zip(_night(place, user, "tables in Airflow")), "application/zip", "zip")
    )


def verify_page(dag_id: str, run_id: str, user: GetUserDep) -> Response:
    """Whether each pack is as it was signed, what was changed first, and whose the keys are."""

    def shown(place: Place) -> Response:
        folder = _folder(place)
        evidence = _read(folder, user, "verified in Airflow")
        made = verify_report(folder.where, evidence, _known_key(place))
        return _page(_marked(made, place), _beside(dag_id, run_id))

    return _answer(dag_id, run_id, shown)


def task_page(dag_id: str, run_id: str, task_id: str, map_index: int, user: GetUserDep) -> Response:
    """What one task has read, written and called, and what CloudTrail says of it; also before there is a pack."""
    task = TaskOfRun(dag_id, run_id, task_id, map_index)
    datasets, links = _datasets(task), _beside(dag_id, run_id)
    if _place(dag_id, run_id) is None:
        return _page(task_report(task, datasets, None), links)

    def shown(place: Place) -> Response:
        evidence = _read(_folder(place), user, f"task {task.name} in Airflow")
        return _page(_marked(task_report(task, datasets, evidence), place), links)

    return _answer(dag_id, run_id, shown)


def run_path(dag_id: str, run_id: str) -> str:
    """Where the run's pages begin, below the path of the plugin."""
    return f"evidence/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"


def _beside(dag_id: str, run_id: str) -> list[tuple[str, str]]:
    """The other pages of the run, and the list of runs."""
    own = f"{airflow_path()}{PREFIX}/{run_path(dag_id, run_id)}"
    return [
        ("All nights", f"{airflow_path()}{PREFIX}/evidence"),
        ("Report", own),
        ("Verify", f"{own}/verify"),
        ("PDF", f"{own}/report.pdf"),
        ("Tables", f"{own}/tables.zip"),
    ]


def _place(dag_id: str, run_id: str) -> Place | None:
    place = pages.told(dag_id, run_id, EVIDENCE_TASK, EVIDENCE_PLACE_KEY)
    return place if isinstance(place, dict) else None


def _answer(dag_id: str, run_id: str, shown: Callable[[Place], Response]) -> Response:
    place = _place(dag_id, run_id)
    if place is None:
        return pages.message(404, f"Run {run_id} of {dag_id} has left no pack: {EVIDENCE_TASK} has not, or not yet.")
    try:
        return shown(place)
    except NotFoundError as error:
        return pages.message(404, str(error))
    except (DruidReindexError, AirflowException) as error:
        return pages.message(502, str(error))


def _folder(place: Place) -> EvidenceFolder:
    store = connections.locked_store(place["aws_conn_id"], place["region"])
    (folder,) = s3_folders(store, S3Uri.parse(place["uri"]))
    return folder


def _read(folder: EvidenceFolder, user: BaseUser, how: str) -> Evidence:
    """What the run's packs tell, once it is written down who reads them."""
    evidence = read_packs(folder.packs(), folder.keys())
    shown = tuple(each.sha256 for each in evidence.packs)
    folder.note(Access(datetime.now(UTC), user.get_name(), "Airflow", how, shown))
    return evidence


def _night(place: Place, user: BaseUser, how: str) -> Report:
    folder = _folder(place)
    evidence, keys = _read(folder, user, how), folder.keys()
    made = night_report(evidence, [read_sign_off(each, keys) for each in folder.sign_offs()])
    return _marked(made, place)


def _marked(made: Report, place: Place) -> Report:
    """The report with the mark of the run's trail, also where the pack that tells of it was changed."""
    return replace(made, mark=made.mark or mark_of_trail(place.get("trail")))


def _datasets(task: TaskOfRun) -> Names:
    """What the task told of its datasets; nothing where another kind of task told something else by that name."""
    told = pages.told(task.dag_id, task.run_id, task.task_id, DATASETS_KEY, map_index=task.map_index)
    if not isinstance(told, Mapping):
        return {}
    return {way: [pair for pair in told.get(way) or () if isinstance(pair, list) and len(pair) == 2]
            for way in (READS, WRITES)}  # fmt: skip


def _known_key(place: Place) -> KnownKey:
    """What KMS says of the key that the run's packs are to be signed with."""
    arn = place.get("signing_key_arn")
    if arn is None:
        return KnownKey(why_not="the run has not told which key it is")
    try:
        return KnownKey(connections.signer(place["aws_conn_id"], place["region"], arn).public_key().fingerprint)
    except DruidReindexError as error:
        return KnownKey(why_not=str(error))


def _page(made: Report, links: list[tuple[str, str]]) -> Response:
    return HTMLResponse(html(made, links), headers=pages.HEADERS)


def _zip(made: Report) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in csv_files(made).items():
            archive.writestr(name, body)
    return written.getvalue()


def _file(body: bytes, kind: str, suffix: str) -> Response:
    disposition = {"Content-Disposition": f'attachment; filename="evidence.{suffix}"'}
    return Response(body, media_type=kind, headers=pages.HEADERS | disposition)
