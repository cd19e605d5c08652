"""``druid-reindex evidence trail``: is CloudTrail's record of what happened whole and unchanged?"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS
from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.trail_report import TrailReport
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.trail import TrailScope, Window
from druid_reindex.model.uri import Arn

if TYPE_CHECKING:
    from druid_reindex.ports import TrailPort

_ATTEMPTED = "verify a trail"
_DAY = timedelta(days=1)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("trail")(trail)


def trail(
    file: Annotated[
        Path | None, typer.Argument(metavar="[PIPELINE]", help="A pipeline file, for its Region.", dir_okay=False)
    ] = None,
    *,
    name: Annotated[str | None, typer.Option("--trail", help="The trail's ARN; needed with --bucket.")] = None,
    bucket: Annotated[
        str | None,
        typer.Option(metavar="BUCKET[/PREFIX]", help="Where its files lie; left out, CloudTrail is asked."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="From when on, in UTC; left out, a day before the end.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Until when, in UTC; left out, now.")] = None,
    configs: Annotated[Path, typer.Option("--configs", help="The folder emr_configs.", file_okay=False)] = CONFIGS,
) -> None:
    """Verify CloudTrail's digests and log files of a window, in every Region that the trail delivers. Read-only.

    ✗ is missing or was changed, ! a time in which CloudTrail was stopped, ? a time of which no valid digest tells:
    CloudTrail delivers one about an hour later. Exit 1 when anything is missing or changed, or there is no digest.
    """
    window = _window(since, until)
    port, scope = _found(file, name, bucket, configs)
    reports = [_verified(port, scope.of_region(region), window) for region in port.regions(scope)]
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"trail {scope.name} in s3://{scope.bucket}, {window}", markup=False)
    for line in (line for report in reports for line in report.lines(window)):
        out.print(line, style=_STYLES.get(line[0]), markup=False)
    if not reports:
        out.print(f"✗ no digest lies below {scope.regions_folder}", style="red", markup=False)
    raise typer.Exit(0 if reports and all(report.is_sound for report in reports) else 1)


_STYLES = {"✗": "red", "!": "yellow", "?": "yellow"}


def _window(since: datetime | None, until: datetime | None) -> Window:
    end = until.replace(tzinfo=UTC) if until is not None else datetime.now(UTC)
    window = Window(since.replace(tzinfo=UTC) if since is not None else end - _DAY, end)
    if window.start >= window.end:
        raise ConfigurationError(
            _ATTEMPTED, resource=f"the time from {window}", came_back="it ends before it begins", remedy="exchange them"
        )
    return window


def _found(file: Path | None, name: str | None, bucket: str | None, configs: Path) -> tuple[TrailPort, TrailScope]:
    """CloudTrail, and the trail that is meant. Raises ConfigurationError when none or several are."""
    from druid_reindex.clients.cloudtrail import CloudTrailClient  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.session import build_session  # noqa: PLC0415

    arn = _arn(name) if name is not None else None
    port = CloudTrailClient(build_session(region=arn.region if arn else _region(file, configs)), attempts=AWS_ATTEMPTS)
    if bucket is not None:
        if arn is None:
            raise _unclear(f"--bucket {bucket} alone", "add --trail with the trail's ARN")
        place, _, prefix = bucket.removeprefix("s3://").partition("/")
        return port, TrailScope.of(arn, place, prefix.rstrip("/"))
    return port, port.trail(str(arn)) if arn is not None else only_trail(port.trails())


def only_trail(trails: list[TrailScope]) -> TrailScope:
    """The trail, where there is one. Raises ConfigurationError."""
    if len(trails) != 1:
        listed = ", ".join(f"{each.name} of {each.home_region}" for each in trails) or "no trail"
        raise _unclear(f"the account has {listed}", "name one by --trail, its ARN")
    return trails[0]


def _region(file: Path | None, configs: Path) -> str | None:
    if file is None:
        return None
    boundaries = load_boundaries(configs)
    load_pipeline(file, boundaries)
    return boundaries.region


def _arn(text: str) -> Arn:
    try:
        arn = Arn.parse(text)
    except ValueError as error:
        raise _unclear(str(error), "write arn:aws:cloudtrail:us-east-1:111122223333:trail/name") from error
    if arn.service != "cloudtrail" or not arn.resource.startswith("trail/"):
        raise _unclear(f"{text} is no trail", "write arn:aws:cloudtrail:us-east-1:111122223333:trail/name")
    return arn


def _unclear(came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(_ATTEMPTED, resource="this command line", came_back=came_back, remedy=remedy)


def _verified(port: TrailPort, scope: TrailScope, window: Window) -> TrailReport:
    """What the files of one Region come to; on a terminal, how far it has come is shown meanwhile."""
    from druid_reindex.clients.trail_reading import TrailReading  # noqa: PLC0415

    report = TrailReport(scope.region)
    with Console(stderr=True).status(f"{scope.region}") as status:
        for seen in TrailReading(port, scope, processes=os.cpu_count() or 1).read(window):
            report.add(seen)
            status.update(f"{scope.region}: {report.digests.total()} digests, {report.logs.total()} log files")
    return report
