"""`druid-reindex sandbox`: an AWS account and a Druid/Hadoop cluster on this machine."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from druid_reindex.errors import DruidReindexError
from druid_reindex.sandbox import stack
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import tail
from druid_reindex.sandbox.state import Endpoints, Phase

app = typer.Typer(no_args_is_help=True, help="An AWS account and a Druid/Hadoop cluster on this machine.")
console = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def up(
    *,
    without_airflow: Annotated[bool, typer.Option("--without-airflow", help="Start AWS and Druid alone.")] = False,
) -> None:
    """Start everything and wait until it answers; a running sandbox is left as it is."""
    try:
        result = stack.up(SandboxHome.from_environment(), _report, with_airflow=not without_airflow)
    except DruidReindexError as error:
        raise _exit(error) from error
    console.print("already up" if result.was_up else f"up in {result.seconds:.0f} s")
    typer.echo(_describe(result.endpoints))


@app.command()
def status() -> None:
    """Show each service and, for one that ended, the end of its log; exit 0 when all is up, else 1."""
    state = stack.status(SandboxHome.from_environment())
    typer.echo(f"sandbox: {state.phase}")
    if state.services:
        table = Table("service", "condition", "log")
        for service in state.services:
            table.add_row(service.name, service.condition, service.log)
        Console(highlight=False, soft_wrap=True).print(table)
    if state.detail:
        typer.echo(state.detail)
    if state.endpoints and state.phase is not Phase.FAILED:
        typer.echo(_describe(state.endpoints))
    raise typer.Exit(0 if state.phase is Phase.UP else 1)


@app.command()
def env() -> None:
    """Print export lines: `eval "$(druid-reindex sandbox env)"` lets aws, boto3 and curl reach the sandbox."""
    try:
        variables = stack.environment(SandboxHome.from_environment())
    except DruidReindexError as error:
        raise _exit(error) from error
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="A service's name; without it, the list of logs.")] = None,
    lines: Annotated[int, typer.Option(min=1, help="How many lines, from the end.")] = 100,
) -> None:
    """Print the end of a service's log."""
    folder = SandboxHome.from_environment().logs()
    known = sorted(path.stem for path in folder.glob("*.log"))
    if service is None:
        typer.echo("\n".join(f"{name}\t{folder / name}.log" for name in known))
    elif service in known:
        typer.echo(tail(folder / f"{service}.log", lines))
    else:
        console.print(f"There is no log of {service!r} in {folder}; there are: {', '.join(known) or 'none'}")
        raise typer.Exit(2)


@app.command()
def down() -> None:
    """Stop everything and wait until nothing is left; the next `up` is a fresh account and a fresh Druid."""
    stopped = stack.down(SandboxHome.from_environment())
    console.print("stopped: the next `up` is a fresh account and a fresh Druid" if stopped else "nothing was running")


@app.command()
def reset() -> None:
    """Stop everything and delete the sandbox's state, secrets included; downloads stay in the cache."""
    home = SandboxHome.from_environment()
    stack.reset(home)
    console.print(f"deleted what the sandbox kept in {home.root}; downloads stay in {home.cache}")


def _describe(endpoints: Endpoints) -> str:
    rows = {
        "AWS": endpoints.aws,
        "Druid (broker)": endpoints.druid,
        "Druid (coordinator, overlord)": endpoints.coordinator,
        "Airflow": endpoints.airflow or "not started",
    }
    return "\n".join(f"{name:<30} {address}" for name, address in rows.items())


def _report(line: str) -> None:
    console.print(f"  {line}", markup=False)


def _exit(error: DruidReindexError) -> typer.Exit:
    console.print(str(error), markup=False, style="red")
    return typer.Exit(1)
