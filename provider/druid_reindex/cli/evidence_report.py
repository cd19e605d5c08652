"""``druid-reindex evidence report``: a night, or all nights of a period, as a page, a PDF, or tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

import typer

from druid_reindex.cli.evidence_places import Reader, trusted_keys
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption
from druid_reindex.clients.evidence_folders import EvidenceFolder
from druid_reindex.errors import ConfigurationError, ConflictError
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report import Report
from druid_reindex.evidence.report_csv import csv_files
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_period import Night, Period, period_report

KeysOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--public-key", help="The key that you trust (PEM); may be given again.", dir_okay=False),
]
PlaceOption: TypeAlias = Annotated[
    str | None, typer.Option("--place", help="Where packs are looked for: a folder, or s3://… of one.")
]


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    PDF = "pdf"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(  # noqa: PLR0913, PLR0917  # each is an option of the command
    pack: Annotated[
        str | None, typer.Argument(metavar="[PACK]", help="A pack's file, a run's folder, or s3://… of these.")
    ] = None,
    period: Annotated[
        tuple[str, str, str] | None,
        typer.Option("--period", metavar="FROM TO PIPELINE", help="All nights of a pipeline on these days, ISO 8601."),
    ] = None,
    place: PlaceOption = None,
    form: Annotated[Form, typer.Option("--format", help="A page, a document for print, or one table a file.")] = (
        Form.HTML
    ),
    output: Annotated[Path | None, typer.Option(help="The file to write; for csv the folder.")] = None,
    public_key: KeysOption = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    latest: Annotated[bool, typer.Option("--latest", help="The run whose pack was written last.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open what was written.")] = False,
) -> None:
    """Write what the packs of a night tell, or of all nights of a period: what they cannot see, then what was found.

    Name a PACK, or --latest, or --period. Without --place, packs are looked for where boundaries.yaml keeps evidence.
    Each pack is verified before it is shown. That it is read is written down beside the packs first.

    The tables "strangers" and "unexplained" of --format csv are the worksheet of what nobody explains, by principal and
    by object: time chunks, rows and distinct patients where they were counted, when it was first and last seen, and
    when it was discovered.
    """
    reader = Reader(Desk(pipelines, configs), trusted_keys(public_key))
    if [pack is not None, latest, period is not None].count(True) != 1:
        raise ConfigurationError(
            "choose what to report", resource="the command", came_back="not one of PACK, --latest and --period",
            remedy="name one of them",
        )  # fmt: skip
    how = f"report {form}"
    if period is not None:
        name, made = _of_period(reader, place, period, how)
    else:
        name, made = _of_night(reader, _chosen(reader.folders(pack or place), latest=latest), how)
    written = _write(made, form, output or Path(f"{name}.{form}" if form is not Form.CSV else name))
    typer.echo(f"{made.level.word}: {made.verdict}")
    typer.echo(written)
    if show:
        typer.launch(str(written))


def _chosen(folders: list[EvidenceFolder], *, latest: bool) -> EvidenceFolder:
    """The one folder, or the latest one. Raises ConflictError for several of which none was chosen."""
    if len(folders) > 1 and not latest:
        raise ConflictError(
            "find a pack", resource=", ".join(each.where for each in folders[:3]),
            came_back=f"{len(folders)} runs", remedy="name one of them, or give --latest",
        )  # fmt: skip
    return max(folders, key=lambda each: each.modified_at)


def _of_night(reader: Reader, folder: EvidenceFolder, how: str) -> tuple[str, Report]:
    evidence, sign_offs = reader.evidence(folder)
    reader.note(folder, evidence, how)
    run = evidence.told(Kind.RUN)
    name = f"evidence-{run['datasource']}-{run['run'][:12]}" if run else "evidence"
    return name, night_report(evidence, sign_offs)


def _of_period(reader: Reader, place: str | None, asked: tuple[str, str, str], how: str) -> tuple[str, Report]:
    first, last = map(_day, asked[:2])
    pipeline = reader.desk.pipeline(asked[2])
    schedule = pipeline.schedule
    period = Period(pipeline.datasource, first, last, schedule.cron, ZoneInfo(schedule.timezone))
    nights = []
    for folder in reader.folders(place):
        evidence, sign_offs = reader.evidence(folder)
        night = Night(folder.where, evidence, sign_offs)
        if _is_of(night, period):
            reader.note(folder, evidence, f"{how} of {first} to {last}")
            nights.append(night)
    return f"evidence-{pipeline.datasource}-{first}-{last}", period_report(period, nights)


def _is_of(night: Night, period: Period) -> bool:
    """Whether it belongs to the period, or cannot say: a pack that was changed is in every period's report."""
    run = night.evidence.told(Kind.RUN)
    if not run:
        return f"/{period.datasource}/" in night.where
    return run["datasource"] == period.datasource and (night.instant is None or period.has(night.instant))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as wrong:
        raise ConfigurationError(
            "read a day", resource=text, came_back=str(wrong), remedy="write it as 2026-10-06"
        ) from wrong


def _write(made: Report, form: Form, output: Path) -> Path:
    """Where it was written."""
    if form is Form.CSV:
        for name, body in csv_files(made).items():
            _put(output / name, body)
    else:
        _put(output, _FORMS[form](made))
    return output


def _put(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as refused:
        raise ConfigurationError(
            "write the report", resource=str(path), came_back=str(refused), remedy="name another one with --output"
        ) from refused


def _html(made: Report) -> bytes:
    from druid_reindex.evidence.report_html import html  # noqa: PLC0415  # jinja2 takes a while

    return html(made)


def _pdf(made: Report) -> bytes:
    from druid_reindex.evidence.report_pdf import pdf  # noqa: PLC0415  # reportlab takes a while

    return pdf(made)


_FORMS: Mapping[Form, Callable[[Report], bytes]] = {Form.HTML: _html, Form.PDF: _pdf}
