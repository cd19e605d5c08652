"""``druid-reindex pipeline``: look at pipeline files before Airflow does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline

app = typer.Typer(no_args_is_help=True, help="Check and make pipeline files.")
console = Console(stderr=True, highlight=False)


@app.command()
def schema() -> None:
    """Print the JSON schema of a pipeline file, for editors."""
    typer.echo(json.dumps(Pipeline.model_json_schema(), indent=2, sort_keys=True))


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Pipeline files.", exists=True, dir_okay=False)],
    configs: Annotated[Path, typer.Option(help="The folder emr_configs.", file_okay=False)] = Path("emr_configs"),
) -> None:
    """Check pipeline files as Airflow would; exit 1 when one of them is wrong."""
    wrong = False
    for file in files:
        try:
            pipeline = load_pipeline(file, load_boundaries(configs))
            load_profile(configs, pipeline.cluster.profile)
            typer.echo(f"{file}: good, DAG {pipeline.dag_id}")
        except ConfigurationError as error:
            wrong = True
            console.print(str(error), markup=False, style="red")
    raise typer.Exit(1 if wrong else 0)
