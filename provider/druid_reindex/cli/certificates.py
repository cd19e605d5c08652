"""``druid-reindex certificates``: what the nodes of a profile's clusters present to each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS, ConfigsOption
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.pipeline import Classification
from druid_reindex.plan import certificates as plan

if TYPE_CHECKING:
    from druid_reindex.clients.certificates import Certificates
    from druid_reindex.model.boundary import Boundaries
    from druid_reindex.model.uri import S3Uri
    from druid_reindex.ports import ObjectStorePort

app = typer.Typer(no_args_is_help=True, help="The certificates for EMR's encryption in transit.")
ProfileArgument = Annotated[str, typer.Argument(metavar="PROFILE", help="A cluster profile's name.")]
KindOption = Annotated[Classification, typer.Option("--classification", help="Whose clusters.")]


@app.command("show")
def show(profile: ProfileArgument, kind: KindOption = Classification.PHI, configs: ConfigsOption = CONFIGS) -> None:
    """Say which names the certificate carries, until when it holds, and where it lies. Changes nothing."""
    certificates, now = _certificates(profile, kind, configs), datetime.now(UTC)
    asked = plan.wanted(certificates.boundaries, kind, profile, now)
    typer.echo(f"names    {asked.domain}")
    typer.echo(f"expires  {asked.expires_at:%Y-%m-%d}, new clusters get another from {_next(asked.expires_at)} on")
    typer.echo(f"zip      {certificates.find(asked) or f'none yet below {asked.folder}: `certificates make`'}")


@app.command("make")
def make(profile: ProfileArgument, kind: KindOption = Classification.PHI, configs: ConfigsOption = CONFIGS) -> None:
    """Print the address of the period's zip, and make it, and the authority, where there is none yet."""
    typer.echo(str(_certificates(profile, kind, configs).zip_uri(profile, datetime.now(UTC))))


@app.command("sweep")
def sweep(profile: ProfileArgument, kind: KindOption = Classification.PHI, configs: ConfigsOption = CONFIGS) -> None:
    """Delete the zips whose certificates have expired, and print their addresses."""
    for uri in _certificates(profile, kind, configs).sweep(profile, datetime.now(UTC)):
        typer.echo(str(uri))


def zip_uri(store: ObjectStorePort, boundaries: Boundaries, kind: Classification, profile: str) -> S3Uri:
    """Where the zip of clusters of ``profile`` launched now lies, or the address that stands for an unmade one."""
    asked = plan.wanted(boundaries, kind, profile, datetime.now(UTC))
    return plan.current(store.listing(asked.folder), asked) or asked.unmade


def _next(expires_at: datetime) -> str:
    return f"{expires_at - plan.GRACE:%Y-%m-%d}"


def _certificates(profile: str, kind: Classification, configs: ConfigsOption) -> Certificates:
    """The classification's certificates by boto3's own chain. Raises ConfigurationError for an unknown profile."""
    boundaries = load_boundaries(configs)
    load_profile(configs, profile)
    from druid_reindex.clients.certificates import Certificates  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415
    from druid_reindex.clients.secrets import SecretsClient  # noqa: PLC0415
    from druid_reindex.clients.session import build_session  # noqa: PLC0415

    session = build_session(region=boundaries.region)
    store, secrets = S3Client(session, attempts=AWS_ATTEMPTS), SecretsClient(session, attempts=AWS_ATTEMPTS)
    return Certificates(boundaries, kind, store, secrets)
