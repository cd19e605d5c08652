"""The list of runs that left evidence: whose it shows, and that it tells what the packs say now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.core_api import security
from airflow.sdk.exceptions import AirflowNotFoundException

import packs
from druid_reindex.errors import UnavailableError
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, Pack
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections
from druid_reindex.operators.plugin import LazyPages, evidence_list, pages
from told_nights import FOREIGN, confirmed, night
from twins import FakeLockedStore, FakeSigner

DAG, OTHER, RUN = "nightly_reindex__patient_vitals", "nightly_reindex__claims", "manual__2026-10-06T00:00:00+00:00"
FOLDER = S3Uri("drx-evidence-111122223333", f"phi/packs/patient_vitals/{packs.RUN}")
PLACE = {"uri": str(FOLDER), "aws_conn_id": "aws_phi", "region": "us-east-1"}


@dataclass
class CountingStore(FakeLockedStore):
    """A store that counts what is read of it."""

    read: int = 0

    def get(self, uri: S3Uri) -> bytes:
        self.read += 1
        return super().get(uri)


@dataclass
class Airflow:
    """What the list sees of Airflow: the user's rights, the tasks' XComs, S3."""

    allowed: set[str] = field(default_factory=lambda: {DAG})
    runs: list[tuple[str, str, dict[str, Any]]] = field(default_factory=lambda: [(DAG, RUN, PLACE)])
    store: CountingStore = field(default_factory=CountingStore)

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: Any) -> bool:  # noqa: ARG002
        return method == "GET" and access_entity.value == "RUN" and details.id in self.allowed

    def get_authorized_dag_ids(self, *, user: Any, method: str) -> set[str]:  # noqa: ARG002
        return {DAG, OTHER}

    def places(self, dag_ids: Any, page: int) -> list[tuple[str, str, dict[str, Any]]]:
        first = evidence_list.RUNS_A_PAGE * (page - 1)
        return [each for each in self.runs if each[0] in dag_ids][first : first + evidence_list.RUNS_A_PAGE + 1]

    def keep(self, found: Sequence[Pack]) -> None:
        for pack in found:
            for suffix, body in ((LINES, pack.lines), (ENVELOPE, pack.envelope), (KEY, FakeSigner().public_key().pem)):
                self.store.put(FOLDER / f"{pack.title.stem}{suffix}", body, kms_key_arn="arn:k")


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    world = Airflow()
    world.keep(night())
    evidence_list._briefs.cache_clear()
    monkeypatch.setattr(evidence_list, "get_auth_manager", lambda: world)
    monkeypatch.setattr(evidence_list, "DagModel", SimpleNamespace(get_team_name=lambda _dag_id: None))
    monkeypatch.setattr(evidence_list, "stored_places", world.places)
    monkeypatch.setattr(connections, "locked_store", lambda _conn_id, _region: world.store)
    pages.application().dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: "ada")
    yield world
    pages.application().dependency_overrides.clear()


def get(path: str = "/evidence") -> Any:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=LazyPages())
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_a_run_with_its_state_its_findings_what_is_to_come_and_its_pages(airflow: Airflow) -> None:
    answer = get()
    assert answer.status_code == 200
    own = f"evidence/{DAG}/manual__2026-10-06T00%3A00%3A00%2B00%3A00"
    for end in ("", "#findings-first", "/verify", "/report.pdf", "/tables.zip"):
        assert f'href="{own}{end}"' in answer.text
    assert "! amber" in answer.text
    assert "4 amber" in answer.text
    assert "journal, matches, findings, witnesses" in answer.text
    assert "trail: emulated" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_it_tells_what_a_supplement_says_as_soon_as_it_is_there(airflow: Airflow) -> None:
    assert "journal, matches, findings, witnesses" in get().text
    airflow.keep(night(supplement=confirmed(FOREIGN)))
    answer = get().text
    assert "1 amber" in answer
    assert "journal, matches" not in answer


def test_what_has_not_changed_is_not_read_again(airflow: Airflow) -> None:
    first, again = get().text, airflow.store.read
    assert again > 0
    assert get().text == first
    assert airflow.store.read == again


def test_packs_that_were_changed_are_red_in_the_list_already(airflow: Airflow) -> None:
    get()
    uri = FOLDER / "0000.jsonl"
    airflow.store.put(uri, airflow.store.get(uri).replace(b"BAA", b"XXX"), kms_key_arn="arn:k")
    assert "✗ red" in get().text
    airflow.runs = [(DAG, RUN, PLACE | {"trail": "emulated"})]
    assert "trail: emulated" in get().text


def test_a_run_of_a_dag_that_the_user_may_not_read_is_not_there(airflow: Airflow) -> None:
    airflow.runs.append((OTHER, "scheduled__1", PLACE))
    assert OTHER not in get().text
    airflow.allowed = {OTHER}
    answer = get().text
    assert DAG not in answer
    assert OTHER in answer


def test_nobody_is_shown_anything_without_signing_in(airflow: Airflow) -> None:
    pages.application().dependency_overrides.clear()
    assert get().status_code == 401


def test_a_run_whose_packs_are_gone_or_not_given_says_so_and_the_others_are_shown(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow.runs.append((DAG, "manual__2", PLACE | {"uri": str(FOLDER / "gone")}))
    answer = get().text
    assert "could not be read" in answer
    assert "4 amber" in answer

    def refuse(_prefix: S3Uri) -> list[Any]:
        raise UnavailableError("list objects", resource="s3://x", came_back="HTTP 503", remedy="wait")

    monkeypatch.setattr(airflow.store, "listing", refuse)
    assert get().text.count("HTTP 503") == 2


def test_one_sides_connection_that_is_gone_does_not_hide_the_others_runs(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(conn_id: str, _region: str) -> FakeLockedStore:
        if conn_id == "aws_gone":
            raise AirflowNotFoundException("The conn_id `aws_gone` isn't defined")
        return airflow.store

    monkeypatch.setattr(connections, "locked_store", connected)
    airflow.runs.append((DAG, "manual__2", PLACE | {"aws_conn_id": "aws_gone"}))
    answer = get().text
    assert "aws_gone" in answer
    assert "4 amber" in answer


def test_what_airflow_says_is_escaped(airflow: Airflow) -> None:
    airflow.runs.append((DAG, "<script>", PLACE))
    assert "<script>" not in get().text


def test_older_runs_are_on_further_pages(airflow: Airflow) -> None:
    airflow.runs = [(DAG, f"manual__{number:03}", PLACE) for number in range(60)]
    first, last = get().text, get("/evidence?page=3").text
    assert "Runs 1 to 25" in first
    assert "?page=2" in first
    assert "Newer" not in first
    assert "Runs 51 to 60" in last
    assert "Older" not in last
    assert "manual__059" in last
    assert get("/evidence?page=0").status_code == 422


def test_an_empty_list_says_so(airflow: Airflow) -> None:
    airflow.runs = []
    assert "None yet" in get().text


def test_only_so_many_runs_are_remembered(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_list, "_MOST_REMEMBERED", 1)
    second = S3Uri(FOLDER.bucket, "phi/packs/claims/" + packs.OTHER_RUN)
    for uri, (body, _) in list(airflow.store.objects.items()):
        airflow.store.put(second / uri.key.rpartition("/")[2], body, kms_key_arn="arn:k")
    airflow.runs.append((DAG, "manual__2", PLACE | {"uri": str(second)}))
    get()
    read = airflow.store.read
    get()
    assert airflow.store.read > read
