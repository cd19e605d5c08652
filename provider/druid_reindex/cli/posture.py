"""``druid-reindex posture``: does everything that a night uses protect what it must? Read-only, one line a rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.cli.certificates import zip_uri
from druid_reindex.cli.doctor import asking
from druid_reindex.cli.nights import AWS_ATTEMPTS
from druid_reindex.cli.pipeline_init import druid_config
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.security import needed
from druid_reindex.posture.catalogue import catalogue
from druid_reindex.posture.exceptions import load_exceptions
from druid_reindex.posture.findings import Finding, PostureReport, Status, as_json
from druid_reindex.posture.judge import judge

_MARKS = {
    Status.PASS: ("✓", "green"),
    Status.FAIL: ("✗", "red"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.EXCEPTED: ("!", "yellow"),
    Status.NOT_APPLICABLE: ("-", "dim"),
}
_ASKED = "posture"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("posture")(posture)


def posture(
    file: Annotated[Path, typer.Argument(metavar="PIPELINE", help="A pipeline file.", dir_okay=False)],
    configs: Annotated[Path, typer.Option(help="The folder emr_configs.", file_okay=False)] = Path("emr_configs"),
    *,
    as_json_: Annotated[bool, typer.Option("--json", help="Print the report as JSON for a program.")] = False,
) -> None:
    """Judge, without changing anything, what protects the data of PIPELINE's nights, as the task posture does.

    ✓ holds, ✗ fails, ? could not be read, ! is a failure that a named exception in exceptions.yaml accepts, - does not
    apply. Exit 1 when anything fails or could not be read for a HARD rule: a night would stop there; else 0.
    Druid and AWS are found as `druid-reindex doctor` finds them.
    """
    out = Console(highlight=False, soft_wrap=True)
    with asking(out, shown=not as_json_) as ask:
        report = _judged(file, configs, ask)
    if as_json_:
        typer.echo(as_json(report).decode())
    else:
        _show(out, report)
    raise typer.Exit(0 if report.is_open else 1)


def _judged(file: Path, configs: Path, ask: Callable[[str], None]) -> PostureReport:
    from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.session import build_session  # noqa: PLC0415
    from druid_reindex.clients.survey_facts import Gathering, Night, security_of  # noqa: PLC0415

    boundaries = load_boundaries(configs)
    pipeline = load_pipeline(file, boundaries)
    profile, security = load_shape(configs, pipeline.cluster.profile)
    exceptions = load_exceptions(configs, catalogue(), datetime.now(UTC).date())
    boundary, session = boundaries.of(pipeline.classification), build_session(region=boundaries.region)
    certificates = zip_uri(S3Client(session, attempts=AWS_ATTEMPTS), boundaries, pipeline.classification, profile.name)
    wanted = needed(security, boundary, certificates) if security is not None else None
    night = Night(pipeline, boundaries, profile, security_of(wanted, security, boundary))
    intent = night.intent(RunId.of(boundaries.deployment_id, dag_id=pipeline.dag_id, run_id=_ASKED))
    return judge(Gathering(night, intent, session, partial(druid_config, protected=False), ask).facts(), exceptions)


def _show(out: Console, report: PostureReport) -> None:
    for finding in report.findings:
        mark, style = _MARKS[finding.status]
        out.print(_line(mark, finding), style=style, markup=False)
    counts = ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in report.counts().items() if count)
    out.print(f"{report.subject}: {counts}; a night would {'go on' if report.is_open else 'stop'}", markup=False)


def _line(mark: str, finding: Finding) -> str:
    remedy = f". What to do: {finding.remedy}" if finding.remedy else ""
    return f"{mark} {finding.rule:<7} {finding.title}: {finding.resource}: {finding.seen}{remedy}".replace("\n", "; ")
