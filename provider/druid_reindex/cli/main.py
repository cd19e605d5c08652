"""``druid-reindex``: the rooms from a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from druid_reindex import __version__
from druid_reindex.cli import pipeline, sandbox, sandbox_night

app = typer.Typer(no_args_is_help=True, help="Rebuild Druid segments every night: check pipelines, run the sandbox.")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(sandbox.app, name="sandbox")
sandbox_night.register(sandbox.app)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"airflow-provider-druid-reindex {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Rebuild Druid segments every night on transient, encrypted EMR clusters."""
