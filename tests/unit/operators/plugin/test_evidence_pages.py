"""The pages of evidence: who sees them, what they tell, and that reading is written down first."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.core_api import security
from pypdf import PdfReader

import packs
from druid_reindex.errors import UnavailableError
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.plugin import LazyPages, evidence_pages, pages
from told_nights import FOREIGN, confirmed, night
from twins import FakeLockedStore, FakeSigner

DAG, OTHER, RUN = "nightly_reindex__patient_vitals", "nightly_reindex__claims", "manual__2026-10-06T00:00:00+00:00"
FOLDER = S3Uri("drx-evidence-111122223333", f"phi/packs/patient_vitals/{packs.RUN}")
REPORT = f"/evidence/{DAG}/{RUN}"
KINDS = ["", "/report.pdf", "/tables.zip"]


@dataclass
class Airflow:
    """What the pages see of Airflow: the user's rights, the task's XComs, S3."""

    allowed: set[str] = field(default_factory=lambda: {DAG})
    told: dict[tuple[str, ...], Any] = field(default_factory=dict)
    store: FakeLockedStore = field(default_factory=FakeLockedStore)
    runs: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: Any) -> bool:  # noqa: ARG002
        return method == "GET" and access_entity.value == "RUN" and details.id in self.allowed

    def get_authorized_dag_ids(self, *, user: Any, method: str) -> set[str]:  # noqa: ARG002
        return {DAG, OTHER}

    def packs_of(self, dag_ids: Any) -> list[tuple[str, str, dict[str, Any]]]:
        return [each for each in self.runs if each[0] in dag_ids]

    def readings(self) -> list[dict[str, Any]]:
        return [json.loads(body) for uri, (body, _) in sorted(self.store.objects.items()) if "/access/" in uri.key]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    world = Airflow()
    world.told[DAG, RUN, "evidence", "evidence_place"] = {
        "uri": str(FOLDER), "aws_conn_id": "aws_phi", "region": "us-east-1",
    }  # fmt: skip
    for pack in night(supplement=confirmed(FOREIGN)):
        for suffix, body in ((LINES, pack.lines), (ENVELOPE, pack.envelope), (KEY, FakeSigner().public_key().pem)):
            world.store.put(FOLDER / f"{pack.title.stem}{suffix}", body, kms_key_arn="arn:k")
    monkeypatch.setattr(security, "get_auth_manager", lambda: world)
    monkeypatch.setattr(evidence_pages, "get_auth_manager", lambda: world)
    no_team = SimpleNamespace(get_team_name=lambda _dag_id: None)
    monkeypatch.setattr(security, "DagModel", no_team)
    monkeypatch.setattr(evidence_pages, "DagModel", no_team)
    monkeypatch.setattr(evidence_pages, "stored_packs", world.packs_of)
    monkeypatch.setattr(pages, "told", lambda *where: world.told.get(where))
    monkeypatch.setattr(connections, "locked_store", lambda _conn_id, _region: world.store)
    pages.application().dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: "ada")
    yield world
    pages.application().dependency_overrides.clear()


def get(path: str) -> Any:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=LazyPages())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_runs_report_without_scripts_and_who_read_it(airflow: Airflow) -> None:
    answer = get(REPORT)
    assert answer.status_code == 200
    assert "What this report cannot see" in answer.text
    assert "analytics/jo" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    (reading,) = airflow.readings()
    assert (reading["by"], reading["identity"], reading["how"]) == ("ada", "Airflow", "page in Airflow")
    assert len(reading["packs"]) == 2


def test_the_document_and_the_tables(airflow: Airflow) -> None:
    document = get(f"{REPORT}/report.pdf")
    assert "trail: emulated" in PdfReader(io.BytesIO(document.content)).pages[0].extract_text()
    tables = get(f"{REPORT}/tables.zip")
    assert "unexplained.csv" in zipfile.ZipFile(io.BytesIO(tables.content)).namelist()
    assert tables.headers["content-disposition"].startswith("attachment")
    assert [each["how"] for each in airflow.readings()] == ["PDF in Airflow", "tables in Airflow"]


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_not_read_the_dags_runs_sees_nothing_and_is_not_written_down(kind: str, airflow: Airflow) -> None:
    airflow.allowed = {OTHER}
    answer = get(REPORT + kind)
    assert answer.status_code == 403
    assert "patient" not in answer.text
    assert airflow.readings() == []


@pytest.mark.parametrize("path", ["/evidence", *(REPORT + kind for kind in KINDS)])
def test_nobody_is_shown_anything_without_signing_in(path: str, airflow: Airflow) -> None:
    pages.application().dependency_overrides.clear()
    assert get(path).status_code == 401


def test_nothing_is_shown_where_the_reading_cannot_be_written_down(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_named: Any) -> str:
        raise UnavailableError("write an object", resource="s3://x", came_back="HTTP 503", remedy="wait")

    monkeypatch.setattr(airflow.store, "put_if", refuse)
    answer = get(REPORT)
    assert answer.status_code == 502
    assert "analytics/jo" not in answer.text


def test_a_run_without_a_pack_and_one_whose_packs_are_gone(airflow: Airflow) -> None:
    answer = get(f"/evidence/{DAG}/%3Cscript%3E")
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    airflow.store.objects.clear()
    assert get(REPORT).status_code == 404


def test_changed_packs_are_shown_as_such(airflow: Airflow) -> None:
    uri = FOLDER / "0000.jsonl"
    airflow.store.put(uri, airflow.store.get(uri).replace(b"BAA", b"XXX"), kms_key_arn="arn:k")
    answer = get(REPORT)
    assert "✗ red" in answer.text
    assert "The evidence was changed" in answer.text


def test_the_list_has_the_runs_that_the_user_may_read(airflow: Airflow) -> None:
    told = {"pending": ["matches"], "unread": [], "findings": {"red": 0, "amber": 3, "green": 0}}
    airflow.runs = [(DAG, RUN, told), (OTHER, "scheduled__1", told), (DAG, "<script>", {})]
    answer = get("/evidence")
    assert answer.status_code == 200
    assert f'href="evidence/{DAG}/manual__2026-10-06T00%3A00%3A00%2B00%3A00"' in answer.text
    assert "3 amber" in answer.text
    assert "matches" in answer.text
    assert OTHER not in answer.text
    assert "<script>" not in answer.text
    assert airflow.readings() == []


def test_an_empty_list_says_so(airflow: Airflow) -> None:
    assert "None yet" in get("/evidence").text
