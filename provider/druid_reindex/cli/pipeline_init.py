"""``druid-reindex pipeline init``: the draft of a pipeline file from an ingestion spec or from a running Druid."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.errors import ConfigurationError, DruidReindexError
from druid_reindex.model.datasource_import import COLUMNS_SQL, from_datasource
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.pipeline_import import Draft, from_spec

_URLS = ("DRUID_OVERLORD_URL", "DRUID_COORDINATOR_URL", "DRUID_URL")
_ALL_TIME = Interval.parse("1000-01-01/3000-01-01")
_HEADER = "# yaml-language-server: $schema=../../docs/pipeline.schema.json\n"
console = Console(stderr=True, highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command to those that check pipeline files."""
    app.command("init")(init)


def init(
    spec: Annotated[Path | None, typer.Option("--from-spec", help="A JSON file: task, supervisor or spec.")] = None,
    datasource: Annotated[
        str | None, typer.Option("--from-datasource", help="A datasource of the Druid at DRUID_URL and its siblings.")
    ] = None,
    classification: Annotated[
        Classification, typer.Option(help="Whether it is protected health information.")
    ] = Classification.PHI,
    owner: Annotated[str, typer.Option(help="The team that answers for the datasource.")] = "unknown",
    output: Annotated[Path | None, typer.Option(help="A new file; without it, standard output.")] = None,
) -> None:
    """Make a pipeline file, and say what could not be carried over.

    --from-datasource reads DRUID_URL (the Broker's or Router's), DRUID_COORDINATOR_URL, DRUID_OVERLORD_URL and, where
    Druid wants them, DRUID_USER, DRUID_PASSWORD and DRUID_CA_FILE.
    """
    if (spec is None) == (datasource is None):
        raise typer.BadParameter("give one of --from-spec and --from-datasource")
    try:
        belongs = {"classification": classification.value, "owner": owner}
        made = _of_spec(spec, belongs) if spec is not None else _of_datasource(str(datasource), belongs)
        _write(made, output)
    except DruidReindexError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error
    for line in made.not_carried:
        console.print(f"not carried over: {line}", markup=False)
    console.print(f"assumed: classification {classification.value}, owner {owner}, lookback P60D: look at them")


def _of_spec(file: Path, belongs: dict[str, str]) -> Draft:
    try:
        spec: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(file, f"{type(error).__name__}: {error}", "name a readable file of JSON") from error
    if not isinstance(spec, dict):
        raise _unusable(file, "it is no JSON object", "name the file of one ingestion spec")
    return from_spec(spec, **belongs)


def _of_datasource(name: str, belongs: dict[str, str]) -> Draft:
    protected = belongs["classification"] == Classification.PHI.value
    with DruidClient(druid_config(protected=protected)) as druid:
        rows = druid.query(COLUMNS_SQL, [{"type": "VARCHAR", "value": name}])
        segments = druid.used_segments(name, [_ALL_TIME])
    return from_datasource(name, {row["COLUMN_NAME"]: row["DATA_TYPE"] for row in rows}, segments, **belongs)


def druid_config(*, protected: bool) -> DruidConfig:
    """Druid as the environment names it.

    Raises ConfigurationError that lists the variables that are not set, or for plain http to ``protected`` data.
    """
    missing = [name for name in _URLS if not os.environ.get(name)]
    if missing:
        raise ConfigurationError(
            "find Druid",
            resource="the environment",
            came_back=f"{', '.join(missing)} not set",
            remedy="set them to http(s)://host:port (a Router serves all three); the sandbox's come from "
            '`eval "$(druid-reindex sandbox env)"`',
        )
    ca_file = os.environ.get("DRUID_CA_FILE")
    return DruidConfig(
        overlord_url=os.environ["DRUID_OVERLORD_URL"],
        coordinator_url=os.environ["DRUID_COORDINATOR_URL"],
        broker_url=os.environ["DRUID_URL"],
        user=os.environ.get("DRUID_USER", ""),
        password=os.environ.get("DRUID_PASSWORD", ""),
        ca_file=Path(ca_file) if ca_file else None,
        protected=protected,
    )


def _write(made: Draft, output: Path | None) -> None:
    text = _HEADER + yaml.safe_dump(made.content, sort_keys=False, allow_unicode=True, width=120)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise _unusable(output, "there is such a file already", "name a new file: none is overwritten") from error
    except OSError as error:
        raise _unusable(output, f"{type(error).__name__}: {error}", "name a file that can be written") from error


def _unusable(file: Path, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("make a pipeline", resource=str(file), came_back=came_back, remedy=remedy)
