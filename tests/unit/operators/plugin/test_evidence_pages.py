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
from airflow.sdk.exceptions import AirflowNotFoundException
from pypdf import PdfReader

import packs
from druid_reindex.errors import UnavailableError
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.links import DATASETS_KEY
from druid_reindex.operators.plugin import LazyPages, evidence_pages, pages
from told_nights import FOREIGN, confirmed, night
from twins import FakeLockedStore, FakeSigner

DAG, OTHER, RUN = "nightly_reindex__patient_vitals", "nightly_reindex__claims", "manual__2026-10-06T00:00:00+00:00"
FOLDER = S3Uri("drx-evidence-111122223333", f"phi/packs/patient_vitals/{packs.RUN}")
REPORT = f"/evidence/{DAG}/{RUN}"
TASK = f"{REPORT}/tasks/reindex/0"
KINDS = ["", "/report.pdf", "/tables.zip", "/verify", "/tasks/reindex/0"]
SIGNING_KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"


@dataclass
class Airflow:
    """What the pages see of Airflow: the user's rights, the task's XComs, S3."""

    allowed: set[str] = field(default_factory=lambda: {DAG})
    told: dict[tuple[str, ...], Any] = field(default_factory=dict)
    store: FakeLockedStore = field(default_factory=FakeLockedStore)
    kms: dict[str, FakeSigner] = field(default_factory=lambda: {SIGNING_KEY: FakeSigner()})

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: Any) -> bool:  # noqa: ARG002
        return method == "GET" and access_entity.value == "RUN" and details.id in self.allowed

    def readings(self) -> list[dict[str, Any]]:
        return [json.loads(body) for uri, (body, _) in sorted(self.store.objects.items()) if "/access/" in uri.key]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    world = Airflow()
    world.told[DAG, RUN, "evidence", "evidence_place"] = {
        "uri": str(FOLDER), "aws_conn_id": "aws_phi", "region": "us-east-1", "signing_key_arn": SIGNING_KEY,
    }  # fmt: skip
    for pack in night(supplement=confirmed(FOREIGN)):
        for suffix, body in ((LINES, pack.lines), (ENVELOPE, pack.envelope), (KEY, FakeSigner().public_key().pem)):
            world.store.put(FOLDER / f"{pack.title.stem}{suffix}", body, kms_key_arn="arn:k")
    monkeypatch.setattr(security, "get_auth_manager", lambda: world)
    monkeypatch.setattr(security, "DagModel", SimpleNamespace(get_team_name=lambda _dag_id: None))
    monkeypatch.setattr(pages, "told", lambda *where, map_index=None: world.told.get(where))
    monkeypatch.setattr(connections, "signer", lambda _conn_id, _region, arn: world.kms[arn])
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


@pytest.mark.parametrize("path", [REPORT + kind for kind in KINDS])
def test_nobody_is_shown_anything_without_signing_in(path: str, airflow: Airflow) -> None:
    pages.application().dependency_overrides.clear()
    assert get(path).status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_shown_where_the_reading_cannot_be_written_down(
    kind: str, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_named: Any) -> str:
        raise UnavailableError("write an object", resource="s3://x", came_back="HTTP 503", remedy="wait")

    monkeypatch.setattr(airflow.store, "put_if", refuse)
    answer = get(REPORT + kind)
    assert answer.status_code == 502
    assert b"analytics/jo" not in answer.content


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


def test_each_page_leads_to_the_runs_others_below_airflows_own_path(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_pages, "airflow_path", lambda: "/airflow")
    own = f"/airflow/druid-reindex/evidence/{DAG}/manual__2026-10-06T00%3A00%3A00%2B00%3A00"
    for path in (REPORT, f"{REPORT}/verify", TASK):
        answer = get(path).text
        for end in ("", "/verify", "/report.pdf", "/tables.zip"):
            assert f'href="{own}{end}"' in answer
        assert 'href="/airflow/druid-reindex/evidence"' in answer


def test_packs_are_verified_with_the_key_that_kms_has_and_that_is_written_down(airflow: Airflow) -> None:
    answer = get(f"{REPORT}/verify")
    assert answer.status_code == 200
    assert "✓ green" in answer.text
    assert "the key that KMS has for this deployment today" in answer.text
    assert [each["how"] for each in airflow.readings()] == ["verified in Airflow"]


def test_a_changed_pack_is_named_by_its_first_changed_field(airflow: Airflow) -> None:
    uri = FOLDER / "0000.jsonl"
    airflow.store.put(uri, airflow.store.get(uri).replace(b"BAA", b"XXX"), kms_key_arn="arn:k")
    answer = get(f"{REPORT}/verify")
    assert "✗ red" in answer.text
    assert "field body.reference" in answer.text


def test_packs_are_not_green_where_kms_is_not_asked_or_has_another_key(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any) -> FakeSigner:
        raise UnavailableError("read a public key", resource=SIGNING_KEY, came_back="HTTP 503", remedy="wait")

    place = airflow.told[DAG, RUN, "evidence", "evidence_place"]
    monkeypatch.setattr(connections, "signer", refuse)
    assert "! amber" in (unread := get(f"{REPORT}/verify").text)
    assert "HTTP 503" in unread
    del place["signing_key_arn"]
    assert "has not told which key it is" in get(f"{REPORT}/verify").text


def test_a_tasks_page_has_what_it_told_of_its_datasets_and_what_the_packs_say_of_its_calls(airflow: Airflow) -> None:
    airflow.told[DAG, RUN, "reindex", DATASETS_KEY] = {"reads": [["s3://bucket", "unload/a"]], "writes": []}
    answer = get(TASK)
    assert answer.status_code == 200
    assert "Task reindex[0]" in answer.text
    assert "unload/a" in answer.text
    assert 'id="lineage-of-task"' in answer.text
    assert 'id="calls-of-task"' in answer.text
    assert [each["how"] for each in airflow.readings()] == ["task reindex[0] in Airflow"]


@pytest.mark.parametrize("told", ["text", 3, [["a", "b"]], {"reads": [["a"], "ab", None], "writes": None}])
def test_what_another_kind_of_task_has_told_by_that_name_is_no_dataset(told: Any, airflow: Airflow) -> None:
    airflow.told[DAG, RUN, "plan", DATASETS_KEY] = told
    answer = get(f"{REPORT}/tasks/plan/-1")
    assert answer.status_code == 200
    assert "moves no data" in answer.text


def test_the_mark_of_an_emulated_trail_stays_where_the_pack_that_tells_of_it_was_changed(airflow: Airflow) -> None:
    airflow.told[DAG, RUN, "evidence", "evidence_place"]["trail"] = "emulated"
    uri = FOLDER / "0000.jsonl"
    airflow.store.put(uri, airflow.store.get(uri).replace(b"BAA", b"XXX"), kms_key_arn="arn:k")
    for path in (REPORT, f"{REPORT}/verify", TASK):
        assert '<p class="mark">trail: emulated</p>' in get(path).text


def test_a_tasks_page_before_its_run_has_left_a_pack(airflow: Airflow) -> None:
    airflow.told.clear()
    answer = get(TASK)
    assert answer.status_code == 200
    assert "left no pack yet" in answer.text
    assert airflow.readings() == []


def test_a_connection_that_is_gone_is_told(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_conn_id: str, _region: str) -> FakeLockedStore:
        raise AirflowNotFoundException("The conn_id `aws_phi` isn't defined")

    monkeypatch.setattr(connections, "locked_store", missing)
    answer = get(REPORT)
    assert answer.status_code == 502
    assert "aws_phi" in answer.text


@pytest.mark.parametrize("index", ["x", "0/more"])
def test_a_map_index_that_is_none(index: str, airflow: Airflow) -> None:
    assert get(f"{REPORT}/tasks/reindex/{index}").status_code in {404, 422}
