"""``druid-reindex withheld``: which keys' rows are kept out of what a pipeline's nights unload, and letting them in."""

from __future__ import annotations

from typing import Annotated

import typer

from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption
from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.errors import NotFoundError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("withheld")(withheld)


def withheld(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Its datasource, file or DAG id.")],
    lift: Annotated[str | None, typer.Option(help="The address of a file of keys that is to be left in again.")] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Name the files of keys whose rows are kept out of what PIPELINE's nights unload, since a purge by them.

    With --lift that file's are no longer: do so once the table or database that is unloaded has no row of them. After
    that the file may be deleted.
    """
    desk = Desk(pipelines, configs)
    found = desk.pipeline(pipeline)
    with desk.sources() as sources:
        shelf = WithheldShelf(sources.store(), desk.boundary(found), found.datasource)
        if lift is None:
            for each in shelf.read():
                typer.echo(f"{each.uri} (ETag {each.etag}) in {each.column}")
            return
        if not (lifted := shelf.lift(lift)):
            raise NotFoundError(
                "let rows of keys in again", resource=found.datasource, came_back="nothing is withheld by that address",
                remedy=f"see what is: druid-reindex withheld {found.datasource}",
            )  # fmt: skip
    typer.echo(f"{found.datasource}: nights unload rows of these keys again, in {', '.join(e.column for e in lifted)}")
