"""What a look at an account finds."""

from __future__ import annotations

import pytest

from druid_reindex.model.account import Permission, Subnet


@pytest.mark.parametrize(
    ("gateways", "addresses", "private"),
    [((), False, True), (("igw-1",), False, False), ((), True, False)],
)
def test_a_subnet_is_private_without_a_gateway_and_without_public_addresses(
    gateways: tuple[str, ...], addresses: bool, private: bool
) -> None:
    assert Subnet("subnet-1", "vpc-1", gateways, addresses).is_private is private


def test_only_allowed_is_allowed() -> None:
    decisions = ("allowed", "implicitDeny", "explicitDeny")
    assert [Permission("s3:GetObject", "*", each).is_allowed for each in decisions] == [True, False, False]
