"""Tests of the pages behind the tabs: who sees them, and what they carry."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.core_api import security

from druid_reindex.errors import UnavailableError
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.plugin import LazyPages, pages
from twins import FakeStore

DAG, RUN = "nightly_reindex__patient_vitals", "manual__2026-10-06T00:00:00+00:00"
URI = S3Uri("drx-phi-111122223333", "runs/1/plan.html")
PLAN = f"/plans/{DAG}/{RUN}"
STATE = f"/states/{DAG}/{RUN}"


@dataclass
class Airflow:
    """What the pages see of Airflow: the user's rights, the plan task's XComs, S3."""

    allowed: set[str] = field(default_factory=lambda: {DAG})
    told: dict[tuple[str, ...], Any] = field(default_factory=dict)
    store: FakeStore = field(default_factory=FakeStore)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: str) -> bool:  # noqa: ARG002
        self.asked.append((method, access_entity.value))
        return details.id in self.allowed


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    world = Airflow()
    place = {"uri": str(URI), "aws_conn_id": "aws_phi", "region": "us-east-1"}
    world.told[DAG, RUN, "plan", "plan_page"] = place
    world.store.put(URI, b"<!doctype html><h1>The plan</h1>", kms_key_arn="arn:aws:kms:us-east-1:111122223333:key/1")
    monkeypatch.setattr(security, "get_auth_manager", lambda: world)
    monkeypatch.setattr(security, "DagModel", SimpleNamespace(get_team_name=lambda _dag_id: None))
    monkeypatch.setattr(pages, "told", lambda *where: world.told.get(where))
    monkeypatch.setattr(connections, "s3_client", lambda _conn_id, _region: world.store)
    pages.application().dependency_overrides[security.get_user] = lambda: "a user"
    yield world
    pages.application().dependency_overrides.clear()


def get(path: str) -> Any:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=LazyPages())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_who_may_read_the_dags_runs_sees_the_stored_page_without_scripts(airflow: Airflow) -> None:
    answer = get(PLAN)
    assert (answer.status_code, answer.text) == (200, "<!doctype html><h1>The plan</h1>")
    assert airflow.asked == [("GET", "RUN")]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("page", [PLAN, STATE])
def test_who_may_not_read_the_dag_sees_nothing(page: str, airflow: Airflow) -> None:
    airflow.allowed = {"another"}
    airflow.told[DAG, RUN, "verdict", "night_state"] = "The state"
    answer = get(page)
    assert answer.status_code == 403
    assert "The " not in answer.text


@pytest.mark.parametrize("page", [PLAN, STATE])
def test_nobody_is_shown_anything_without_signing_in(page: str, airflow: Airflow) -> None:
    pages.application().dependency_overrides.clear()
    assert get(page).status_code == 401


def test_a_run_without_a_plan_says_so_and_quotes_nothing_as_html(airflow: Airflow) -> None:
    answer = get(f"/plans/{DAG}/%3Cscript%3E")
    assert answer.status_code == 404
    assert "&lt;script&gt;" in answer.text
    assert "<script>" not in answer.text


def test_a_page_that_is_gone(airflow: Airflow) -> None:
    airflow.told[DAG, RUN, "plan", "plan_page"]["uri"] = str(URI / "gone")
    assert get(PLAN).status_code == 404


def test_s3_that_does_not_answer(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_uri: S3Uri) -> bytes:
        raise UnavailableError("read an object", resource=str(URI), came_back="HTTP 503", remedy="wait")

    monkeypatch.setattr(airflow.store, "get", fail)
    answer = get(PLAN)
    assert answer.status_code == 502
    assert "read an object" in answer.text


def test_the_state_of_a_run_is_shown_as_the_verdict_told_it(airflow: Airflow) -> None:
    airflow.told[DAG, RUN, "verdict", "night_state"] = "WHAT stopped  reindex[0]\nWHY  <b>'Ann'</b>"
    answer = get(STATE)
    assert answer.status_code == 200
    assert "<div>WHAT stopped  reindex[0]</div><div>WHY  &lt;b&gt;" in answer.text
    assert "<b>" not in answer.text


def test_a_run_that_has_not_failed_says_how_to_ask(airflow: Airflow) -> None:
    answer = get(STATE)
    assert answer.status_code == 404
    assert f"druid-reindex status {RUN} --dag-id {DAG}" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_there_are_no_other_pages(path: str, airflow: Airflow) -> None:
    assert get(path).status_code == 404
