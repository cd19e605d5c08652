"""``druid-reindex evidence sign-off``: a reviewer's decision on a night, signed, beside its packs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from druid_reindex.cli.evidence_places import Reader, trusted_keys
from druid_reindex.cli.evidence_report import KeysOption
from druid_reindex.cli.nights import AWS_ATTEMPTS, CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption
from druid_reindex.errors import ConfigurationError, ConflictError, IntegrityError
from druid_reindex.evidence.report import worst
from druid_reindex.evidence.report_findings import findings_of
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.sign_off import Decision, SignOff
from druid_reindex.ports import SigningPort


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sign-off")(sign_off)


def sign_off(  # noqa: PLR0913, PLR0917  # each is an option of the command
    pack: Annotated[str, typer.Argument(metavar="PACK", help="A run's folder, or s3://… of one.")],
    by: Annotated[str, typer.Option("--by", help="Who decides: a person's name.")],
    decision: Annotated[Decision, typer.Option("--decision", help="What was decided.")],
    note: Annotated[str, typer.Option(help="Why; never a patient's data.")] = "",
    public_key: KeysOption = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Sign a decision on the latest pack of a run, with the key that boundaries.yaml signs evidence with.

    The decision names the pack by its digest, the person as given, and whom AWS takes the caller for. It is kept beside
    the packs, as they are, and never replaces another one. Refused where the packs are not as they were signed.
    """
    if not by.strip():
        raise ConfigurationError(
            "decide on a night", resource="--by", came_back="an empty name", remedy="say who decides"
        )
    reader = Reader(Desk(pipelines, configs), trusted_keys(public_key))
    folders = reader.folders(pack)
    if len(folders) > 1:
        raise ConflictError(
            "decide on a night", resource=pack, came_back=f"{len(folders)} runs", remedy="name the folder of one run"
        )
    evidence, _ = reader.evidence(folders[0])
    signer = _signer(reader, evidence)
    found, last = findings_of(evidence), evidence.packs[-1]
    said = SignOff(
        pack=last.title.name,
        sha256=last.sha256,
        by=by.strip(),
        identity=reader.identity(folders[0]),
        decision=decision,
        note=note,
        level=worst(each.level for each in found).value,
        findings=len(found),
        at=datetime.now(UTC).isoformat(),
    )
    reader.note(folders[0], evidence, f"sign-off {decision}")
    folders[0].sign(said.name, said.seal(signer.sign(said.signed), signer.public_key().fingerprint))
    typer.echo(f"{said.decision} by {said.by} ({said.identity}), of {said.pack}, SHA-256 {said.sha256}")


def _signer(reader: Reader, evidence: Evidence) -> SigningPort:
    """The key that the last pack is signed with. Raises IntegrityError where a pack is not as it was signed."""
    from druid_reindex.clients.session import build_session  # noqa: PLC0415  # boto3 is slow to import
    from druid_reindex.clients.signing import KmsSigner  # noqa: PLC0415

    if evidence.changed is not None or not evidence.packs:
        raise IntegrityError(
            "decide on a night",
            resource="its packs",
            came_back=str(evidence.changed or "none"),
            remedy="find out who changed them: there is nothing to decide on until then",
        )
    wanted = evidence.packs[-1].fingerprint
    session = build_session(region=reader.desk.boundaries.region)
    signers = [KmsSigner(session, each.signing_key_arn, attempts=AWS_ATTEMPTS) for each in reader.places()]
    found = next((each for each in signers if each.public_key().fingerprint == wanted), None)
    if found is None:
        raise IntegrityError(
            "decide on a night",
            resource=evidence.packs[-1].title.name,
            came_back=f"signed with {wanted}, which boundaries.yaml does not name",
            remedy="name the folder emr_configs of the deployment that made it, with --configs",
        )
    return found
