"""What a cluster profile may say as a whole: what EMR would refuse, and what no night should run on.

Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-group-configuration.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-instance-fleet.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-ha.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from druid_reindex.model.profile import ClusterProfile, InstanceFleet, InstanceGroup
from druid_reindex.model.profile_hadoop import weakened
from druid_reindex.model.release import FLOORS, Release
from druid_reindex.model.yaml_file import Defect, FieldPath, shown

Found = Iterator[Defect]
OWN_TAGS = 7  # whose a cluster is: run, DAG, DAG run, pipeline, classification, group, generation
MAX_TAGS = 10
MAX_TASK_GROUPS = 48
_SPOT_ROLES = {"none": (), "task": ("TASK",), "core_and_task": ("CORE", "TASK")}
_ALWAYS = ("private subnets", "a KMS key for the log archive", "auto-termination")
_SECRET = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|access_?key|credential)\w*\s*[=:]\s*\S|\b(AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN|://[^/@\s:]+:[^/@\s]+@",
    re.IGNORECASE,
)
_SECRET_OPTION = re.compile(r"^--?(pass(word|wd)?|secret|token|access-?key|credentials?)$", re.IGNORECASE)
_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?|secret|token|access_?key|credential", re.IGNORECASE)


def misshapen(profile: ClusterProfile) -> Found:
    """Everything that is wrong with ``profile`` as a whole."""
    groups, fleets = profile.instance_groups, profile.instance_fleets
    if groups and fleets:
        yield Defect(("instance_fleets",), "fleets beside instance_groups", "EMR takes one kind: keep one of the two")
        return
    kind = "instance_fleets" if fleets else "instance_groups"
    yield from _roles(kind, [each.role for each in fleets or groups])
    for i, group in enumerate(groups):
        yield from _group(("instance_groups", i), group, profile)
    for i, fleet in enumerate(fleets):
        yield from _fleet(("instance_fleets", i), fleet, profile)
    yield from _floors(profile)
    yield from _tags(profile)
    yield from _secrets(profile)
    yield from weakened(profile)


def _roles(kind: str, roles: list[str]) -> Found:
    one = {"instance_groups": "group", "instance_fleets": "fleet"}[kind]
    for role, remedy in (
        ("MASTER", f"write exactly one MASTER {one}"),
        ("CORE", f"write one CORE {one}: it holds HDFS"),
    ):
        found = [i for i, each in enumerate(roles) if each == role]
        if len(found) != 1:
            yield Defect((kind, *found[1:2]), f"{len(found)} {role} {one}s", remedy)
    most = 1 if kind == "instance_fleets" else MAX_TASK_GROUPS
    if roles.count("TASK") > most:
        yield Defect((kind,), f"{roles.count('TASK')} TASK {one}s", f"EMR takes at most {most}")


def _group(at: FieldPath, group: InstanceGroup, profile: ClusterProfile) -> Found:
    if group.role == "MASTER" and group.count not in {1, 3}:
        yield Defect((*at, "count"), str(group.count), "EMR runs 1 or 3 primary nodes: write 1 or 3")
    if group.market == "SPOT":
        yield from _spot((*at, "market"), "SPOT", group.role, profile)
        yield from _dedicated_spot((*at, "instance_type"), group.instance_type, profile)


def _fleet(at: FieldPath, fleet: InstanceFleet, profile: ClusterProfile) -> Found:
    units = fleet.on_demand_units + fleet.spot_units
    if fleet.role == "MASTER" and units != 1:
        yield Defect(at, f"{units} units", "a MASTER fleet is one instance: write on_demand_units: 1")
    elif not units:
        yield Defect(at, "no units", "write on_demand_units, spot_units or both")
    types = [each.instance_type for each in fleet.instance_types]
    for i, each in enumerate(fleet.instance_types):
        here = (*at, "instance_types", i)
        if each.instance_type in types[:i]:
            yield Defect((*here, "instance_type"), f"{shown(each.instance_type)} a second time", "write each type once")
        if fleet.role == "MASTER" and each.weight != 1:
            yield Defect((*here, "weight"), str(each.weight), "one primary node is one unit: leave it out")
        if fleet.spot_units:
            yield from _dedicated_spot((*here, "instance_type"), each.instance_type, profile)
    if fleet.spot_units:
        yield from _spot((*at, "spot_units"), str(fleet.spot_units), fleet.role, profile)


def _spot(at: FieldPath, found: str, role: str, profile: ClusterProfile) -> Found:
    if role in _SPOT_ROLES[profile.spot_policy]:
        return
    if role == "MASTER":
        yield Defect(at, f"{found} for the primary node", "the cluster ends with it: use On-Demand capacity")
        return
    wider = "core_and_task" if role == "CORE" else "task"
    remedy = f"the profile's spot_policy is {profile.spot_policy}: use On-Demand capacity, or write {wider} there"
    yield Defect(at, f"{found} for {role} nodes", remedy)


def _dedicated_spot(at: FieldPath, instance_type: str, profile: ClusterProfile) -> Found:
    """T instances are never dedicated Spot instances.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-spot-instances-work.html
    """
    if profile.tenancy == "dedicated" and re.match(r"t\d", instance_type):
        yield Defect(at, f"{shown(instance_type)} as Spot on dedicated hardware", "EC2 has none: use another family")


def _floors(profile: ClusterProfile) -> Found:
    release = Release.parse(profile.release_label)
    asked = [*_ALWAYS, *(["instance fleets"] if profile.instance_fleets else [])]
    asked += ["security configurations"] if profile.security else []
    for what in asked:
        if not FLOORS[what].allows(release):
            remedy = f"clusters here use {what}, which EMR has in {FLOORS[what]}: write one of these"
            yield Defect(("release_label",), shown(profile.release_label), remedy)


def _tags(profile: ClusterProfile) -> Found:
    if len(profile.tags) > MAX_TAGS - OWN_TAGS:
        remedy = f"EMR takes {MAX_TAGS}, and {OWN_TAGS} say whose the cluster is: keep {MAX_TAGS - OWN_TAGS}"
        yield Defect(("tags",), f"{len(profile.tags)} tags", remedy)
    for key in profile.tags:
        if key.casefold().startswith(("aws:", "druid-reindex:")):
            yield Defect(("tags", key), "a name that is taken", "AWS and the provider keep such names: use another")
        elif not 1 <= len(key) <= 128:
            yield Defect(("tags", key), f"a name of {len(key)} characters", "EMR takes 1 to 128")


def _secrets(profile: ClusterProfile) -> Found:
    """What looks like a secret where EMR shows it to everybody who may describe the cluster."""
    remedy = "EMR shows it to whoever may describe the cluster: put it into Secrets Manager, and name the secret"
    for key, value in profile.tags.items():
        if _SECRET_KEY.search(key) or _SECRET.search(value):
            yield Defect(("tags", key), "what looks like a secret", remedy)
    for i, script in enumerate(profile.bootstrap):
        for j, arg in enumerate(script.args):
            if _SECRET.search(arg) or _SECRET_OPTION.search(arg):
                yield Defect(("bootstrap", i, "args", j), "what looks like a secret", remedy)
    for i, configuration in enumerate(profile.configurations):
        if _SECRET.search(str(configuration.get("Properties", ""))):
            yield Defect(("configurations", i), "what looks like a secret", remedy)
