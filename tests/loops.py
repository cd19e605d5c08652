"""Event loops that end, as a triggerer's does not, and leave no socket behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def no_socket_left() -> Iterator[None]:
    """Collect, when the block ends, the sockets of TLS connections that its loops left to the garbage collector.

    It warns of them whenever it comes, otherwise, in another test as likely as in the one that left them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


def run(main: Coroutine[Any, Any, T]) -> T:
    """What ``main`` returns, run to its end on a loop of its own that leaves no socket."""
    with no_socket_left():
        return asyncio.run(main)
