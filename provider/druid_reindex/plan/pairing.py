"""Whether a pipeline, its boundary, its cluster profile and the profile's security go together.

Judged when a file is parsed, so that a night never begins that EMR or Druid would refuse, or that would put protected
data on a cluster that is protected less. Each Defect names a field of the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.pipeline import Classification, Pipeline, Submission
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.release import FIRST_WITH_JAVA_17, JAVA, Release, java_of
from druid_reindex.model.security_file import judged
from druid_reindex.model.security_phi import phi_rules
from druid_reindex.model.security_rules import Setting
from druid_reindex.model.yaml_file import Defect, dotted, read_yaml, shown
from druid_reindex.plan import certificates
from druid_reindex.plan.security import document, missing

Found = Iterator[Defect]
_PROFILE = ("cluster", "profile")


def refuse_pairing(
    pipeline: Pipeline,
    boundaries: Boundaries,
    profile: ClusterProfile,
    security: ClusterSecurity | None,
    *,
    file: Path | None = None,
) -> None:
    """Raise one ConfigurationError that names all that does not go together, by the lines of ``file`` if given."""
    found = list(mispaired(pipeline, boundaries, profile, security))
    if file is not None:
        read_yaml(file).refuse(found)
    elif found:
        lines = "\n".join(f"{dotted(each.field)}: found {each.found}; {each.remedy}" for each in found)
        raise ConfigurationError(
            "pair a pipeline with a cluster profile",
            resource=f"{pipeline.datasource} on {profile.name}",
            came_back=f"\n{lines}\n",
            remedy="choose another profile, or correct what is named above",
        )


def mispaired(
    pipeline: Pipeline, boundaries: Boundaries, profile: ClusterProfile, security: ClusterSecurity | None
) -> Found:
    """Everything that does not go together."""
    boundary = boundaries.of(pipeline.classification)
    yield from _tenancy(profile, boundary)
    yield from _java(pipeline, profile)
    if security is None:
        yield from _unprotected(pipeline, profile)
        return
    yield from _submission(pipeline, profile, security)
    lacking = missing(security, boundary)
    side = pipeline.classification.value
    for name in lacking:
        found = f"{shown(profile.name)}, whose security {security.name} needs {side}.{name}"
        yield Defect(_PROFILE, found, f"add {side}.{name} to boundaries.yaml, or use another profile")
    if not lacking:
        yield from _document(pipeline, boundaries, profile, security)


def _unprotected(pipeline: Pipeline, profile: ClusterProfile) -> Found:
    if pipeline.classification is Classification.PHI:
        remedy = (
            "protected health information is spilled to a cluster's disks and sent between its nodes: take a profile "
            "with a security configuration (`security: …`)"
        )
        yield Defect(_PROFILE, f"{shown(profile.name)}, which names no security", remedy)


def _tenancy(profile: ClusterProfile, boundary: Boundary) -> Found:
    """EMR has no tenancy of its own: instances are dedicated when the VPC is.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/dedicated-instance.html
    """
    here, there = profile.tenancy, boundary.network.tenancy
    if here == "dedicated" and there != "dedicated":
        remedy = "name subnets of a VPC with dedicated tenancy, and network.tenancy: dedicated, in boundaries.yaml"
        yield Defect(_PROFILE, f"{shown(profile.name)}, dedicated, in a VPC with default tenancy", remedy)
    if here == "shared" and there == "dedicated":
        remedy = "every instance there is dedicated, and priced so: write tenancy: dedicated in the profile"
        yield Defect(_PROFILE, f"{shown(profile.name)}, shared, in a VPC with dedicated tenancy", remedy)


def _java(pipeline: Pipeline, profile: ClusterProfile) -> Found:
    """The program that reads a database is compiled by the node's own Java."""
    if java_of(profile.release_label) == JAVA:
        return
    for i, unload in enumerate(pipeline.unloads):
        if unload.jdbc is not None:
            remedy = f"the step needs Java {JAVA}: take a profile of {FIRST_WITH_JAVA_17} or later"
            yield Defect(("unloads", i, "jdbc"), f"jdbc on {shown(profile.release_label)}", remedy)


def _submission(pipeline: Pipeline, profile: ClusterProfile, security: ClusterSecurity) -> Found:
    if security.kerberos is None:
        return
    found = f"{shown(pipeline.submit.value)} with {shown(profile.name)}, whose KDC is {security.kerberos.kdc}"
    if pipeline.submit is Submission.OVERLORD and not security.is_known_outside:
        remedy = (
            "Druid's services cannot be known to a KDC that lives as long as the cluster: write emr_step, or take a "
            "profile with an external KDC or a cross-realm trust"
        )
        yield Defect(("submit",), found, remedy)
    if pipeline.submit is Submission.EMR_STEP and security.kerberos.kdc == "external":
        remedy = "steps use the keytabs of a dedicated KDC: write overlord, or take a profile with a dedicated KDC"
        yield Defect(("submit",), found, remedy)


def _document(pipeline: Pipeline, boundaries: Boundaries, profile: ClusterProfile, security: ClusterSecurity) -> Found:
    boundary = boundaries.of(pipeline.classification)
    rules = phi_rules(boundary) if pipeline.classification is Classification.PHI else ()
    setting = Setting(boundaries.region, Release.parse(profile.release_label))
    zip_uri = certificates.wanted(boundaries, pipeline.classification, profile.name, certificates.EPOCH).unmade
    _, found = judged(document(security, boundary, zip_uri), rules, setting)
    for each in found:
        where = f"{shown(profile.name)}, security {security.name}: {dotted(each.field)}: {each.found}"
        yield Defect(_PROFILE, where, each.remedy)
