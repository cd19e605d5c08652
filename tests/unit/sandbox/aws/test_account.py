"""The account's fixed ids are those of the product's configuration; its creation is a contract test."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws import account
from druid_reindex.sandbox.aws.cloudformation.network import SECURITY_GROUPS, SUBNETS
from druid_reindex.sandbox.aws.service import USERS, emr_configs

BOUNDARIES = (emr_configs() / "boundaries.yaml").read_text(encoding="utf-8")
KEYS = [account.key_arn(name) for name in ("PhiKey", "GeneralKey", "LogsKey")]


@pytest.mark.parametrize("name", [*SUBNETS.values(), *SECURITY_GROUPS.values(), *KEYS, account.ARTIFACTS_BUCKET])
def test_the_boundaries_name_what_the_account_has(name: str) -> None:
    assert name in BOUNDARIES


def test_airflows_user_has_no_rights_of_its_own_and_none_is_given_to_a_user_that_does_not_exist() -> None:
    assert set(account.USER_ROLES) | set(account.OWN_STATEMENTS) == set(USERS) - {"airflow"}
    assert set(account.parameters().values()) <= {account.user_arn(user) for user in USERS}
