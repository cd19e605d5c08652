"""The files of ``emr_configs/`` as values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.field_errors import did_you_mean, load
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.profile_rules import misshapen
from druid_reindex.model.realm import Realms
from druid_reindex.model.security_file import load_security, security_names
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.model.yaml_file import Defect, read_yaml, shown

_SEPARATE = ("pool", "druid_conn_id", "aws_conn_id", "kms_key_arn", "emr_instance_profile")
_WITHIN_DATA = ("runs_uri", "segments_uri", "task_logs_uri")
_KEYS = ("kms_key_arn", "emr_log_kms_key_arn", "disk_kms_key_arn")
_PREFIXES = ("data_uri", *_WITHIN_DATA, "emr_log_uri")


def load_boundaries(configs: Path) -> Boundaries:
    """The boundaries in ``configs/boundaries.yaml``. Raises ConfigurationError that names every wrong field."""
    file = read_yaml(configs / "boundaries.yaml")
    boundaries = load(file, Boundaries)
    file.refuse([*_mixed(boundaries), *_shared_logins(boundaries), *_outside(boundaries), *_tangled(boundaries)])
    return boundaries


def load_profile(configs: Path, name: str) -> ClusterProfile:
    """The cluster profile ``name`` of ``configs/profiles/``. Raises ConfigurationError that names every wrong field."""
    path = configs / "profiles" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(profile_names(configs)) or "none"
        raise ConfigurationError(
            "read a cluster profile",
            resource=str(path),
            came_back="there is no such file",
            remedy=f"name one of these profiles: {known}",
        )
    file = read_yaml(path)
    profile = load(file, ClusterProfile)
    file.refuse([*_misnamed(profile, name), *misshapen(profile), *_insecure(profile, configs)])
    return profile


def load_shape(configs: Path, name: str) -> tuple[ClusterProfile, ClusterSecurity | None]:
    """The profile ``name`` and the security that it names. Raises ConfigurationError that names every wrong field."""
    profile = load_profile(configs, name)
    return profile, load_security(configs, profile.security) if profile.security is not None else None


def profile_names(configs: Path) -> tuple[str, ...]:
    """The cluster profiles of ``configs``, in order."""
    return tuple(sorted(file.stem for file in (configs / "profiles").glob("*.yaml")))


def _mixed(boundaries: Boundaries) -> Iterator[Defect]:
    """What protected and general pipelines would share."""
    phi, general = boundaries.phi, boundaries.general
    for name in _SEPARATE:
        value = getattr(general, name)
        if value == getattr(phi, name):
            yield Defect(("general", name), f"{shown(value)}, which phi has too", "give each boundary its own")
    for name in _PREFIXES:
        uri = S3Uri.parse(getattr(general, name))
        if phi.claims_uri(uri):
            yield Defect(("general", name), f"{shown(str(uri))}, which overlaps phi's", "give each boundary its own")
    if phi.redshift is not None and general.redshift is not None:
        for i, arn in enumerate(general.redshift.role_arns):
            if arn in phi.redshift.role_arns:
                at = ("general", "redshift", "role_arns", i)
                yield Defect(at, f"{shown(arn)}, which phi has too", "give each boundary its own")


def _shared_logins(boundaries: Boundaries) -> Iterator[Defect]:
    """Secrets of databases that protected and general pipelines would share."""
    secrets = {database.secret_id for database in boundaries.phi.databases.values()}
    for name, database in boundaries.general.databases.items():
        if database.secret_id in secrets:
            at = ("general", "databases", name, "secret_id")
            yield Defect(at, f"{shown(database.secret_id)}, which phi has too", "give each boundary its own")


def _outside(boundaries: Boundaries) -> Iterator[Defect]:
    """Prefixes that do not lie under the boundary's data, and keys of another Region."""
    for side in ("phi", "general"):
        boundary: Boundary = getattr(boundaries, side)
        for name in _WITHIN_DATA:
            uri = getattr(boundary, name)
            if not S3Uri.parse(boundary.data_uri).covers(S3Uri.parse(uri)):
                yield Defect((side, name), shown(uri), f"write a prefix under data_uri ({boundary.data_uri})")
        for name in _KEYS:
            arn = Arn.parse(getattr(boundary, name) or boundary.kms_key_arn)
            if arn.region != boundaries.region:
                yield Defect((side, name), f"a key of {arn.region}", f"write a key of the Region {boundaries.region}")


def _tangled(boundaries: Boundaries) -> Iterator[Defect]:
    """Security groups with two tasks, and realms that are to trust themselves.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-kerberos-options.html
    """
    for side in ("phi", "general"):
        boundary: Boundary = getattr(boundaries, side)
        network, realms = boundary.network, boundary.kerberos
        for name in ("primary_security_group", "core_security_group"):
            if getattr(network, name) == network.service_access_security_group:
                at = (side, "network", "service_access_security_group")
                remedy = "EMR's own access in private subnets needs a group of its own: write another one"
                yield Defect(at, f"{shown(network.service_access_security_group)}, which is {name} too", remedy)
        if len(set(network.subnet_ids)) < len(network.subnet_ids):
            yield Defect((side, "network", "subnet_ids"), "a subnet twice", "write each subnet once")
        yield from _selfish(side, realms)


def _selfish(side: str, realms: Realms) -> Iterator[Defect]:
    trusted, outside = realms.trusted_realm, realms.external_kdc
    remedy = "a realm trusts another one: write the other's name"
    if trusted is not None and trusted.realm == realms.cluster_realm:
        yield Defect((side, "kerberos", "trusted_realm", "realm"), f"{shown(trusted.realm)}, the clusters' own", remedy)
    directory = outside.active_directory if outside else None
    if outside is not None and directory is not None and directory.realm == outside.realm:
        at = (side, "kerberos", "external_kdc", "active_directory", "realm")
        yield Defect(at, f"{shown(directory.realm)}, the KDC's own", remedy)


def _insecure(profile: ClusterProfile, configs: Path) -> Iterator[Defect]:
    known = security_names(configs)
    if profile.security is not None and profile.security not in known:
        hint = did_you_mean(profile.security, known) or f"write one of {', '.join(known) or 'none (there are none)'}"
        yield Defect(("security",), shown(profile.security), f"there is no such file in security/; {hint}")


def _misnamed(profile: ClusterProfile, name: str) -> Iterator[Defect]:
    if profile.name != name:
        yield Defect(("name",), shown(profile.name), f"a profile is named as its file: write {name}")
