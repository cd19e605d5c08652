"""``druid-reindex``: the rooms from a shell."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from typer.core import TyperGroup

from druid_reindex import __version__
from druid_reindex.cli import (
    aws_smoke,
    certificates,
    doctor,
    druid_user,
    evidence,
    init,
    lease,
    orphans,
    pipeline,
    plan,
    posture,
    purge,
    retire,
    rollback,
    runs,
    security_config,
    status,
    withheld,
)
from druid_reindex.errors import ConfigurationError, DruidReindexError


class _Root(TyperGroup):
    """The commands; what goes wrong in one of them is told in red, and the exit code is 1."""

    def invoke(self, ctx: Any) -> Any:
        """What the command returns."""
        try:
            return super().invoke(ctx)
        except DruidReindexError as error:
            Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), style="red", markup=False)
            raise typer.Exit(1) from error


class _Sandbox(TyperGroup):
    """The sandbox's commands, imported when one is asked for: they need the extra ``sandbox`` and time."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return _sandbox().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        return _sandbox().get_command(ctx, cmd_name)


app = typer.Typer(cls=_Root, no_args_is_help=True, pretty_exceptions_show_locals=False)
app.add_typer(pipeline.app, name="pipeline")
init.register(app)
plan.register(app)
status.register(app)
runs.register(app)
rollback.register(app)
purge.register(app)
withheld.register(app)
retire.register(app)
orphans.register(app)
doctor.register(app)
aws_smoke.register(app)
posture.register(app)
druid_user.register(app)
app.add_typer(evidence.app, name="evidence")
app.add_typer(lease.app, name="lease")
app.add_typer(certificates.app, name="certificates")
app.add_typer(evidence.app, name="evidence")
app.add_typer(security_config.app, name="security-config")
app.add_typer(
    typer.Typer(cls=_Sandbox, no_args_is_help=True, help="An AWS account and a Druid/Hadoop cluster on this machine."),
    name="sandbox",
)


@cache
def _sandbox() -> TyperGroup:
    """The real group of commands. Raises ConfigurationError when the extra is not installed."""
    try:
        sandbox = import_module("druid_reindex.cli.sandbox")
        for more in ("sandbox_night", "sandbox_trail"):
            import_module(f"druid_reindex.cli.{more}").register(sandbox.app)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "start the sandbox's commands",
            resource="this Python environment",
            came_back=str(missing),
            remedy="install the extra: pip install 'airflow-provider-druid-reindex[sandbox]'",
        ) from missing
    return cast("TyperGroup", typer.main.get_command(sandbox.app))


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
