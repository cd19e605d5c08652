"""What tests in more than one folder share. Imports stay inside: the core's tests run where nothing is installed."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from good_night import GoodNight
    from real_sandbox import Sandbox

EVIDENCE = ("tests", "sandbox", "test_evidence.py")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The one running sandbox of all tests on real engines."""
    from shared_sandbox import running

    with running() as shared:
        yield shared


@pytest.fixture(scope="session")
def good_night(sandbox: Sandbox) -> GoodNight:
    """The one night of all tests on real engines that rebuilds everything."""
    from good_night import GoodNight

    return GoodNight.of(sandbox)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of the tests on real engines.

    Evidence comes first: what other tests read of the data around a night would be found, and be nobody's.
    The browser's come last: the others count the clusters that there were.
    """
    items.sort(key=lambda item: ("browser" in item.path.parts, item.path.parts[-3:] != EVIDENCE))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish() -> Generator[None, object, object]:
    """Collect the connections that the tests left, and say which; pytest would end with 1 although all have passed."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", ResourceWarning)
        finished = yield
        gc.collect()
    return finished
