"""``druid-reindex orphans``: what no live run owns, listed, and taken away when asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, JsonOption, airflow_api
from druid_reindex.clients.leftovers import Leftovers
from druid_reindex.clients.night_facts import Sources
from druid_reindex.errors import DruidReindexError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.plan.orphans import Ages, Orphan
from druid_reindex.plan.orphans import orphans as judge

BY = "druid-reindex orphans --reap"
COULD_NOT_READ = 2
COULD_NOT_REAP = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("orphans")(orphans)


def orphans(
    grace_minutes: Annotated[
        int, typer.Option(help="How old a cluster must be, and how long ago a lease must have ended.", min=0)
    ] = 60,
    keep_days: Annotated[
        int, typer.Option(help="How old working files and security configurations must be.", min=0)
    ] = 30,
    configs: ConfigsOption = CONFIGS,
    *,
    reap: Annotated[bool, typer.Option("--reap", help="Take them away: terminate, break, delete.")] = False,
    as_document: JsonOption = False,
) -> None:
    """List what no live run of this deployment owns. Changes nothing by itself.

    cluster                  not ended; its tags name a run that is not live
    lease                    not given back, ended; its run is not live
    working files            of jobs, in S3, whose run is not live
    security configuration   made by the provider; no cluster runs under it
    suspended supervisors    of Druid, by a run that is not live

    Only what proves that it is of the deployment in emr_configs is listed. --reap terminates the clusters, breaks the
    leases (the next night then ends what the run had submitted), deletes files and security configurations (the next
    launch makes its own again), and resumes the supervisors, whatever their age; plans, pages and results stay.

    Exit 2 when something could not be read, 1 when something could not be taken away.
    """
    desk = Desk(PIPELINES, configs)
    unread: list[str] = []
    now = datetime.now(UTC)
    grace, keep = timedelta(minutes=grace_minutes), timedelta(days=keep_days)
    ages = Ages(grace, grace, keep, keep)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, _boundaries(desk.boundaries), "orphans", sources.store, mutates=reap),
    ):
        sides = [_side(desk.boundaries, each, sources, unread) for each in Classification]
        found = [(side, side.find()) for side in sides]
        live = _live(desk.boundaries)
        left = [(side, each) for side, there in found for each in judge(there, live, now, ages)]
        _tell([orphan for _, orphan in left], as_document=as_document, whole=not unread)
        failed = _reap(left, now) if reap else []
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    for text in (*unread, *failed):
        err.print(text, style="red", markup=False)
    if unread or failed:
        raise typer.Exit(COULD_NOT_READ if unread else COULD_NOT_REAP)


def _boundaries(boundaries: Boundaries) -> list[Boundary]:
    return [boundaries.of(each) for each in Classification]


def _side(boundaries: Boundaries, classification: Classification, sources: Sources, unread: list[str]) -> Leftovers:
    def tell(text: str) -> None:
        if (said := f"could not read: {text}") not in unread:
            unread.append(said)

    return Leftovers(boundaries, classification, sources.emr, sources.store, tell, lambda _conn_id: sources.druid())


def _live(boundaries: Boundaries) -> frozenset[RunId]:
    """The runs that Airflow works on. Raises what Airflow raises: without its answer nothing is an orphan."""
    with airflow_api() as api:
        runs = api.live_runs()
    return frozenset(RunId.of(boundaries.deployment_id, dag_id=run.dag_id, run_id=run.run_id) for run in runs)


def _tell(left: list[Orphan], *, as_document: bool, whole: bool) -> None:
    if as_document:
        typer.echo(json.dumps([_document(each) for each in left], indent=2, ensure_ascii=False))
        return
    for each in left:
        typer.echo(str(each))
    if not left:
        typer.echo(f"nothing is left that no live run owns{'' if whole else ', in what could be read'}")


def _document(orphan: Orphan) -> dict[str, str | None]:
    run_id = orphan.run_id
    return {
        "kind": orphan.kind.value,
        "name": orphan.name,
        "dag_id": run_id.dag_id if run_id else None,
        "run_id": run_id.dag_run_id if run_id else None,
        "since": orphan.since.isoformat(),
    }


def _reap(left: list[tuple[Leftovers, Orphan]], now: datetime) -> list[str]:
    """What could not be taken away, and why."""
    failed = []
    for side, orphan in left:
        try:
            side.take_away(orphan, by=BY, now=now, log=partial(typer.echo, err=True))
        except DruidReindexError as error:
            failed.append(f"{orphan}: {error}")
    return failed
