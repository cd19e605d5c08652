"""``druid-reindex purge``: a person has all rows of given keys left out of a datasource, its old versions included."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption, airflow_api
from druid_reindex.cli.runs import POLL_SECONDS, end_all
from druid_reindex.clients.airflow import AirflowApi, DagRun
from druid_reindex.clients.airflow_facts import told_night
from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.leases import LeaseKeeper
from druid_reindex.clients.night_facts import Sources, Subject
from druid_reindex.clients.purged import Purged, etag_of, files_of_rows, old_versions
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.run_files import RunFiles, RunsPlace
from druid_reindex.clients.stored_versions import Place
from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.errors import ConfigurationError, ConflictError, DeadlineError, IntegrityError, NotApprovedError
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import purge as rules
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.lease import Claim
from druid_reindex.ports import ObjectStorePort, ObjectVersionsPort

SUCCESS = "success"
WAIT_SECONDS = 3_600.0  # for what lives to end, and for Druid to kill
_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("purge")(purge)


def purge(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Its datasource, file or DAG id.")],
    key_file: Annotated[str, typer.Option("--key-file", help="s3://… of a file with one key in each line.")],
    column: Annotated[str, typer.Option("--column", help="The dimension that holds the keys.")],
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Rebuild all that PIPELINE's datasource serves without the rows of keys, and dispose of all that had them.

    1. starts a run of the pipeline's DAG and follows it: a step of its cluster writes the rows that stay, the chunks
       are rebuilt of these, another step counts the keys' rows in the new segments; where one is left the batch is
       taken back, and the run fails
    2. under the datasource's lease: old versions are killed by Druid, and each version of their objects is deleted, in
       deep storage and in the replica bucket, and each of the files that the pipeline's earlier runs unloaded, prepared
       or exported; then it is looked for all of them again, and a record kept
    3. names what may have rows of the keys still

    Asks before each of the first two. The keys are read by the cluster's steps alone; here and in Airflow are the
    file's address and ETag. Given again after any interruption, it goes on where it was.
    """
    desk = Desk(pipelines, configs)
    found, asked = desk.pipeline(pipeline), {"key_file": str(_address(key_file)), "column": column}
    rules.refuse_inexact(found, column)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [desk.boundary(found)], "purge", sources.store, mutates=True),
        airflow_api() as api,
    ):
        run = _latest(api, desk, found, sources.store(), asked)
        if run is None:
            _agreed(f"Rebuild all of {found.datasource} without the rows of these keys?", found, yes=yes)
            run_id = api.trigger(found.dag_id, {"reason": f"purge by {asked['key_file']}", "purge": asked})
            run = DagRun(found.dag_id, run_id, "queued")
        run = _followed(api, run)
        subject = desk.subject(run)
        purged = _purged(api, run, subject, sources.store())
        typer.echo(str(purged))
        _refuse_unproven(run, purged)
        _dispose(Versions(desk, subject, sources), purged, yes=yes)
    _tell_left(subject, sources.store())


@dataclass(frozen=True)
class Versions:
    """Where the versions of a purged datasource are, and the hand that disposes of them as the purge's run."""

    desk: Desk
    subject: Subject
    sources: Sources

    @property
    def datasource(self) -> str:
        """The datasource."""
        return self.subject.pipeline.datasource

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Deep storage, and the copy of it that the boundary names."""
        boundary, region = self.subject.boundary, self.desk.boundaries.region
        root = S3Uri.parse(boundary.segments_uri)
        own = Place(versions_in(region), root)
        if boundary.replica is None:
            return (own,)
        return own, Place(versions_in(boundary.replica.region), boundary.replica.copy_of(root))

    @cached_property
    def keeper(self) -> LeaseKeeper:
        """The datasource's lease, as the purge's run."""
        claim = Claim(self.datasource, self.subject.run_id, self.desk.boundaries.deployment_id)
        return LeaseKeeper(self.sources.store(), self.subject.boundary, claim)

    @property
    def shelf(self) -> DisposalShelf:
        """Where it is kept what is disposed of."""
        return DisposalShelf(self.sources.store(), self.subject.boundary, self.datasource)

    def hand(self) -> SegmentDisposal:
        """What disposes of segments."""
        return SegmentDisposal(
            self.datasource, self.desk.boundaries.deployment_id, self.subject.run_id, self.sources.druid(), self.places,
            self.shelf, self._require, typer.echo,
        )  # fmt: skip

    def files(self) -> RunFiles:
        """The files with rows that the pipeline's earlier runs have left, in the bucket and in its copy."""
        boundary = self.subject.boundary
        root, (own, *copies) = S3Uri.parse(boundary.runs_uri), self.places
        places = [RunsPlace(own.store, root)]
        if boundary.replica is not None:
            places += [RunsPlace(copy.store, boundary.replica.copy_of(root)) for copy in copies]
        deployment_id = self.desk.boundaries.deployment_id
        return RunFiles(
            self.subject.run_id, deployment_id, self.sources.store(), tuple(places), self.shelf, self._require
        )

    def _require(self) -> None:
        self.keeper.require()


def versions_in(region: str) -> ObjectVersionsPort:
    """The versions that S3 keeps in the Region, by boto3's chain."""
    from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415
    from druid_reindex.clients.session import build_session  # noqa: PLC0415

    return S3Client(build_session(region=region), attempts=AWS_ATTEMPTS)


def _dispose(versions: Versions, purged: Purged, *, yes: bool) -> None:
    old, unknown = old_versions(versions.datasource, purged, versions.sources.druid(), versions.places)
    for place in versions.places:
        typer.echo(f"looked at {place.root}")
    if versions.subject.boundary.replica is None:
        typer.echo("no replica is named in boundaries.yaml: where S3 makes copies, old versions stay in these")
    _show("old versions", old)
    files = sum(len(found) for _, found in versions.files().found())
    typer.echo(f"versions of files with rows that earlier runs of {versions.subject.run_id.dag_id} left: {files}")
    if not (old or files or versions.hand().begun()):
        typer.echo("no old version is left: there is nothing to dispose of")
    else:
        _agreed(f"Delete these {len(old)} segments and {files} versions of files for good? No night can be taken back "
                "afterwards.", versions.subject.pipeline, yes=yes)  # fmt: skip
        done = _disposed(versions, old)
        typer.echo(f"disposed of {len(done.segments)} segments in {len(done.objects)} versions, and of "
                   f"{len(done.files)} versions of files; none was found after")  # fmt: skip
        _show("left, for a reason:", [f"{name}: {why}" for name, why in done.left.items()])
    _show("left, out of service where nothing serves:", unknown)


def _disposed(versions: Versions, old: list[SegmentName]) -> Disposal:
    """The record, once nothing of ``old`` is left. Raises DeadlineError while Druid is at it still."""
    lease = versions.keeper.hold()
    try:
        for earlier in lease.displaced:
            end_all(replace(versions.subject, run_id=earlier.run), versions.sources, WAIT_SECONDS, looks=1)
        versions.keeper.settled()
        hand, give_up = versions.hand(), time.monotonic() + WAIT_SECONDS
        record = hand.begin(old)
        while left := hand.pending(record):
            if time.monotonic() >= give_up:
                raise DeadlineError(
                    "dispose of old versions", resource=versions.datasource, came_back=left,
                    remedy="give the same command again: it goes on where this one stopped",
                )  # fmt: skip
            time.sleep(POLL_SECONDS)
        return hand.finish(versions.files().disposed(record))
    finally:
        if kept := versions.keeper.release():
            typer.echo(f"the lease is kept until it expires: {kept}")


def _tell_left(subject: Subject, store: ObjectStorePort) -> None:
    """What of other runs' files may have rows of the keys, which nobody has looked into, and what is not in S3."""
    found = files_of_rows(subject.boundary, store)
    told = ", ".join(f"{number} of {what}" for what, number in found.items()) or "none"
    typer.echo(f"left, files of this run and of other pipelines' below {subject.boundary.runs_uri}: {told}")
    if withheld := WithheldShelf(store, subject.boundary, subject.pipeline.datasource).read():
        typer.echo(f"kept out of what later nights unload: rows of {len(withheld)} files of keys, which must stay as "
                   "they are until the source has none of them: druid-reindex withheld")  # fmt: skip
    typer.echo("left, what was unloaded from, loaded into Redshift, and what others have copied; see docs/purge.md")


def _show(what: str, found: list[SegmentName] | list[str]) -> None:
    if found:
        typer.echo(f"{what} {len(found)}")
        for each in found[:_SHOWN]:
            typer.echo(f"  {each}")
        if len(found) > _SHOWN:
            typer.echo(f"  and {len(found) - _SHOWN} more")


def _agreed(question: str, pipeline: Pipeline, *, yes: bool) -> None:
    if not (yes or typer.confirm(question)):
        raise NotApprovedError(
            "purge keys", resource=pipeline.datasource, came_back="no",
            remedy="nothing more is changed: give the command again to go on",
        )  # fmt: skip


def _purged(api: AirflowApi, run: DagRun, subject: Subject, store: ObjectStorePort) -> Purged:
    batches = (told_night(api, run) or {}).get("batches", ())
    return Purged.of(subject.pipeline.datasource, subject.run_id, batches, subject.boundary, store)


def _refuse_unproven(run: DagRun, purged: Purged) -> None:
    if run.state != SUCCESS or not purged.is_whole:
        raise IntegrityError(
            "purge keys", resource=f"{run.dag_id} {run.run_id}", came_back=f"the run is {run.state}",
            remedy=f"read why: druid-reindex status {run.run_id} --dag-id {run.dag_id}; batches that passed stay "
            "as they are, all old versions too; then give this command again, which purges all of it anew",
        )  # fmt: skip


def _address(text: str) -> S3Uri:
    """The file's address; what else was given is not told, for it may be a key."""
    try:
        return S3Uri.parse(text)
    except ValueError:
        raise ConfigurationError(
            "find the keys of a purge", resource="--key-file", came_back="no S3 address",
            remedy="put the keys into a file in S3 and name it: s3://bucket/key",
        ) from None  # fmt: skip


def _latest(
    api: AirflowApi, desk: Desk, pipeline: Pipeline, store: ObjectStorePort, asked: Mapping[str, str]
) -> DagRun | None:
    """The pipeline's latest run, if it is a purge by this very file that has not failed, and is not all done.

    None where a new one is to start. Raises ConflictError while another run is live.
    """
    run = api.latest_run(pipeline.dag_id)
    if run is None:
        return None
    told = (told_night(api, run) or {}).get("purge")
    wanted = {
        "uri": asked["key_file"],
        "etag": etag_of(store, S3Uri.parse(asked["key_file"])),
        "column": asked["column"],
    }
    if told == wanted and (run.is_live or run.state == SUCCESS):
        subject = desk.subject(run)
        disposal = DisposalShelf(store, subject.boundary, pipeline.datasource).read(subject.run_id)
        return None if disposal is not None and disposal.is_done else run
    if run.is_live:
        raise ConflictError(
            "purge keys", resource=f"{run.dag_id} {run.run_id}", came_back=f"it is {run.state}",
            remedy="wait until it has ended, or stop it with `druid-reindex abort`; then give this command again",
        )  # fmt: skip
    return None


def _followed(api: AirflowApi, run: DagRun) -> DagRun:
    """The run, once it is over; says whenever its state is another one."""
    typer.echo(f"run {run.run_id} of {run.dag_id}; more of it: druid-reindex status {run.run_id} --dag-id {run.dag_id}")
    said = ""
    while True:
        run = replace(run, state=api.run_state(run.dag_id, run.run_id))
        if run.state != said:
            typer.echo(f"it is {run.state}")
            said = run.state
        if not run.is_live:
            return run
        time.sleep(POLL_SECONDS)
