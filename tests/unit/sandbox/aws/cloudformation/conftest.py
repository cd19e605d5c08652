"""An empty account in this process, and resources made in it by their handlers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from druid_reindex.sandbox.aws.cloudformation import deploy
from druid_reindex.sandbox.aws.cloudformation.resources import HANDLERS, Made, Wanted, client
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

assert deploy.HANDLER_MODULES  # they register their handlers when they are imported


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """The account's clients by service."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws():
        yield lambda service: client(service, REGION)
    client.cache_clear()


@pytest.fixture
def make(aws: Callable[[str], Any]) -> Callable[..., Made]:
    """Make one resource of a type from properties, as the template's `logical_id`."""

    def made(kind: str, properties: dict[str, Any], logical_id: str = "Wanted") -> Made:
        return HANDLERS[kind](Wanted(kind, logical_id, f"stack-{logical_id}-X1", REGION, properties))

    return made
