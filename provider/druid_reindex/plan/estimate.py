"""What a night is expected to take: hours, instance-hours, US dollars; and which of the policy's limits that passes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from druid_reindex.model.pipeline import Policy
from druid_reindex.model.prices import PriceTable
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan.night import Batch, Chunk

_SIZE = re.compile(r"\.(\d*)(x?large)$")


@dataclass(frozen=True, slots=True)
class Estimate:
    """An expectation, not a bill; None is unknown, never nothing. ``unknown`` says what is missing.

    ``read_bytes`` are the segments' bytes, ``instance_hours`` those of all instances from launch to end.
    """

    read_bytes: int
    instance_hours: float | None
    cost_usd: float | None
    unknown: str = ""


def estimate_night(batches: Sequence[Batch], profile: ClusterProfile, prices: PriceTable | None) -> Estimate:
    """What ``batches`` take, one after the other, on a cluster of ``profile``; nothing when there are none.

    A batch cannot use more vCPUs than it has reducers, one for each shard of each chunk.
    """
    read = sum(_bytes(batch) for batch in batches)
    if not batches:
        return Estimate(0, 0.0, 0.0)
    speeds = [_bytes_per_hour(batch, profile) for batch in batches]
    if None in speeds:
        return Estimate(read, None, None, "how many vCPUs the profile's instance types have")
    hours = profile.job.estimated_idle_hours
    hours += sum(_bytes(batch) / speed for batch, speed in zip(batches, speeds, strict=True) if speed)
    instance_hours = round(hours * sum(group.count for group in profile.nodes), 2)
    per_hour = usd_per_hour(profile, prices)
    if per_hour is None:
        return Estimate(
            read, instance_hours, None, f"the price of {', '.join(unpriced(profile, prices))} in prices.yaml"
        )
    return Estimate(read, instance_hours, round(hours * per_hour, 2))


def chunk_hours(batch: Batch, chunk: Chunk, profile: ClusterProfile) -> float | None:
    """The hours of ``batch``'s job that fall to ``chunk`` by its bytes; None where the vCPUs are unknown."""
    speed = _bytes_per_hour(batch, profile)
    return None if speed is None else chunk.size_bytes / speed


def usd_per_hour(profile: ClusterProfile, prices: PriceTable | None) -> float | None:
    """US dollars for an hour of a whole cluster of ``profile``; None when the price of any of its types is unknown."""
    if prices is None or unpriced(profile, prices):
        return None
    return sum(each.count * prices.instance_types[each.instance_type].usd_per_hour for each in profile.nodes)


def over_limits(policy: Policy, chunks: int, estimate: Estimate) -> tuple[str, ...]:
    """One sentence for each limit of ``policy`` that a night of ``chunks`` passes, or of which that is unknown."""
    if not chunks:
        return ()
    numbers = (
        ("max_chunks", policy.max_chunks, chunks, "{:,} time chunks"),
        ("max_instance_hours", policy.max_instance_hours, estimate.instance_hours, "{:,.2f} instance-hours"),
        ("max_cost_usd", policy.max_cost_usd, estimate.cost_usd, "{:,.2f} US dollars"),
    )
    found = []
    for name, limit, number, form in numbers:
        if limit is not None and number is None:
            found.append(f"unknown for want of {estimate.unknown}, where policy.{name} is {limit:,}")
        elif limit is not None and number is not None and number > limit:
            found.append(f"{form.format(number)}, where policy.{name} is {limit:,}")
    return tuple(found)


def vcpus(instance_type: str) -> int | None:
    """The vCPUs of an instance type by the name of its size; None where the size does not tell (metal, medium).

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cpu-options-supported-instances-values.html
    """
    size = _SIZE.search(instance_type)
    if size is None:
        return None
    return 4 * int(size[1] or 1) if size[2] == "xlarge" else 2


def _worker_vcpus(profile: ClusterProfile) -> int | None:
    """The vCPUs that run containers; None when any is unknown. The primary node of EMR runs none."""
    known = [(group.count, vcpus(group.instance_type)) for group in profile.nodes if group.role != "MASTER"]
    return None if any(each is None for _, each in known) else sum(count * (each or 0) for count, each in known)


def _bytes_per_hour(batch: Batch, profile: ClusterProfile) -> float | None:
    """How fast a job of ``batch`` reads; None where the vCPUs are unknown."""
    cores = _worker_vcpus(profile)
    return profile.job.estimated_bytes_per_core_hour * min(cores, len(batch.chunks) * batch.shards) if cores else None


def _bytes(batch: Batch) -> int:
    return sum(chunk.size_bytes for chunk in batch.chunks)


def unpriced(profile: ClusterProfile, prices: PriceTable | None) -> list[str]:
    """The instance types of ``profile`` that ``prices`` does not have."""
    known: Iterable[str] = prices.instance_types if prices else ()
    return sorted({group.instance_type for group in profile.nodes} - set(known))
