"""What a night is expected to take, and the limits that it passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.model.pipeline import Policy
from druid_reindex.model.prices import InstancePrice, PriceTable
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan.estimate import Estimate, estimate_night, over_limits, vcpus
from druid_reindex.plan.night import Batch, Chunk
from timelines import segment, span

GB = 1_000_000_000
PRICE = InstancePrice(ec2_usd_per_hour=0.75, emr_usd_per_hour=0.25)
PRICES = PriceTable.model_validate(
    {"source": "a test", "as_of": "2026-11-01", "instance_types": {"m6g.xlarge": PRICE, "r6g.2xlarge": PRICE}}
)


def profile(core: str = "r6g.2xlarge", count: int = 2) -> ClusterProfile:
    return ClusterProfile.model_validate(
        {
            "name": "small",
            "release_label": "emr-7.2.0",
            "instance_groups": [
                {"role": "MASTER", "instance_type": "m6g.xlarge"},
                {"role": "CORE", "instance_type": core, "count": count},
            ],
            "job": {"estimated_bytes_per_core_hour": GB, "estimated_idle_hours": 0.5},
        }
    )


def batch(number: int, chunks: int, *, size: int, shards: int = 1) -> Batch:
    made = Chunk(span("09-01/09-02"), (segment("09-01/09-02", size=size),), (), shards)
    return Batch(number, (made,) * chunks, shards)


def test_two_batches_one_after_the_other_on_three_instances() -> None:
    # 32 GB over 16 vCPUs take 2 hours, 16 GB over 16 (8 chunks of 2 shards) 1 hour, and half an hour is idle.
    found = estimate_night([batch(0, 32, size=GB), batch(1, 8, size=2 * GB, shards=2)], profile(), PRICES)
    assert found == Estimate(read_bytes=48 * GB, instance_hours=10.5, cost_usd=10.5)


def test_a_batch_uses_no_more_vcpus_than_it_has_reducers() -> None:
    assert estimate_night([batch(0, 1, size=GB)], profile(), PRICES).instance_hours == 4.5


def test_nothing_to_do_costs_nothing() -> None:
    assert estimate_night([], profile(core="r6g.metal"), None) == Estimate(0, 0.0, 0.0)


@pytest.mark.parametrize("prices", [None, PRICES])
def test_a_missing_price_makes_the_cost_unknown_and_never_nothing(prices: PriceTable | None) -> None:
    found = estimate_night([batch(0, 1, size=GB)], profile(core="r6g.xlarge"), prices)
    assert found.cost_usd is None
    assert found.instance_hours == 4.5
    assert "r6g.xlarge" in found.unknown


def test_a_type_whose_size_tells_nothing_makes_all_unknown() -> None:
    found = estimate_night([batch(0, 1, size=GB)], profile(core="r6g.metal"), PRICES)
    assert (found.read_bytes, found.instance_hours, found.cost_usd) == (GB, None, None)
    assert "vCPUs" in found.unknown


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [("m6g.large", 2), ("m6g.xlarge", 4), ("r6gd.4xlarge", 16), ("c7i.24xlarge", 96), ("m6g.medium", None),
     ("m6g.metal", None), ("m7i.metal-24xl", None)],
)  # fmt: skip
def test_vcpus_by_size(instance_type: str, count: int | None) -> None:
    assert vcpus(instance_type) == count


ESTIMATE = Estimate(read_bytes=GB, instance_hours=10.5, cost_usd=1234.5)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, ()),
        ({"max_chunks": 1200, "max_instance_hours": 10.5, "max_cost_usd": 1234.5}, ()),
        ({"max_chunks": 1199}, ("1,200 time chunks, where policy.max_chunks is 1,199",)),
        ({"max_instance_hours": 10}, ("10.50 instance-hours, where policy.max_instance_hours is 10.0",)),
        ({"max_cost_usd": 0.5}, ("1,234.50 US dollars, where policy.max_cost_usd is 0.5",)),
    ],
)
def test_each_limit_that_is_passed_is_told(limits: dict[str, Any], told: tuple[str, ...]) -> None:
    assert over_limits(Policy.model_validate(limits), 1200, ESTIMATE) == told


def test_what_is_unknown_passes_its_limit() -> None:
    unknown = replace(ESTIMATE, cost_usd=None, unknown="the price of r6g.xlarge in prices.yaml")
    (told,) = over_limits(Policy(max_cost_usd=1e6, max_instance_hours=1e6), 1, unknown)
    assert (
        told == "unknown for want of the price of r6g.xlarge in prices.yaml, where policy.max_cost_usd is 1,000,000.0"
    )


def test_an_empty_plan_passes_no_limit() -> None:
    assert over_limits(Policy(max_cost_usd=1.0), 0, Estimate(0, None, None, "all")) == ()
