"""`druid-reindex sandbox trail …`: what the sandbox's CloudTrail can be told beside AWS's own interface."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from druid_reindex.errors import DruidReindexError
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome

app = typer.Typer(no_args_is_help=True, help="The emulated account's CloudTrail: deliver now, and what goes wrong.")
outsider = typer.Typer(no_args_is_help=True, help="A user with no part in any night touches what is protected.")
app.add_typer(outsider, name="outsider")
console = Console(stderr=True, highlight=False, soft_wrap=True)


def register(sandbox: typer.Typer) -> None:
    """Add these commands to the sandbox's own."""
    sandbox.add_typer(app, name="trail")


@app.command()
def deliver() -> None:
    """Deliver every record that waits, close each digest now, and print their keys in the trail's bucket."""
    made = _ask("deliver")
    typer.echo("\n".join([*made["files"], *made["digests"]]))


@app.command("remove-event")
def remove_event(event: Annotated[str, typer.Argument(help="The eventID.")]) -> None:
    """Take an event out of the trail, and sign its digests anew: as if AWS had never recorded it."""
    made = _ask("remove-event", event=event)
    typer.echo("\n".join(made["files"]))
    console.print(f"signed {made['digests']} digests anew")


@app.command("remove-digest")
def remove_digest(
    digest: Annotated[str | None, typer.Argument(help="The digest's key; by default the oldest one's.")] = None,
) -> None:
    """Delete a digest from the trail's bucket, so that the chain has a gap."""
    asked = {} if digest is None else {"digest": digest}
    typer.echo(_ask("remove-digest", **asked)["digest"])


@outsider.command("read")
def read(uri: Annotated[str, typer.Argument(help="s3://bucket/key")]) -> None:
    """The outsider reads an object; print the request's id, and the code if it was refused."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise typer.BadParameter(f"{uri!r} is not of the form s3://bucket/key")
    _told(_ask("read", bucket=bucket, key=key))


@outsider.command("decrypt")
def decrypt(key: Annotated[str, typer.Argument(help="A KMS key's id, ARN or alias.")]) -> None:
    """The outsider decrypts with a key itself; print the request's id, and the code if it was refused."""
    _told(_ask("decrypt", key=key))


def _told(touched: dict[str, str]) -> None:
    typer.echo(f"{touched['request_id']} {touched['error']}".rstrip())
    console.print(f"as {touched['user']}")


def _ask(verb: str, **asked: str) -> dict[str, Any]:
    try:
        return command.ask(SandboxHome.from_environment(), verb, **asked)
    except DruidReindexError as error:
        console.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error
