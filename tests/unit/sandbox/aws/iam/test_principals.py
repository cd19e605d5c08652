"""Whom a statement names."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.iam.principals import Named, Principal, Principals

ACCOUNT = "111122223333"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/night"
SESSION = Principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/night/run", ROLE, ACCOUNT)


@pytest.mark.parametrize(
    ("aws", "named"),
    [("*", Named.ITSELF), (ROLE, Named.ITSELF), (SESSION.arn, Named.ITSELF), (ROOT, Named.ACCOUNT),
     (ACCOUNT, Named.ACCOUNT), ("444455556666", Named.NOT)],
)  # fmt: skip
def test_a_session_is_named(aws: str, named: Named) -> None:
    assert Principals((aws,)).names(SESSION) is named


def test_a_service_and_nobody() -> None:
    principals = Principals(services=("ec2.amazonaws.com",))
    assert principals.names(Principal(service="ec2.amazonaws.com")) is Named.ITSELF
    assert principals.names(Principal()) is Named.NOT
    assert principals.spares(Principal(service="ec2.amazonaws.com"))
    assert not principals.spares(SESSION)


def test_who_is_spared_is_named_completely() -> None:
    assert Principals((SESSION.arn, ROLE, ROOT)).spares(SESSION)
    assert not Principals((SESSION.arn, ROOT)).spares(SESSION)
    assert not Principals((SESSION.arn, ROLE)).spares(SESSION)
    assert not Principals(("*",)).spares(Principal())


def test_how_a_principal_is_written() -> None:
    assert [str(SESSION), str(Principal()), SESSION.root] == [SESSION.arn, "anonymous", ROOT]
