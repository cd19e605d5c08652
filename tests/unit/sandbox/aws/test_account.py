"""The fixed account agrees with what the product's configuration names; its creation is a contract test."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws import account
from druid_reindex.sandbox.aws.service import emr_configs

BOUNDARIES = (emr_configs() / "boundaries.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [*account.BUCKETS, *account.SUBNETS, *account.SECURITY_GROUPS, *map(account.key_arn, account.KEYS)],
)
def test_the_boundaries_name_what_the_account_has(name: str) -> None:
    assert name in BOUNDARIES


@pytest.mark.parametrize("role", ["DrxEmrService", "DrxEmrEc2Phi", "DrxEmrEc2General"])
def test_the_roles_of_the_boundaries_exist(role: str) -> None:
    assert role in BOUNDARIES
    assert role in account.SERVICE_ROLES
