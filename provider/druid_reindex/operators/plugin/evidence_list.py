"""The list of runs that left evidence, each with what its packs tell now: what was found, what is still to come.

A run's packs are read and verified when the list first shows it, and again when anything beside them has changed:
S3's list of them says so. What the list shows are counts; the reports behind it write down who reads them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.sdk.exceptions import AirflowException
from airflow.utils.session import create_session
from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from sqlalchemy import select

from druid_reindex.clients.evidence_folders import S3Folder, s3_folders
from druid_reindex.errors import DruidReindexError
from druid_reindex.evidence.parts import State
from druid_reindex.evidence.report import Level, worst
from druid_reindex.evidence.report_findings import findings_of
from druid_reindex.evidence.report_html import style
from druid_reindex.evidence.report_night import mark_of, mark_of_trail
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.evidence import EVIDENCE_TASK
from druid_reindex.operators.links import EVIDENCE_PLACE_KEY
from druid_reindex.operators.plugin import pages
from druid_reindex.operators.plugin.evidence_pages import Place, run_path

if TYPE_CHECKING:
    from druid_reindex.clients.locked_store import LockedStore

RUNS_A_PAGE = 25
_READERS = 8
_MOST_REMEMBERED = 2000
_INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Evidence of nights</title>
<style>
{{ style }}
</style>
</head>
<body>
<a class="skip" href="#content">Skip to the list</a>
<header>
{% for mark in marks %}<p class="mark">{{ mark }}</p>
{% endfor %}
<h1>Evidence of nights</h1>
<p>The runs that left a pack and that you may read, the latest first. Their packs were verified when this list first \
showed them, and are again when a file of theirs is another one. A report verifies them each time, and that you opened \
it is written down beside them.</p>
</header>
<main id="content" tabindex="-1">
{% if runs %}
<div class="wide" role="region" tabindex="0" aria-labelledby="runs-caption">
<table class="runs">
<caption id="runs-caption">Runs {{ first }} to {{ first + (runs | length) - 1 }}</caption>
<thead>
<tr><th scope="col">State</th><th scope="col">Run</th><th scope="col">Findings</th><th scope="col">Still to come</th>\
<th scope="col">Not read</th></tr>
</thead>
<tbody>
{% for run in runs %}
<tr><td class="level {{ run.brief.level }}">{{ run.brief.level.word }}</td>\
<th scope="row">{{ run.run_id }}<br><span class="of">{{ run.dag_id }}</span><ul class="links">\
{% for word, address in run.links %}<li>\
<a href="{{ address }}" aria-label="{{ word }} of {{ run.run_id }}">{{ word }}</a></li>{% endfor %}</ul></th>\
{% if run.brief.why_not %}<td colspan="3">Its packs could not be read: {{ run.brief.why_not }}</td>{% else %}\
<td>{% if run.brief.findings %}<a href="{{ run.path }}#findings-first">{{ run.brief.findings }}</a>{% else %}none\
{% endif %}</td><td>{{ run.brief.pending or "nothing" }}</td><td>{{ run.brief.unread or "nothing" }}</td>{% endif %}\
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p class="nothing">None yet that you may read: a night leaves its pack at its end, where its boundary has evidence.</p>
{% endif %}
{% if newer or older %}
<nav aria-label="Pages">
<ul>
{% if newer %}<li><a href="?page={{ newer }}">Newer runs</a></li>
{% endif %}{% if older %}<li><a href="?page={{ older }}">Older runs</a></li>
{% endif %}</ul>
</nav>
{% endif %}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Brief:
    """A run's evidence in a line; ``why_not`` where it could not be read."""

    level: Level
    findings: str = ""
    pending: str = ""
    unread: str = ""
    mark: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A run as the list shows it."""

    dag_id: str
    run_id: str
    brief: Brief

    @property
    def path(self) -> str:
        """Its report, beside the list."""
        return run_path(self.dag_id, self.run_id)

    @property
    def links(self) -> Sequence[tuple[str, str]]:
        """What can be looked at."""
        below = {"Report": "", "Verify": "/verify", "PDF": "/report.pdf", "Tables": "/tables.zip"}
        return [(word, self.path + end) for word, end in below.items()]


class Briefs:
    """What was read of each run's packs, by the ETags of their files, which change with the files."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Brief] = OrderedDict()

    def of(self, folder: S3Folder) -> Brief:
        """What the packs tell."""
        key = (folder.where, *(f"{each.uri.key} {each.etag}" for each in folder.listed))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _told(folder)
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found


@cache
def _briefs() -> Briefs:
    """Those of this process."""
    return Briefs()


def register(application: FastAPI) -> None:
    """Add the page."""
    application.get("/evidence")(index_page)


def index_page(user: GetUserDep, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> HTMLResponse:
    """The runs that left a pack, of the DAGs whose runs the user may read."""
    found = stored_places(readable_dags(user), page)
    runs = [Row(dag_id, run_id, brief) for (dag_id, run_id, _), brief in
            zip(found[:RUNS_A_PAGE], look([place for *_, place in found[:RUNS_A_PAGE]]), strict=True)]  # fmt: skip
    body = Environment(autoescape=True, undefined=StrictUndefined).from_string(_INDEX).render(
        runs=runs, style=Markup(style()), marks=sorted({run.brief.mark for run in runs} - {""}),  # noqa: S704  # our file
        first=RUNS_A_PAGE * (page - 1) + 1, newer=page - 1, older=page + 1 if len(found) > RUNS_A_PAGE else 0,
    )  # fmt: skip
    return HTMLResponse(body, headers=pages.HEADERS)


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


def stored_places(dag_ids: Iterable[str], page: int) -> list[tuple[str, str, Place]]:
    """DAG, run and where its packs lie, the latest first: those of the page, and one more where there is another."""
    query = (
        select(XComModel)
        .join(DagRun, (XComModel.dag_id == DagRun.dag_id) & (XComModel.run_id == DagRun.run_id))
        .where(
            XComModel.dag_id.in_(set(dag_ids)), XComModel.task_id == EVIDENCE_TASK, XComModel.key == EVIDENCE_PLACE_KEY
        )
        .order_by(DagRun.run_after.desc(), DagRun.dag_id, DagRun.run_id)
        .offset(RUNS_A_PAGE * (page - 1))
        .limit(RUNS_A_PAGE + 1)
    )
    with create_session(scoped=False) as session:
        return [(each.dag_id, each.run_id, XComModel.deserialize_value(each)) for each in session.scalars(query)]


def look(places: Sequence[Place]) -> list[Brief]:
    """What the packs at each place tell."""
    stores = {side: _reached(*side) for side in dict.fromkeys(map(_side, places))}
    with ThreadPoolExecutor(_READERS) as readers:
        return list(readers.map(lambda place: _brief(stores[_side(place)], place), places))


def _side(place: Place) -> tuple[str, str]:
    return place["aws_conn_id"], place["region"]


def _reached(conn_id: str, region: str) -> LockedStore | str:
    """S3 by the connection, or why not."""
    try:
        return connections.locked_store(conn_id, region)
    except (DruidReindexError, AirflowException) as error:
        return str(error)


def _brief(store: LockedStore | str, place: Place) -> Brief:
    """What the packs there tell; why not, where they cannot be read."""
    if isinstance(store, str):
        return Brief(Level.AMBER, why_not=store)
    try:
        (folder,) = s3_folders(store, S3Uri.parse(place["uri"]))
        found = _briefs().of(folder)
        return replace(found, mark=found.mark or mark_of_trail(place.get("trail")))
    except DruidReindexError as error:
        return Brief(Level.AMBER, why_not=str(error))


def _told(folder: S3Folder) -> Brief:
    evidence = read_packs(folder.packs(), folder.keys())
    levels = Counter(each.level for each in findings_of(evidence))
    return Brief(
        level=worst(levels),
        findings=", ".join(f"{levels[level]} {level}" for level in Level if levels[level]),
        pending=", ".join(word.kind for word in evidence.untold(State.PENDING)),
        unread=", ".join(word.kind for word in evidence.untold(State.UNREAD)),
        mark=mark_of(evidence),
    )


def _details(dag_id: str) -> DagDetails:
    return DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
