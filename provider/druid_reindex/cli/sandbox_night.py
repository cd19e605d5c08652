"""`druid-reindex sandbox nightly | ui`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from druid_reindex.errors import DruidReindexError
from druid_reindex.sandbox import airflow, nightly, stack
from druid_reindex.sandbox.home import SandboxHome

console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add the commands that need Airflow to the sandbox's own."""
    app.command("nightly")(night)
    app.command("ui")(ui)


def night(
    seed: Annotated[int, typer.Option(help="Synthea's seed.")] = nightly.Patients.seed,
    population: Annotated[int, typer.Option(min=1, help="How many living patients.")] = nightly.Patients.population,
) -> None:
    """Run one real night, then that of its snapshot.

    Starts what is missing, brings in synthetic patients, follows the DAGs, lays both nights beside the sandbox's
    CloudTrail, and shows what was done. Exit 1 where a night is red, or CloudTrail has what nobody explains.
    """
    home = SandboxHome.from_environment()
    try:
        with _progress() as report:
            summary, path = nightly.run_night(home, nightly.Patients(seed, population), report)
    except DruidReindexError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as interrupt:
        console.print(
            "stopped following. A night that started goes on in Airflow; `druid-reindex sandbox down` ends all."
        )
        raise typer.Exit(130) from interrupt
    out = Console(highlight=False, soft_wrap=True)
    out.print(summary.table())
    if summary.snapshot is not None:
        out.print(summary.snapshot.night.table())
    _where_to_look(home)
    typer.echo(f"summary: {path}")
    raise typer.Exit(0 if summary.is_green and summary.is_explained else 1)


def ui() -> None:
    """Say where Airflow's UI is, and how to sign in."""
    try:
        _where_to_look(SandboxHome.from_environment())
    except DruidReindexError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error


def _where_to_look(home: SandboxHome) -> None:
    found = stack.endpoints(home)
    typer.echo(f"Airflow   {found.airflow}")
    typer.echo(f"          user {airflow.USER}, password: {airflow.PASSWORD_SECRET} in {home.secrets_file}")
    typer.echo(f"          a browser warns of its certificate, which this authority signed: {home.ca_file}")
    typer.echo(f"Druid     {found.coordinator}")
    typer.echo(f"Logs      {home.logs()}")
    typer.echo(f"Lineage   {airflow.lineage_file(home)}, an event of OpenLineage in each line")
    typer.echo("Still up: the sandbox. `make down` (or `druid-reindex sandbox down`) ends it.")


@contextlib.contextmanager
def _progress() -> Iterator[nightly.Report]:
    """Yield what shows a line for good and, on a terminal, how long ago the last one was."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        last = progress.add_task("starting")

        def report(line: str) -> None:
            console.print(f"  {line}", markup=False)
            progress.reset(last, description=line.strip())

        yield report
