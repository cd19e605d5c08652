"""``druid-reindex retire``: a person disposes of what nights replaced, after seeing what will be gone for good."""

from __future__ import annotations

import getpass
import time
from collections import Counter
from datetime import timedelta
from typing import Annotated

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption
from druid_reindex.cli.runs import POLL_SECONDS, end_all
from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.leases import LeaseKeeper, utc_now
from druid_reindex.clients.night_facts import Sources, Subject
from druid_reindex.clients.replaced import Replaced
from druid_reindex.clients.retirable import Retirement
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.stored_versions import Place
from druid_reindex.errors import ConfigurationError, DeadlineError, NotApprovedError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_profile
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.disposal import Decision
from druid_reindex.plan.lease import Claim

WAIT_SECONDS = 3_600.0  # for what lives to end, and for Druid to kill
PipelineArgument = Annotated[str, typer.Argument(metavar="PIPELINE", help="A datasource, a pipeline's file or DAG id.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retire")(retire)


def retire(
    pipeline: PipelineArgument,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Dispose of what PIPELINE's nights replaced before its rollback window (policy.rollback_days).

    Shows each version of a time chunk that would be gone for good and each that stays, with why, and asks. Then, under
    the datasource's lease: Druid kills those segments, each version of their objects in S3 is deleted, both are looked
    for again, and a record of all of it is kept. What serves, what a rollback could need, and what no night of ours
    replaced is never touched. After an interruption the lease stays, since a kill may still run: given again by the
    same user on the same day (UTC), the command goes on.
    """
    desk = Desk(pipelines, configs)
    found = desk.pipeline(pipeline)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [desk.boundary(found)], "retire", sources.store, mutates=not dry_run),
    ):
        run_id = RunId.of(
            desk.boundaries.deployment_id,
            dag_id=f"druid-reindex retire {found.datasource}",
            run_id=f"{getpass.getuser()}__{utc_now():%Y-%m-%d}",
        )
        claim = Claim(found.datasource, run_id, desk.boundaries.deployment_id)
        keeper = LeaseKeeper(sources.store(), desk.boundary(found), claim)
        retirement = _retirement(found, desk.boundary(found), sources, keeper)
        decision, left = retirement.decided(retirement.due())
        _tell(decision, left)
        if dry_run or not (decision.names or decision.absent):
            return
        if not (yes or typer.confirm("Dispose of these for good?")):
            raise NotApprovedError(
                "retire versions", resource=found.datasource, came_back="no", remedy="nothing was changed: ask again"
            )
        _take(desk, found, run_id, sources, keeper)
        record = _carry_out(retirement)
        if kept := keeper.release():
            typer.echo(f"the lease is kept until it expires: {kept}")
    typer.echo(f"gone: {len(record.segments)} segments, {len(record.objects)} versions of objects; none is left")
    typer.echo(f"the record: {retirement.disposal.shelf.uri(record.run)}")


def _retirement(pipeline: Pipeline, boundary: Boundary, sources: Sources, keeper: LeaseKeeper) -> Retirement:
    if sources.versions is None:
        raise ConfigurationError(
            "retire versions", resource="S3", came_back="no client for versions of objects",
            remedy="use the command's own sources",
        )  # fmt: skip

    def require() -> None:
        keeper.require()

    disposal = SegmentDisposal(
        datasource=pipeline.datasource,
        deployment_id=keeper.claim.deployment_id,
        run_id=keeper.claim.owner,
        druid=sources.druid(),
        places=(Place(sources.versions(), S3Uri.parse(boundary.segments_uri)),),
        shelf=DisposalShelf(sources.store(), boundary, pipeline.datasource),
        require=require,
        log=typer.echo,
    )
    window = timedelta(days=pipeline.policy.rollback_days)
    return Retirement(Replaced(sources.store(), boundary, pipeline.datasource), disposal, window)


def _tell(decision: Decision, left: list[str]) -> None:
    """Say what goes, by version of a time chunk, and what stays."""
    for (interval, version), count in sorted(Counter((str(n.interval), n.version) for n in decision.names).items()):
        typer.echo(f"{interval}  {version}  {count} segments go")
    for line in left:
        typer.echo(f"stays: {line}")
    if decision.absent:
        typer.echo(f"{len(decision.absent)} segments more are gone already")
    if not (decision.names or decision.absent):
        typer.echo("nothing is to go")


def _take(desk: Desk, pipeline: Pipeline, run_id: RunId, sources: Sources, keeper: LeaseKeeper) -> None:
    """Hold the lease, once nothing of an earlier owner lives that could still publish."""
    lease = keeper.hold()
    profile = load_profile(desk.configs, pipeline.cluster.profile)
    for earlier in {each.run for each in lease.displaced} - {run_id}:
        end_all(Subject(earlier, pipeline, desk.boundary(pipeline), profile), sources, WAIT_SECONDS, looks=1)
    keeper.settled()


def _carry_out(retirement: Retirement) -> Disposal:
    """Dispose of what is due now, under the lease."""
    due, give_up = retirement.due(), time.monotonic() + WAIT_SECONDS
    record = retirement.begin(due)
    while left := retirement.disposal.pending(record):
        if time.monotonic() >= give_up:
            raise DeadlineError(
                "retire versions", resource=record.datasource, came_back=left,
                remedy="give the same command again: it goes on where this one stopped",
            )  # fmt: skip
        retirement.disposal.require()
        time.sleep(POLL_SECONDS)
    return retirement.finish(record, due)
