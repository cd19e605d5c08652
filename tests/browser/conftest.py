"""Airflow's UI in a real headless browser, on the shared sandbox."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from airflow_ui import AirflowUi
from chromium import browser
from druid_reindex.sandbox import airflow
from real_sandbox import STEPS, VITALS, Sandbox

# Airflow reads it, and makes the folder, when it is imported.
_HOME = tempfile.TemporaryDirectory(prefix="druid-reindex-airflow-", ignore_cleanup_errors=True)
os.environ.setdefault("AIRFLOW_HOME", _HOME.name)

# The browser does not know the sandbox's CA.
OPTIONS = {"viewport": {"width": 1400, "height": 1000}, "ignore_https_errors": True}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the pictures."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def opened() -> Iterator[Browser]:
    """The one browser of all tests: a process can have no second one beside it."""
    with browser() as found:
        yield found


@pytest.fixture(scope="session")
def signed_in(sandbox: Sandbox, pictures: Path, opened: Browser) -> Iterator[BrowserContext]:
    """A browser that is signed in; each DAG is as paused at the end as it was."""
    url = sandbox.endpoints.airflow or ""
    with _as_paused_as_before(sandbox), opened.new_context(**OPTIONS) as context:
        page = context.new_page()
        AirflowUi(page, url, pictures).sign_in(airflow.USER, sandbox.home.secret(airflow.PASSWORD_SECRET))
        page.close()
        yield context


@pytest.fixture
def ui(
    sandbox: Sandbox, signed_in: BrowserContext, pictures: Path, request: pytest.FixtureRequest
) -> Iterator[AirflowUi]:
    """The UI, seen once more when the test is over."""
    page = signed_in.new_page()
    found = AirflowUi(page, sandbox.endpoints.airflow or "", pictures)
    yield found
    found.picture(f"{request.node.name}-end")
    page.close()


@contextlib.contextmanager
def _as_paused_as_before(sandbox: Sandbox) -> Iterator[None]:
    dag_ids = [sandbox.runs(datasource).dag_id for datasource in (VITALS, STEPS)]
    paused = {dag_id: (sandbox.api.dag(dag_id) or {}).get("is_paused") for dag_id in dag_ids}
    try:
        yield
    finally:
        for dag_id, was_paused in paused.items():
            (sandbox.api.pause if was_paused else sandbox.api.unpause)(dag_id)
