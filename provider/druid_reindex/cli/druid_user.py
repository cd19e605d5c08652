"""``druid-reindex druid-user``: the Druid user of Airflow's connection, with what nights need and no more."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS, ConfigsOption
from druid_reindex.cli.pipeline_init import druid_config
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification, Pipeline
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.druid_access import DruidUser, api_user, touched


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("druid-user")(druid_user)


def druid_user(
    files: Annotated[
        list[Path], typer.Argument(metavar="PIPELINE...", help="All pipeline files of one classification.")
    ],
    configs: ConfigsOption = CONFIGS,
    name: Annotated[str, typer.Option("--user", help="Its name; airflow_<classification> by default.")] = "",
    password_secret: Annotated[
        str, typer.Option(help="The Secrets Manager secret with its password; without it, one line of standard input.")
    ] = "",
    realm: Annotated[tuple[str, str], typer.Option(help="The names of Druid's authenticator and authorizer.")] = (
        "basic",
        "basic",
    ),
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make it so; without it, nothing is asked or changed.")
    ] = False,
) -> None:
    """Show what the Druid user of Airflow's connection may do, and with --apply make the user, its role, its password.

    Every pipeline file of the classification is named: the role then has exactly the datasources that they write or
    read. Repeating it changes nothing. With --apply, DRUID_USER and DRUID_PASSWORD are those of an administrator of
    Druid, at DRUID_URL, DRUID_COORDINATOR_URL and DRUID_OVERLORD_URL, trusted by DRUID_CA_FILE.
    """
    boundaries = load_boundaries(configs)
    pipelines = [load_pipeline(file, boundaries) for file in files]
    classification = _one_classification(pipelines)
    user = api_user(classification, touched(pipelines), name=name)
    for line in told(user):
        typer.echo(line)
    if apply:
        for line in _apply(user, classification, realm, _password(password_secret, boundaries.region)):
            typer.echo(line)


def told(user: DruidUser) -> list[str]:
    """What people read of a user: its role, and each permission."""
    return [f"user {user.name}, role {user.role}"] + [
        f"  {each.action:<5} {each.kind} {each.name}" for each in user.grants
    ]


def _one_classification(pipelines: list[Pipeline]) -> Classification:
    kinds = {pipeline.classification for pipeline in pipelines}
    if len(kinds) == 1:
        return kinds.pop()
    raise ConfigurationError(
        "choose a Druid user",
        resource=", ".join(pipeline.datasource for pipeline in pipelines),
        came_back="protected and general pipelines together",
        remedy="name the files of one classification; the other one has a user of its own",
    )


def _password(secret_id: str, region: str) -> str:
    """The new user's password. Raises ConfigurationError for an empty one."""
    if secret_id:
        from druid_reindex.clients.secrets import SecretsClient  # noqa: PLC0415  # boto3 is slow to import
        from druid_reindex.clients.session import build_session  # noqa: PLC0415

        found = SecretsClient(build_session(region=region), attempts=AWS_ATTEMPTS).password(secret_id)
    elif sys.stdin.isatty():
        found = str(typer.prompt("Password of the new user", hide_input=True, err=True))
    else:
        found = sys.stdin.readline().rstrip("\r\n")
    if not found:
        raise ConfigurationError(
            "make a Druid user",
            resource=secret_id or "standard input",
            came_back="an empty password",
            remedy="name a secret with --password-secret, or give the password on one line of standard input",
        )
    return found


def _apply(user: DruidUser, classification: Classification, realm: tuple[str, str], password: str) -> list[str]:
    """What was changed, in words."""
    from druid_reindex.clients.druid_users import DruidUsers, Realm  # noqa: PLC0415

    protected = classification is Classification.PHI
    with DruidUsers(druid_config(protected=protected), Realm(*realm)) as users:
        changes = users.bring(user, password)
        besides = [role for role in users.roles(user.name) if role != user.role]
    lines = [f"changed: {change}" for change in changes] or ["nothing to change but the password, which is set"]
    return lines + [f"has another role besides, which may allow more: {role}" for role in besides]
