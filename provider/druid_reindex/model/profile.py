"""A cluster profile: the shape of a transient EMR cluster, read from ``emr_configs/profiles/<name>.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from druid_reindex.model.pipeline import Frozen


class InstanceGroup(Frozen):
    """One instance group; ``role`` is EMR's ``InstanceRole``."""

    role: Literal["MASTER", "CORE", "TASK"]
    instance_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")]
    count: Annotated[int, Field(ge=1, le=2_000)] = 1
    market: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"


class BootstrapScript(Frozen):
    """A script of ``emr_configs/bootstrap/``, run on each node before Hadoop; ``path`` is below the artifacts."""

    name: str
    path: str
    args: tuple[str, ...] = ()


class JobResources(Frozen):
    """What one MapReduce job of a night may use, per container."""

    map_memory_mb: Annotated[int, Field(ge=256)] = 2_048
    reduce_memory_mb: Annotated[int, Field(ge=256)] = 4_096
    am_memory_mb: Annotated[int, Field(ge=256)] = 1_024
    max_split_bytes: Annotated[int, Field(ge=1_000_000)] = 500_000_000
    properties: dict[str, str] = Field(default_factory=dict)


class ClusterProfile(Frozen):
    """The shape of a cluster; everything that is the account's stands in the boundary instead."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    release_label: Annotated[str, Field(pattern=r"^emr-\d+\.\d+\.\d+$")]
    applications: tuple[str, ...] = ("Hadoop",)
    instance_groups: Annotated[tuple[InstanceGroup, ...], Field(min_length=1)]
    step_concurrency_level: Annotated[int, Field(ge=1, le=256)] = 1
    idle_timeout_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3_600
    ebs_root_volume_gib: Annotated[int, Field(ge=15, le=100)] = 30
    bootstrap: tuple[BootstrapScript, ...] = ()
    configurations: tuple[dict[str, object], ...] = ()
    job: JobResources = JobResources()
    tags: dict[str, str] = Field(default_factory=dict)
