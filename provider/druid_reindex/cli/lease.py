"""``druid-reindex lease``: who may write a datasource now, and taking that away from an owner that is dead."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, JsonOption, PipelinesOption
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.clients.night_facts import Sources
from druid_reindex.errors import ConflictError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.lease import Lease, to_json

app = typer.Typer(no_args_is_help=True, help="Who may write a datasource: one run at a time, across all deployments.")
PipelineArgument = Annotated[str, typer.Argument(metavar="PIPELINE", help="A datasource, a pipeline's file or DAG id.")]


@app.command("show")
def show(
    pipeline: PipelineArgument,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    as_document: JsonOption = False,
) -> None:
    """Say who holds the lease of PIPELINE's datasource, since when and until when. Changes nothing."""
    desk = Desk(pipelines, configs)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [_boundary(desk, pipeline)], "lease show", sources.store, mutates=False),
    ):
        found = _shelf(desk, sources, pipeline).read()
    if as_document:
        typer.echo(json.dumps(json.loads(to_json(found)) if found else None, indent=2))
        return
    for line in told(found, datetime.now(UTC)):
        typer.echo(line)


@app.command("break")
def break_(
    pipeline: PipelineArgument,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the lease, beside your user name.")],
    owner: Annotated[
        str | None, typer.Option(help="The run id that you saw as the owner; refused when it is another by now.")
    ] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Take the lease away from an owner that is dead.

    If the owner lives after all, it stops before its next write. Three minutes later another run may take the lease,
    and first ends what this one had started on Druid and EMR. To stop a run that lives, use `druid-reindex abort`.
    """
    desk = Desk(pipelines, configs)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [_boundary(desk, pipeline)], "lease break", sources.store, mutates=True),
    ):
        shelf = _shelf(desk, sources, pipeline)
        seen = shelf.read()
        if seen is None or not seen.is_open or owner not in {None, seen.run_id}:
            raise ConflictError(
                f"break the lease of {shelf.datasource}",
                resource=shelf.where,
                came_back=told(seen, datetime.now(UTC))[0],
                remedy="nothing needs to be broken" if seen is None or not seen.is_open else "name the owner there is",
            )
        after = shelf.break_it(seen, by=getpass.getuser(), reason=reason, now=datetime.now(UTC))
    typer.echo(f"broke the lease of {seen}: another run may take it from {_shown(after.free_at)} on")


def told(lease: Lease | None, now: datetime) -> list[str]:
    """What people read of a lease: its state first."""
    if lease is None:
        return ["free: no run has ever held it"]
    lines = [
        f"{_state(lease, now)}: {lease}",
        f"  since  {_shown(lease.since)}",
        f"  until  {_shown(lease.until)}",
        f"  fence  {lease.fence}",
    ]
    if lease.broken:
        lines.append(f"  broken at {_shown(lease.broken.at)} by {lease.broken.by}: {lease.broken.reason}")
    return lines + [f"  its work is still to be ended: {each}" for each in lease.displaced]


def _state(lease: Lease, now: datetime) -> str:
    if lease.released_at is not None:
        return f"free, given back at {_shown(lease.released_at)} by"
    if now >= lease.free_at:
        return "free for the next run, not given back by"
    return f"{'broken, free' if lease.broken else 'held, free'} at {_shown(lease.free_at)} at the latest"


def _boundary(desk: Desk, name: str) -> Boundary:
    return desk.boundary(desk.pipeline(name))


def _shelf(desk: Desk, sources: Sources, name: str) -> LeaseShelf:
    pipeline = desk.pipeline(name)
    return LeaseShelf(sources.store(), desk.boundary(pipeline), pipeline.datasource)


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
