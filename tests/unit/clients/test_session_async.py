"""Clients on asyncio: no answer, and no session, are errors of ours."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ProfileNotFound

from druid_reindex.clients.session_async import open_service
from druid_reindex.errors import ConfigurationError


def test_a_client_is_of_the_region_and_names_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    async def opened() -> tuple[str, str]:
        async with open_service(get_session, "redshift-data", "eu-west-1") as client:
            return client.meta.region_name, client.meta.config.user_agent_extra

    region, agent = asyncio.run(opened())
    assert region == "eu-west-1"
    assert agent.startswith("druid-reindex/")


def test_no_session_is_one_of_our_errors() -> None:
    def fail() -> NoReturn:
        raise ProfileNotFound(profile="phi")

    async def opened() -> None:
        async with open_service(fail, "redshift-data", "eu-west-1"):
            raise AssertionError("there is no session")

    with pytest.raises(ConfigurationError, match="start an AWS session"):
        asyncio.run(opened())
