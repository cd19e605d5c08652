"""A service that assumes a role: its trust policy decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.gate.services import ServiceAccess
from gated_account import gated_account

REDSHIFT = "redshift.amazonaws.com"


@pytest.mark.parametrize("enforcing", [True, False])
def test_trust_decides_and_is_recorded(tmp_path: Path, *, enforcing: bool) -> None:
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": REDSHIFT},
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    }
    with gated_account(tmp_path) as account:
        role = account.role("Trusting", trust)
        access = ServiceAccess(account.records, enforcing=enforcing)
        assert access.may_assume(REDSHIFT, role, {"aws:sourceaccount": ("111122223333",)})
        assert access.may_assume(REDSHIFT, role, {"aws:sourceaccount": ("444455556666",)}) is not enforcing
        assert access.may_assume("ec2.amazonaws.com", role, {"aws:sourceaccount": ("111122223333",)}) is not enforcing
        found = account.night.decisions
    assert [each.request.principal.service for each in found] == [REDSHIFT, REDSHIFT, "ec2.amazonaws.com"]
    assert [each.outcome.value == "allowed" for each in found] == [True, False, False]
