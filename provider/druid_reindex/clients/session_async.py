"""AWS clients on asyncio (aiobotocore) for those who wait; they behave, and are journalled, as those of ``session``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import client_arguments, record

_KINDS = ("service-2", "endpoint-rule-set-1", "paginators-1")


@asynccontextmanager
async def open_service(make_session: Callable[[], Any], service: str, region: str) -> AsyncIterator[Any]:
    """The service's client, until the block ends. ``make_session`` is called in a thread, for it may block."""
    session = await asyncio.to_thread(_prepared, make_session, service)
    config = AioConfig(**client_arguments())
    with translated(f"make a client of {service}", region):
        async with session.create_client(service, region_name=region, config=config) as client:
            yield client


def _prepared(make_session: Callable[[], Any], service: str) -> Any:
    """The session with the service's models read, which takes longer than an event loop should be held up."""
    with translated("start an AWS session", "the Airflow connection"):
        session = make_session()
        record(session.get_component("event_emitter"))
        loader = session.get_component("data_loader")
        for kind in _KINDS:
            loader.load_service_model(service, kind)
        loader.load_data_with_path("endpoints")
    return session
