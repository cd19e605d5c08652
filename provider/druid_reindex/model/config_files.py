"""The files of ``emr_configs/`` as values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.field_errors import load
from druid_reindex.model.profile import ClusterProfile, InstanceGroup
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.model.yaml_file import Defect, read_yaml, shown

_SEPARATE = ("pool", "druid_conn_id", "aws_conn_id", "kms_key_arn", "emr_instance_profile")
_WITHIN_DATA = ("runs_uri", "segments_uri", "task_logs_uri")
_KEYS = ("kms_key_arn", "emr_log_kms_key_arn")
_PREFIXES = ("data_uri", *_WITHIN_DATA, "emr_log_uri")


def load_boundaries(configs: Path) -> Boundaries:
    """The boundaries in ``configs/boundaries.yaml``. Raises ConfigurationError that names every wrong field."""
    file = read_yaml(configs / "boundaries.yaml")
    boundaries = load(file, Boundaries)
    file.refuse([*_mixed(boundaries), *_outside(boundaries)])
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
    file.refuse([*_misnamed(profile, name), *_misshapen(profile)])
    return profile


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


def _outside(boundaries: Boundaries) -> Iterator[Defect]:
    """Prefixes that do not lie under the boundary's data, and keys of another Region."""
    for side in ("phi", "general"):
        boundary: Boundary = getattr(boundaries, side)
        for name in _WITHIN_DATA:
            uri = getattr(boundary, name)
            if not S3Uri.parse(boundary.data_uri).covers(S3Uri.parse(uri)):
                yield Defect((side, name), shown(uri), f"write a prefix under data_uri ({boundary.data_uri})")
        for name in _KEYS:
            arn = Arn.parse(getattr(boundary, name))
            if arn.region != boundaries.region:
                yield Defect((side, name), f"a key of {arn.region}", f"write a key of the Region {boundaries.region}")


def _misnamed(profile: ClusterProfile, name: str) -> Iterator[Defect]:
    if profile.name != name:
        yield Defect(("name",), shown(profile.name), f"a profile is named as its file: write {name}")


def _misshapen(profile: ClusterProfile) -> Iterator[Defect]:
    """Instance groups that EMR refuses.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-group-configuration.html
    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-ha.html
    """
    groups = profile.instance_groups
    for role, remedy in (("MASTER", "write exactly one MASTER group"), ("CORE", "write one CORE group: it holds HDFS")):
        found = [i for i, group in enumerate(groups) if group.role == role]
        if len(found) != 1:
            yield Defect(("instance_groups", *found[1:2]), f"{len(found)} {role} groups", remedy)
    for i, group in enumerate(groups):
        yield from _miscounted(i, group)


def _miscounted(i: int, group: InstanceGroup) -> Iterator[Defect]:
    if group.role == "MASTER" and group.count not in {1, 3}:
        yield Defect(("instance_groups", i, "count"), str(group.count), "EMR runs 1 or 3 primary nodes: write 1 or 3")
