"""What tests in more than one folder share. Imports stay inside: the core's tests run where nothing is installed."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from real_sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The one running sandbox of all tests on real engines."""
    from shared_sandbox import running

    with running() as shared:
        yield shared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests come last: the others on real engines count the clusters that there were."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Generator[None, object, object]:
    """Collect the connections that the tests left, and say which; pytest would end with 1 although all have passed."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", ResourceWarning)
        finished = yield
        gc.collect()
    return finished
