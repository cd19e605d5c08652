"""``druid-reindex pipeline``: make pipeline files, and look at them before Airflow does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from druid_reindex.cli import pipeline_init
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.pipeline_schema import json_schema
from druid_reindex.model.reference import reference as fields_page
from druid_reindex.plan.pairing import refuse_pairing

app = typer.Typer(no_args_is_help=True, help="Check and make pipeline files.")
pipeline_init.register(app)


@app.command()
def schema() -> None:
    """Print the JSON schema of a pipeline file, for editors."""
    typer.echo(json.dumps(json_schema(), indent=2, sort_keys=True, ensure_ascii=False))


@app.command()
def reference() -> None:
    """Print the fields of pipelines, cluster profiles, security files and boundaries as Markdown."""
    typer.echo(fields_page(), nl=False)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Pipeline files.")],
    configs: Annotated[Path, typer.Option(help="The folder emr_configs.", file_okay=False)] = Path("emr_configs"),
) -> None:
    """Check pipeline files as Airflow would; exit 1 when one of them is wrong."""
    boundaries = load_boundaries(configs)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    good: dict[Path, Pipeline] = {}
    for file in dict.fromkeys(files):
        try:
            pipeline = load_pipeline(file, boundaries)
            refuse_pairing(pipeline, boundaries, *load_shape(configs, pipeline.cluster.profile), file=file)
            _refuse_same_datasource(file, pipeline, good)
        except ConfigurationError as error:
            console.print(str(error), style="red", markup=False)
            continue
        good[file] = pipeline
        typer.echo(f"{file}: good, DAG {pipeline.dag_id}")
    raise typer.Exit(0 if len(good) == len(set(files)) else 1)


def _refuse_same_datasource(file: Path, pipeline: Pipeline, good: Mapping[Path, Pipeline]) -> None:
    """Raise ConfigurationError when another file makes the same DAG."""
    other = next((path for path, each in good.items() if each.dag_id == pipeline.dag_id), None)
    if other is not None:
        raise ConfigurationError(
            "check pipeline files",
            resource=str(file),
            came_back=f"datasource {pipeline.datasource} stands in {other} too",
            remedy="keep one file for each datasource: Airflow would show only one of the two DAGs",
        )
