"""The checks of what protects the clusters: configuration, hardware, key of disks, Kerberos' secrets, certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from druid_reindex.cli import doctor_judge as judge
from druid_reindex.cli.doctor_aws import IDENTITY, SUBNETS, Night
from druid_reindex.cli.doctor_report import Check, Outcome, good, wrong
from druid_reindex.model.account import KeptSecret, Need
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.yaml_file import Defect, dotted
from druid_reindex.plan import certificates
from druid_reindex.plan.certificates import Wanted
from druid_reindex.plan.pairing import mispaired
from druid_reindex.plan.security import KerberosNeeds, kerberos_needs


def security_checks(night: Night) -> list[Check]:
    """The checks; of a profile without a security configuration only the first two."""
    security = night.security
    checks = [
        Check("security configuration", lambda: _configuration(night)),
        Check("tenancy", lambda: _tenancy(night), needs=SUBNETS),
    ]
    if security is None:
        return checks
    if security.local_disks or security.ebs:
        checks.append(Check("KMS key of the disks", lambda: _disks(night), needs=IDENTITY))
    if security.kerberos is not None:
        checks.append(Check("Kerberos' secrets", lambda: _secrets(night), needs=IDENTITY))
    if security.in_transit:
        checks.append(Check("certificates", lambda: _certificates(night), needs=IDENTITY))
    return checks


def fitting(defects: Sequence[Defect], name: str | None, release_label: str) -> Outcome:
    """Whether nothing stands against the security configuration of that name on that release."""
    if defects:
        found = "; ".join(f"{dotted(each.field)}: {each.found}" for each in defects)
        return wrong(found, "; ".join(dict.fromkeys(each.remedy for each in defects)))
    if name is None:
        return good("the profile names none, which is for general data alone")
    return good(f"{name}: {release_label} has all of it")


def tenancy(wanted: str, found: Mapping[str, str]) -> Outcome:
    """Whether each VPC has the tenancy that the boundary says; EMR's nodes have the VPC's.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/dedicated-instance.html
    """
    other = [f"{vpc} has {tenancy} tenancy" for vpc, tenancy in found.items() if tenancy != wanted]
    if other:
        return wrong(
            f"{', '.join(other)}, boundaries.yaml says {wanted}",
            "correct network.tenancy in boundaries.yaml, and tenancy in the profile, or name subnets of another VPC",
        )
    return good(f"{', '.join(found)}: {wanted}, as the profile asks")


def kept_secrets(found: Mapping[str, KeptSecret | None]) -> Outcome | None:
    """What is wrong when one is missing; None when all are there."""
    missing = [secret_id for secret_id, secret in found.items() if secret is None]
    if missing:
        return wrong(
            f"no such secret, or about to be deleted: {', '.join(missing)}",
            "create it under a KMS key of your own, or correct its name under kerberos in boundaries.yaml",
        )
    return None


def secret_ids(needs: KerberosNeeds) -> tuple[str, ...]:
    """The secrets that a launch reads: of an external KDC, of a trust, of who joins a directory."""
    named = (needs.admin_secret_id, needs.trust_secret_id, needs.join_secret_id)
    return tuple(each for each in named if each is not None)


def kept_certificates(asked: Wanted, found: S3Uri | None, key_arn: str, wanted_key_arn: str) -> Outcome:
    """Whether the period's zip lies under the boundary's key; one that nobody has made yet is the next night's to make.

    ``key_arn`` is the key of what was ``found``.
    """
    if found is None:
        return good(f"none yet below {asked.folder}: the next night makes it")
    if key_arn != wanted_key_arn:
        return wrong(
            f"{found} is under {key_arn or 'no KMS key'}, not {wanted_key_arn}",
            "find out in CloudTrail who wrote it, delete it, and make another: druid-reindex certificates make",
        )
    return good(f"{found}, until {asked.expires_at:%Y-%m-%d}")


def _configuration(night: Night) -> Outcome:
    defects = [*mispaired(night.pipeline, night.boundaries, night.profile, night.security)]
    return fitting(defects, night.security.name if night.security else None, night.profile.release_label)


def _tenancy(night: Night) -> Outcome:
    network = night.boundary.network
    vpcs = sorted({subnet.vpc_id for subnet in night.survey.subnets(network.subnet_ids)})
    return tenancy(network.tenancy, night.survey.tenancies(vpcs))


def _disks(night: Night) -> Outcome:
    return judge.usable_key(night.survey.key(night.boundary.disk_key_arn))


def _secrets(night: Night) -> Outcome:
    """By what Secrets Manager says about them and by IAM's simulation: no value is read."""
    needs = kerberos_needs(night.security, night.boundary)
    ids = secret_ids(needs) if needs is not None else ()
    if not ids:
        return good("none: each cluster's own KDC gets a password that is made up for it")
    found = {each: night.emr_survey.secret(each) for each in ids}
    return kept_secrets(found) or _readable(night, [each for each in found.values() if each is not None])


def _readable(night: Night, secrets: Sequence[KeptSecret]) -> Outcome:
    through = {"kms:ViaService": f"secretsmanager.{night.boundaries.region}.amazonaws.com"}
    asked = [Need(("secretsmanager:GetSecretValue",), each.arn) for each in secrets]
    keys = dict.fromkeys(night.survey.key(each.key_id).arn for each in secrets if each.key_id)
    asked += [Need(("kms:Decrypt",), key, conditions=through) for key in keys]
    principal = night.judged_principal
    outcome = judge.allowed(principal, night.survey.permissions(principal, asked))
    names = ", ".join(each.arn.rpartition(":secret:")[2] for each in secrets)
    return outcome if outcome.remedy else good(f"{names}: there, and {principal} may read them")


def _certificates(night: Night) -> Outcome:
    security, boundary = night.security, night.boundary
    if security is not None and security.certificate_provider is not None:
        jar = _address(security.certificate_provider.jar)
        there = night.store.exists(jar)
        return good(f"{jar} is there") if there else wrong(f"missing: {jar}", "upload your certificate provider's JAR")
    kind, now = night.pipeline.classification, datetime.now(UTC)
    asked = certificates.wanted(night.boundaries, kind, night.profile.name, now)
    found = certificates.current(night.store.listing(asked.folder), asked)
    key_arn = night.store.kms_keys([found])[found] if found is not None else ""
    return kept_certificates(asked, found, key_arn, boundary.kms_key_arn)


def _address(text: str) -> S3Uri:
    """EMR takes an address in S3 as it is, or as an ARN."""
    return S3Uri.parse(text if text.startswith("s3://") else f"s3://{text.partition(':::')[2]}")
