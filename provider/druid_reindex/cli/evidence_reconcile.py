"""``druid-reindex evidence reconcile``: lay a night beside CloudTrail now, as the DAG of evidence does."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from druid_reindex.cli.evidence_places import Reader
from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption
from druid_reindex.errors import ConfigurationError, ConflictError, NotFoundError
from druid_reindex.model.uri import S3Uri

if TYPE_CHECKING:
    from druid_reindex.clients.evidence_folders import EvidenceFolder
    from druid_reindex.clients.reconciling import Looked, Reconciling
    from druid_reindex.model.boundary import Boundary

_ATTEMPTED = "reconcile a run with CloudTrail"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reconcile")(reconcile)


def reconcile(
    which: Annotated[
        str | None, typer.Argument(metavar="[PACK|RUN]", help="A run's packs, s3://…, or its id of 36 characters.")
    ] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    latest: Annotated[bool, typer.Option("--latest", help="The run whose pack was written last.")] = False,
) -> None:
    """Lay what a run wrote down of its calls beside CloudTrail's files, and add a signed supplement if anything is new.

    Asks AWS as whoever runs it, who must be allowed to read the run's journal and the trail, and to write and sign
    evidence. Where the environment names a transport of OpenLineage, what is new is told there too.

    Exit 1 when there is something that a person must look at, 0 also where files are awaited.
    """
    if (which is None) is not latest:
        raise ConfigurationError(
            _ATTEMPTED, resource="the command", came_back="not one of PACK, RUN and --latest", remedy="name one of them"
        )
    reader = Reader(Desk(pipelines, configs))
    folder = _chosen(reader.folders(which if which is not None and "://" in which else None), which, latest=latest)
    began = datetime.now(UTC)
    looked = _reconciling(reader, folder).look(folder, began)
    _show(looked)
    _tell_lineage(looked, began)
    raise typer.Exit(1 if looked.alert else 0)


def _chosen(folders: list[EvidenceFolder], which: str | None, *, latest: bool) -> EvidenceFolder:
    """The folder of the run. Raises NotFoundError or ConflictError unless there is one."""
    if latest:
        return max(folders, key=lambda each: each.modified_at)
    found = [each for each in folders if which is None or "://" in which or each.where.endswith(f"/{which}")]
    if len(found) > 1:
        raise ConflictError(
            _ATTEMPTED, resource=str(which), came_back=f"{len(found)} runs", remedy="name the folder of one run"
        )
    if not found:
        raise NotFoundError(
            _ATTEMPTED, resource=str(which), came_back="no pack of such a run", remedy="name its id, or its folder"
        )
    return found[0]


def _reconciling(reader: Reader, folder: EvidenceFolder) -> Reconciling:
    from druid_reindex.clients.cloudtrail import CloudTrailClient  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.locked_store import LockedStore  # noqa: PLC0415
    from druid_reindex.clients.log_files import LogFiles  # noqa: PLC0415
    from druid_reindex.clients.reconciling import Reconciling, instance_ids  # noqa: PLC0415
    from druid_reindex.clients.signing import KmsSigner  # noqa: PLC0415
    from druid_reindex.clients.survey_emr import EmrSurvey  # noqa: PLC0415

    boundary = _side_of(reader, folder)
    place, session, desk = boundary.evidence, reader.session, reader.desk
    assert place is not None  # _side_of has found the folder by it
    return Reconciling(
        boundary=boundary,
        place=place,
        store=LockedStore(session, attempts=AWS_ATTEMPTS),
        signer=KmsSigner(session, place.signing_key_arn),
        trail=CloudTrailClient(session, attempts=AWS_ATTEMPTS),
        actors=lambda datasource: desk.by_name[datasource].declared_actors if datasource in desk.by_name else (),
        instances=lambda cluster: instance_ids(EmrSurvey(session), cluster),
        logs=LogFiles(session, attempts=AWS_ATTEMPTS),
        processes=os.cpu_count() or 1,
    )


def _side_of(reader: Reader, folder: EvidenceFolder) -> Boundary:
    """The side of the boundary whose evidence lies there. Raises ConfigurationError when none does."""
    boundaries = reader.desk.boundaries
    for each in (boundaries.phi, boundaries.general):
        is_in_s3 = folder.where.startswith("s3://")
        if is_in_s3 and each.evidence and S3Uri.parse(each.evidence.uri).covers(S3Uri.parse(folder.where)):
            return each
    raise ConfigurationError(
        _ATTEMPTED,
        resource=folder.where,
        came_back="boundaries.yaml keeps no evidence there",
        remedy="name the folder emr_configs of the deployment that made it, with --configs",
    )


def _show(looked: Looked) -> None:
    out = Console(highlight=False, soft_wrap=True)
    wrote = "wrote" if looked.kept.is_new else "nothing new is known; the latest is"
    out.print(f"{wrote} {looked.kept.uri}", markup=False)
    if looked.is_pending:
        out.print(
            "? files that may tell more are awaited, of CloudTrail or of another record", style="yellow", markup=False
        )
    if looked.alert:
        out.print(f"✗ to look at: {looked.alert}; druid-reindex evidence report shows each", style="red", markup=False)
    else:
        out.print("✓ nothing that a person must look at", style="green", markup=False)


def _tell_lineage(looked: Looked, began: datetime) -> None:
    """Send what is new as a run of its own, where there is a transport; what goes wrong is said, and stops nothing."""
    told = looked.trail_run
    if told is None:
        return
    try:
        from druid_reindex.clients.openlineage import send, trail_events  # noqa: PLC0415  # an extra

        if send(trail_events(told, began, datetime.now(UTC)), os.environ):
            typer.echo(f"told to OpenLineage as a run of {told.job}")
    except ImportError:
        return
    except Exception:
        logging.getLogger(__name__).warning("no lineage is told of %s", looked.kept.uri, exc_info=True)
