"""``druid-reindex rollback``: a person takes back what a night published, after seeing what will be served then."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import (
    CONFIGS,
    PIPELINES,
    ConfigsOption,
    DagIdOption,
    Desk,
    PipelinesOption,
    RunArgument,
    airflow_api,
)
from druid_reindex.cli.runs import POLL_SECONDS, end_all, refuse_live
from druid_reindex.clients.leases import LeaseKeeper
from druid_reindex.clients.night_facts import Sources, Subject
from druid_reindex.clients.night_rollback import NightRollback
from druid_reindex.clients.rollback import BatchRollback, Night, Record
from druid_reindex.errors import DeadlineError, NotApprovedError, NotFoundError
from druid_reindex.model.identity import digest
from druid_reindex.plan import document, names
from druid_reindex.plan.lease import Claim
from druid_reindex.plan.rollback import Rollback

WAIT_SECONDS = 900.0  # for what lives to end, and for Druid to serve again


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    run: RunArgument,
    dag_id: DagIdOption = None,
    batch: Annotated[
        list[int] | None, typer.Option("--batch", help="A batch of its plan, given again for more; all without it.")
    ] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Take back what RUN, which is over, has published, passed or not: the version from before serves again.

    Shows each chunk with what it will serve, and asks. Then, under the datasource's lease: the run's segments out of
    service, those from before into it, by their ids; waits until Druid serves them, and compares the answer with the
    one that was recorded before the night. It may be given again after any interruption. Chunks that serve what
    neither the run nor the night before it made are left as they are and named. Nothing is deleted; what Redshift was
    loaded with stays.
    """
    desk = Desk(pipelines, configs)
    with airflow_api() as api:
        found = desk.find_run(api, run, dag_id)
        refuse_live(found, "take a run back")
    subject = desk.subject(found)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [subject.boundary], "rollback", sources.store, mutates=True),
    ):
        claim = Claim(subject.pipeline.datasource, subject.run_id, desk.boundaries.deployment_id)
        keeper = LeaseKeeper(sources.store(), subject.boundary, claim)
        batches = _batches(_night(subject, sources, keeper), batch)
        asked = [(each, each.decided()) for each in batches if each.has_begun]
        if not _tell(asked):
            typer.echo("nothing of it is in service: there is nothing to take back")
            return
        if not (yes or typer.confirm("Take these chunks back?")):
            raise NotApprovedError(
                "take a run back", resource=found.run_id, came_back="no", remedy="nothing was changed: ask again"
            )
        _take(subject, sources, keeper)
        try:
            _carry_out([each for each, _ in asked], subject.pipeline.datasource)
        finally:
            if kept := keeper.release():
                typer.echo(f"the lease is kept until it expires: {kept}")
    typer.echo(f"safe next: druid-reindex status {found.run_id} --dag-id {found.dag_id}")


def _night(subject: Subject, sources: Sources, keeper: LeaseKeeper) -> Night:
    uri = names.plan_uri(subject.boundary, subject.run_id)
    stored = sources.store().get_with_etag(uri)
    if stored is None:
        raise NotFoundError(
            "take a run back", resource=str(uri), came_back="no plan", remedy="name a run that was planned"
        )

    def require() -> None:
        keeper.require()

    return Night(
        run_id=subject.run_id, pipeline=subject.pipeline, boundary=subject.boundary, plan_sha256=digest(stored[0]),
        druid=sources.druid(), store=sources.store(), require=require, log=typer.echo,
    )  # fmt: skip


def _batches(night: Night, chosen: list[int] | None) -> list[BatchRollback]:
    plan = document.from_json(night.store.get(names.plan_uri(night.boundary, night.run_id)))
    known = [each.number for each in plan.batches]
    if unknown := sorted(set(chosen or ()) - set(known)):
        raise NotFoundError(
            "take batches back", resource=f"batches {unknown}", came_back=f"the plan has {known}",
            remedy="name one of these, or none for all",
        )  # fmt: skip
    return [BatchRollback(night, each) for each in plan.batches if not chosen or each.number in chosen]


def _tell(asked: list[tuple[BatchRollback, Rollback]]) -> bool:
    """Whether there is anything to take back; says what each chunk will serve."""
    for each, todo in asked:
        typer.echo(f"batch {each.batch.number}: {len(todo.unused)} segments out, {len(todo.used)} put back")
        for chunk in each.batch.chunks:
            if str(chunk.interval) in todo.chunks:
                versions = ", ".join(sorted({segment.version for segment in chunk.segments})) or "nothing"
                rows = "rows unknown" if chunk.num_rows is None else f"{chunk.num_rows:,} rows"
                typer.echo(f"  {chunk.interval}  will serve {versions}  {rows}")
        for refused in todo.refused:
            typer.echo(f"  {refused}: neither the run's nor from before, so it stays")
    return any(todo.chunks or each.record() for each, todo in asked)


def _take(subject: Subject, sources: Sources, keeper: LeaseKeeper) -> None:
    """Hold the lease, once nothing of this run or of an earlier owner lives that could still publish."""
    lease = keeper.hold()
    for earlier in {subject.run_id, *(each.run for each in lease.displaced)}:
        end_all(replace(subject, run_id=earlier), sources, WAIT_SECONDS, looks=1)
    keeper.settled()


def _carry_out(batches: list[BatchRollback], datasource: str) -> None:
    give_up, night = time.monotonic() + WAIT_SECONDS, NightRollback.begin(batches)
    while left := night.pending():
        if time.monotonic() >= give_up:
            raise DeadlineError(
                "take a run back", resource=datasource, came_back=left,
                remedy="give the same command again: it goes on where this one stopped",
            )  # fmt: skip
        time.sleep(POLL_SECONDS)
    for record in night.finish():
        _report(record)
    night.refuse(datasource)


def _report(record: Record) -> None:
    for chunk, served in record["serving"].items():
        versions = ", ".join(served["versions"]) or "nothing"
        typer.echo(f"{chunk} serves {versions}, {served['rows']:,} rows: the answer equals the recorded one")
