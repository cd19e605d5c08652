"""``druid-reindex doctor``: would a night of this pipeline find all that it needs? Read-only, one line a check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.cli import doctor_judge
from druid_reindex.cli.doctor_report import Check, Line, Mark, Outcome, examine, exit_code, good
from druid_reindex.cli.pipeline_init import druid_config
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.prices import load_prices

_STYLE = {Mark.GOOD: "green", Mark.WRONG: "red", Mark.UNREAD: "yellow"}
_FILES = "pipeline and configs"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    file: Annotated[Path, typer.Argument(metavar="PIPELINE", help="A pipeline file.", dir_okay=False)],
    configs: Annotated[Path, typer.Option(help="The folder emr_configs.", file_okay=False)] = Path("emr_configs"),
    principal: Annotated[
        str | None, typer.Option(help="The ARN of Airflow's role, when it is not who is asking here.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list for a program.")] = False,
) -> None:
    """Check, without changing anything, what a night of PIPELINE needs; each finding has one remedy.

    ✓ is good, ✗ is wrong, ? could not be read. Exit 0 when all is good, 1 with any ✗, 2 with a ? and no ✗.
    Druid is found by DRUID_URL, DRUID_COORDINATOR_URL, DRUID_OVERLORD_URL (and DRUID_USER, DRUID_PASSWORD,
    DRUID_CA_FILE), AWS by boto3's own chain of credentials.
    """
    lines: list[Line] = []
    out = Console(highlight=False, soft_wrap=True)
    with asking(out, shown=not as_json) as ask:
        for line in examine(_checks(file, configs, principal), ask):
            lines.append(line)
            if not as_json:
                out.print(str(line), style=_STYLE[line.outcome.mark], markup=False)
    if as_json:
        typer.echo(json.dumps([line.as_json() for line in lines], indent=2, ensure_ascii=False))
    raise typer.Exit(exit_code(lines))


def _checks(file: Path, configs: Path, principal: str | None) -> Iterator[Check]:
    """All checks; only the one of the files when these cannot be read."""
    yield Check(_FILES, lambda: _files(file, configs))
    try:
        boundaries = load_boundaries(configs)
        pipeline = load_pipeline(file, boundaries)
        profile, security = load_shape(configs, pipeline.cluster.profile)
    except ConfigurationError:
        return
    from druid_reindex.cli.doctor_aws import Night, aws_checks  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.cli.doctor_druid import druid_checks  # noqa: PLC0415
    from druid_reindex.cli.doctor_security import security_checks  # noqa: PLC0415

    text = (configs / "boundaries.yaml").read_text(encoding="utf-8")
    yield Check("account's values", lambda: doctor_judge.filled_in(text))
    yield from druid_checks(pipeline, partial(druid_config, protected=False))
    night = Night(pipeline, profile, boundaries, principal, security)
    yield from aws_checks(night)
    yield from security_checks(night)


def _files(file: Path, configs: Path) -> Outcome:
    boundaries = load_boundaries(configs)
    pipeline = load_pipeline(file, boundaries)
    load_shape(configs, pipeline.cluster.profile)
    load_prices(configs)
    return good(f"{file}: {pipeline.classification.value}, DAG {pipeline.dag_id}")


@contextmanager
def asking(console: Console, *, shown: bool) -> Iterator[Callable[[str], None]]:
    """Yield what shows, on a terminal, which check is being asked."""
    if not (shown and console.is_terminal):
        yield lambda _name: None
        return
    with console.status("") as status:
        yield lambda name: status.update(f"asking: {name}")
