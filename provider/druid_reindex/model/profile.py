"""A cluster profile: the shape of a transient EMR cluster, read from ``emr_configs/profiles/<name>.yaml``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from druid_reindex.model.frozen import Frozen

INSTANCE_TYPE = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"


class InstanceGroup(Frozen):
    """One instance group; ``role`` is EMR's ``InstanceRole``."""

    role: Literal["MASTER", "CORE", "TASK"] = Field(description="MASTER, CORE or TASK")
    instance_type: str = Field(pattern=INSTANCE_TYPE, description="an EC2 instance type such as r6g.xlarge")
    count: int = Field(1, ge=1, le=2_000, strict=True, description="how many instances")
    market: Literal["ON_DEMAND", "SPOT"] = Field("ON_DEMAND", description="ON_DEMAND or SPOT")


class FleetInstance(Frozen):
    """One instance type that a fleet may launch."""

    instance_type: str = Field(pattern=INSTANCE_TYPE, description="an EC2 instance type such as r6g.xlarge")
    weight: int = Field(1, ge=1, le=999, strict=True, description="units of the fleet's capacity that one instance is")


class InstanceFleet(Frozen):
    """One instance fleet: EMR launches what it can get of several types, in the best of the boundary's subnets."""

    role: Literal["MASTER", "CORE", "TASK"] = Field(description="MASTER, CORE or TASK")
    on_demand_units: int = Field(0, ge=0, le=4_000, strict=True, description="units of On-Demand capacity")
    spot_units: int = Field(0, ge=0, le=4_000, strict=True, description="units of Spot capacity")
    instance_types: tuple[FleetInstance, ...] = Field(
        min_length=1, max_length=30, description="a list of {instance_type, weight}, at most 30"
    )
    spot_timeout_minutes: int = Field(
        20, ge=5, le=1_440, strict=True, description="minutes that EMR looks for Spot capacity, 5 to 1440"
    )
    spot_timeout_action: Literal["SWITCH_TO_ON_DEMAND", "TERMINATE_CLUSTER"] = Field(
        "SWITCH_TO_ON_DEMAND", description="SWITCH_TO_ON_DEMAND or TERMINATE_CLUSTER: what follows then"
    )

    def as_group(self) -> InstanceGroup:
        """The group that costs and computes as much, if EMR launches the first type alone."""
        first = self.instance_types[0]
        units = self.on_demand_units + self.spot_units
        return InstanceGroup(
            role=self.role,
            instance_type=first.instance_type,
            count=max(1, -(-units // first.weight)),
            market="SPOT" if self.spot_units else "ON_DEMAND",
        )


class BootstrapScript(Frozen):
    """A script of ``emr_configs/bootstrap/``, run on each node before Hadoop; ``path`` is below the artifacts."""

    name: str = Field(min_length=1, max_length=256, description="the name that EMR shows")
    path: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="the script's path below artifacts_uri, without a slash first",
    )
    args: tuple[str, ...] = Field((), description="a list of texts; no secret, since EMR shows them")


class JobResources(Frozen):
    """What one MapReduce job of a night may use, per container."""

    map_memory_mb: int = Field(2_048, ge=256, strict=True, description="MiB of a mapper's container, at least 256")
    reduce_memory_mb: int = Field(4_096, ge=256, strict=True, description="MiB of a reducer's container, at least 256")
    am_memory_mb: int = Field(
        1_024, ge=256, strict=True, description="MiB of the job's ApplicationMaster, at least 256"
    )
    task_attempts: int = Field(
        2, ge=1, le=10, strict=True, description="how often Hadoop tries a mapper or reducer that failed, 1 to 10"
    )
    task_timeout_seconds: int = Field(
        600,
        ge=60,
        strict=True,
        description="seconds without progress after which Hadoop ends a try, at least 60; a try whose segment is "
        "gone makes none, since Druid's reader asks for it again and again",
    )
    max_split_bytes: int = Field(
        500_000_000, ge=1_000_000, strict=True, description="bytes of segments that one mapper reads, at least 1000000"
    )
    estimated_bytes_per_core_hour: int = Field(
        2_000_000_000,
        ge=1,
        strict=True,
        description="bytes of segments that one vCPU rebuilds in an hour, for estimates alone; take it from your own "
        "nights, since it depends on the columns",
    )
    estimated_idle_hours: float = Field(
        0.25,
        ge=0,
        strict=True,
        description="hours in which the cluster is paid for beside its jobs: it starts, installs and ends",
    )
    properties: dict[str, str] = Field(
        default_factory=dict,
        description='Hadoop properties, each value in quotes: {mapreduce.map.speculative: "false"}; none that takes '
        "back what the profile's security turns on",
    )


class ClusterProfile(Frozen):
    """The shape of a cluster; everything that is the account's stands in the boundary instead."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="the file's own name without .yaml")
    release_label: str = Field(pattern=r"^emr-\d+\.\d+\.\d+$", description="an EMR release such as emr-7.2.0")
    applications: tuple[str, ...] = Field(("Hadoop",), min_length=1, description="a list of EMR applications: [Hadoop]")
    instance_groups: tuple[InstanceGroup, ...] = Field((), description="a list of {role, instance_type, count}")
    instance_fleets: tuple[InstanceFleet, ...] = Field(
        (), description="a list of {role, on_demand_units, spot_units, instance_types}, in the place of instance_groups"
    )
    spot_policy: Literal["none", "task", "core_and_task"] = Field(
        "task", description="none, task or core_and_task: which nodes may be Spot instances; core nodes hold HDFS"
    )
    tenancy: Literal["shared", "dedicated"] = Field(
        "shared", description="shared, or dedicated hardware: EMR takes that from the subnets' VPC alone"
    )
    security: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="a file of emr_configs/security/, without .yaml; null for no security configuration",
    )
    step_concurrency_level: int = Field(1, ge=1, le=256, strict=True, description="steps at a time, 1 to 256")
    idle_timeout_seconds: int = Field(
        3_600,
        ge=60,
        le=604_800,
        strict=True,
        description="seconds of idleness after which EMR ends the cluster, 60 to 604800",
    )
    ebs_root_volume_gib: int = Field(
        30, ge=15, le=100, strict=True, description="GiB of each node's root volume, 15 to 100"
    )
    bootstrap: tuple[BootstrapScript, ...] = Field((), description="a list of {name, path, args}")
    configurations: tuple[dict[str, object], ...] = Field(
        (), description="a list of EMR configurations: {Classification, Properties}, under the same rule"
    )
    job: JobResources = Field(JobResources(), description="what one MapReduce job may use")
    tags: dict[str, str] = Field(default_factory=dict, description="AWS tags, each value in quotes")

    @property
    def nodes(self) -> tuple[InstanceGroup, ...]:
        """The groups, or of each fleet the group that costs and computes as much."""
        return self.instance_groups or tuple(fleet.as_group() for fleet in self.instance_fleets)
