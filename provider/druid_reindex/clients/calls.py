"""Counts what a task asks of the outside: one for each request that a client was asked for, repetitions aside.

A task counts while ``counted`` lasts; clients that are made meanwhile add to its count, from whatever thread they ask.
What is asked ``apart``, such as the lease, is counted under that name in place of the service's. What Airflow's own
hooks ask before a client is there (whose credentials these are) is not seen, nor what a triggerer asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

_counting: ContextVar[Counter[str] | None] = ContextVar("counting", default=None)
_apart: ContextVar[str | None] = ContextVar("apart", default=None)


class Tally:
    """Where a client adds what it asks: the count of the task in which it was made; nowhere without one."""

    def __init__(self) -> None:
        self._counter = _counting.get()

    def add(self, service: str) -> None:
        """One request of ``service``, or of what is asked apart."""
        if self._counter is not None:
            self._counter[_apart.get() or service] += 1


@contextmanager
def counted(before: Mapping[str, int] | None = None) -> Iterator[Counter[str]]:
    """Yield the count of what is asked until the block ends, which goes on from ``before``."""
    counter = Counter(before or {})
    token = _counting.set(counter)
    try:
        yield counter
    finally:
        _counting.reset(token)


@contextmanager
def apart(name: str) -> Iterator[None]:
    """Count what is asked until the block ends under ``name``."""
    token = _apart.set(name)
    try:
        yield
    finally:
        _apart.reset(token)


def counting(session: boto3.Session) -> boto3.Session:
    """``session``, whose clients, those that are made from now on, add each call to the task's count.

    Source: https://docs.aws.amazon.com/boto3/latest/guide/events.html
    """
    tally = Tally()

    def called(model: Any, **_: Any) -> None:
        tally.add(model.service_model.service_name)

    session.events.register("before-call", called, unique_id="druid-reindex-calls")
    return session
