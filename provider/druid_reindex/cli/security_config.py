"""``druid-reindex security-config``: EMR's security configurations, shown, checked and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Annotated

import typer

from druid_reindex.cli.certificates import zip_uri
from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, JsonOption, PipelinesOption
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.release import Release
from druid_reindex.model.security_file import load_document
from druid_reindex.model.security_phi import phi_rules
from druid_reindex.model.security_rules import Setting
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.pairing import refuse_pairing
from druid_reindex.plan.security import KerberosNeeds, Needed, kerberos_needs, needed, needs_certificates
from druid_reindex.ports import ObjectStorePort

DIFFERENT = 1
app = typer.Typer(
    no_args_is_help=True,
    help="What clusters are protected with: EMR's security configuration of a pipeline, of a file, of the account.",
)
PipelineArgument = Annotated[str, typer.Argument(metavar="PIPELINE", help="A datasource, a pipeline's file or DAG id.")]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="A file of emr_configs/profiles/, in the place of the pipeline's own.")
]


@dataclass(frozen=True)
class _Subject:
    """What the pipeline's clusters are to run under."""

    security: ClusterSecurity
    boundary: Boundary
    certificates: S3Uri | None

    @property
    def wanted(self) -> Needed:
        """The security configuration."""
        return needed(self.security, self.boundary, self.certificates)


@app.command("show")
def show(
    pipeline: PipelineArgument,
    profile: ProfileOption = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    as_document: JsonOption = False,
) -> None:
    """Show the security configuration that a cluster of PIPELINE gets. Changes nothing.

    It is made of the file in emr_configs/security/ that the cluster profile names, of the boundary's keys and realms in
    boundaries.yaml, and of the certificates that lie in S3 (`druid-reindex certificates`). Its name holds the SHA-256
    of its text: EMR cannot change one, so another content is another configuration, which the next launch makes.

    With --json the document alone, as `aws emr create-security-configuration --security-configuration` takes it.
    """
    desk = Desk(pipelines, configs)
    with desk.sources() as sources:
        subject = _subject(desk, pipeline, profile, sources.store)
    if not as_document:
        typer.echo(f"name      {subject.wanted.name}")
        for line in _told(kerberos_needs(subject.security, subject.boundary)):
            typer.echo(line)
    typer.echo(_pretty(subject.wanted.text))


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="EMR's documents, in JSON or YAML.")],
    release: Annotated[
        str | None, typer.Option(help="An EMR release such as emr-7.2.0, which must have all of it.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="The cluster's Region, which each key must be of.")] = None,
    configs: ConfigsOption = CONFIGS,
    *,
    phi: Annotated[
        bool, typer.Option("--phi", help="Ask for all that protected health information needs, under phi's key.")
    ] = False,
) -> None:
    """Check EMR's own documents, whoever wrote them: every wrong field with line, value and what works.

    EMR takes a document as text: it finds most mistakes when a cluster is launched, and some never, such as a block
    that no flag enables. The files in emr_configs/security/ are checked by `druid-reindex pipeline check`.

    Exit 1 when a file is wrong.
    """
    rules = phi_rules(load_boundaries(configs).phi) if phi else ()
    setting = Setting(region, _release(release))
    wrong = []
    for file in dict.fromkeys(files):
        try:
            load_document(file, rules, setting)
            typer.echo(f"{file}: good")
        except ConfigurationError as error:
            typer.secho(str(error), fg="red", err=True)
            wrong.append(file)
    raise typer.Exit(bool(wrong))


@app.command("diff")
def diff(
    pipeline: PipelineArgument,
    profile: ProfileOption = None,
    against: Annotated[
        str | None, typer.Option("--against", help="The name of another stored one, such as that of a live cluster.")
    ] = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Compare what PIPELINE's clusters get with what is stored in the account. Changes nothing.

    Exit 1 when they differ, or when nothing of the name is stored: the first launch makes it.
    """
    desk = Desk(pipelines, configs)
    with desk.sources() as sources:
        wanted = _subject(desk, pipeline, profile, sources.store).wanted
        name = against or wanted.name
        stored = sources.emr().security_configuration(name)
    if stored is None:
        remedy = "" if against else "; the first launch makes it"
        typer.echo(f"{name} is not stored in {desk.boundaries.region}{remedy}")
        raise typer.Exit(DIFFERENT)
    mine, theirs = _pretty(wanted.text).splitlines(), _pretty(stored.text).splitlines()
    lines = [*unified_diff(theirs, mine, f"stored {name}", f"wanted {wanted.name}", lineterm="")]
    typer.echo("\n".join(lines) if lines else f"{name} is stored with this very content")
    raise typer.Exit(DIFFERENT if lines else 0)


def _subject(desk: Desk, name: str, profile_name: str | None, store: Callable[[], ObjectStorePort]) -> _Subject:
    """What the pipeline's clusters run under. Raises ConfigurationError for a profile that does not fit or has none."""
    pipeline = desk.pipeline(name)
    profile, security = load_shape(desk.configs, profile_name or pipeline.cluster.profile)
    refuse_pairing(pipeline, desk.boundaries, profile, security)
    if security is None:
        raise ConfigurationError(
            "make a security configuration",
            resource=f"{pipeline.datasource} on cluster profile {profile.name}",
            came_back="the profile names no security",
            remedy="name a file of emr_configs/security/ in the profile (`security: dedicated_kdc`), or try --profile",
        )
    kind = pipeline.classification
    lying = zip_uri(store(), desk.boundaries, kind, profile.name) if needs_certificates(security) else None
    return _Subject(security, desk.boundaries.of(kind), lying)


def _told(needs: KerberosNeeds | None) -> list[str]:
    """Where the passwords of the Kerberos attributes come from at launch."""
    if needs is None:
        return ["Kerberos  off"]
    admin = (
        f"from secret {needs.admin_secret_id}" if needs.admin_secret_id else "made up for each cluster, kept nowhere"
    )
    lines = [f"realm     {needs.realm}", f"kadmin    password {admin}"]
    if needs.trust_secret_id:
        lines.append(f"trust     password from secret {needs.trust_secret_id}")
    if needs.join_secret_id:
        lines.append(f"AD join   user and password from secret {needs.join_secret_id}")
    return lines


def _release(label: str | None) -> Release | None:
    try:
        return Release.parse(label) if label is not None else None
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from wrong


def _pretty(text: str) -> str:
    """The JSON in ``text`` with one field on each line; as it is when it is none."""
    try:
        return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False)
    except ValueError:
        return text
