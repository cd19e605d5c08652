"""What a person does in Airflow's UI: tests a connection, looks at a plan, starts nights, reads what went wrong."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import boto3
import pytest

from airflow_ui import AirflowUi
from druid_reindex.model.pipeline import Classification
from druid_reindex.sandbox.druid_security import api_config
from real_sandbox import BROKEN_PROFILE, STEPS, VITALS, Sandbox

pytestmark = pytest.mark.sandbox

DAY, TWO_DAYS = "2026-09-01/2026-09-02", "2026-09-01/2026-09-03"
BACKFILL = ("2026/09/10", "2026/09/12")
BACKFILL_SECONDS = 1500.0


def dag(datasource: str) -> str:
    return f"nightly_reindex__{datasource}"


def clusters() -> int:
    return len(boto3.client("emr").list_clusters()["Clusters"])


def versions(sandbox: Sandbox, datasource: str) -> dict[str, str]:
    """The version that serves each day."""
    rows = sandbox.druid.query(
        'SELECT DISTINCT "start", "version" FROM sys.segments '
        "WHERE datasource = ? AND is_active = 1 AND is_overshadowed = 0",
        [{"type": "VARCHAR", "value": datasource}],
    )
    found = sorted((str(row["start"])[:10], str(row["version"])) for row in rows)
    return dict(found)


@pytest.fixture(scope="module")
def failed(sandbox: Sandbox) -> str:
    """A night that failed: another test's, or one of its own."""
    ended = (run_id for datasource, run_id, state in sandbox.ended if (datasource, state) == (VITALS, "failed"))
    return next(ended, "") or sandbox.run(VITALS, interval=DAY, force=True, profile=BROKEN_PROFILE)[0]


@pytest.fixture(scope="module")
def served(sandbox: Sandbox, failed: str) -> dict[str, str]:
    """What served each day before the backfill: rebuilt, so that a night on schedule beside it has nothing to do."""
    sandbox.night(VITALS)
    return versions(sandbox, VITALS)


@pytest.fixture(scope="module")
def backfilled(served: dict[str, str], signed_in: object, sandbox: Sandbox, pictures: object) -> float:
    """When the backfill was started, by the form."""
    page = signed_in.new_page()  # type: ignore[attr-defined]
    AirflowUi(page, sandbox.endpoints.airflow or "", pictures).backfill(  # type: ignore[arg-type]
        dag(VITALS), *BACKFILL, "backfill-form", reason="three days were delivered late"
    )
    page.close()
    return time.monotonic()


def test_a_connection_is_made_by_the_form_and_its_test_tells_who_answers(ui: AirflowUi, sandbox: Sandbox) -> None:
    broker = urlsplit(sandbox.endpoints.druid)
    druid = api_config(sandbox.home, sandbox.endpoints, Classification.PHI)
    standard = {
        "host": broker.hostname or "", "port": str(broker.port), "schema": broker.scheme,
        "login": druid.user, "password": druid.password,
    }  # fmt: skip
    servers = {
        "overlord_url": druid.overlord_url, "coordinator_url": druid.coordinator_url, "ca_file": str(druid.ca_file),
    }  # fmt: skip
    with ui.connection("druid_by_hand", "Druid (reindex)", standard, servers):
        said = ui.test_connection("druid_by_hand")
    assert "Test Connection Successful" in said
    assert "Druid answers: Overlord 25.0.0, Coordinator 25.0.0, Broker 25.0.0" in said
    assert f"User: {druid.user}. TLS, checked against {druid.ca_file}" in said


def test_a_wrong_connection_says_what_is_wrong(ui: AirflowUi, sandbox: Sandbox) -> None:
    nobody = {"host": "127.0.0.1", "port": "9", "schema": "http"}
    druid = api_config(sandbox.home, sandbox.endpoints, Classification.PHI)
    nobody |= {"login": druid.user, "password": druid.password}
    overlord = {"overlord_url": druid.overlord_url, "ca_file": str(druid.ca_file)}
    with ui.connection("druid_nobody", "Druid (reindex)", nobody, overlord):
        said = ui.test_connection("druid_nobody")
    assert "Test Connection Failed" in said
    assert "ask the Coordinator for its release on http://127.0.0.1:9/status" in said


def test_a_dry_run_shows_its_plan_and_launches_nothing(ui: AirflowUi, sandbox: Sandbox) -> None:
    before = clusters()
    run_id = ui.trigger(
        dag(STEPS), "dry-run-form", reason="what would two days cost", interval=TWO_DAYS, force=True, dry_run=True
    )
    assert ui.end_of_run(dag(STEPS), run_id) == "Success"
    plan = ui.tab("Plan")
    ui.picture("dry-run-plan")
    assert "dry run: 2 time chunks considered between 2026-09-01 and 2026-09-03" in plan
    assert "what would two days cost" in plan
    assert "Estimated cost in US dollars" in plan
    assert "2026-09-02T00:00:00.000Z/2026-09-03T00:00:00.000Z" in plan
    assert clusters() == before


@pytest.mark.soak
def test_the_form_starts_a_night(ui: AirflowUi, sandbox: Sandbox) -> None:
    before = versions(sandbox, STEPS)
    run_id = ui.trigger(dag(STEPS), "manual-form", reason="a day was delivered late", interval=DAY, force=True)
    ui.picture("manual-started")
    assert ui.end_of_run(dag(STEPS), run_id) == "Success"
    ui.picture("manual-run")
    after = versions(sandbox, STEPS)
    assert [day for day in before if after[day] != before[day]] == ["2026-09-01"]


def test_a_failed_night_shows_its_state_and_its_links(ui: AirflowUi, failed: str) -> None:
    assert ui.end_of_run(dag(VITALS), failed) == "Failed"
    ui.picture("failed-run")
    state = ui.tab("State")
    ui.picture("failed-state")
    assert "reindex[0]" in state
    for title in ("WHAT stopped", "WHY", "SERVING", "RUNNING", "SUSPENDED", "SAFE NEXT", "DEADLINE"):
        assert title in state
    ui.open_run(dag(VITALS), failed, "tasks", "reindex", "mapped", "0")
    links = ui.links()
    ui.picture("failed-links")
    assert "#/clusterDetails/j-" in links["EMR cluster"]
    assert "/s3/object/drx-phi-111122223333" in links["Job log in S3"]
    ui.open_run(dag(VITALS), failed, "tasks", "plan")
    assert ui.links()["Plan"].endswith("/plugin/druid-reindex-plan")


@pytest.mark.soak
def test_a_backfill_of_three_days_rebuilds_them(
    ui: AirflowUi, sandbox: Sandbox, served: dict[str, str], backfilled: float
) -> None:
    ui.page.goto(f"{ui.url}/dags/{dag(VITALS)}/backfills")
    ui.picture("backfill-started")
    while any(run.run_id.startswith("backfill__") for run in sandbox.api.live_runs(dag(VITALS))):
        assert time.monotonic() - backfilled < BACKFILL_SECONDS
        time.sleep(1.0)
    ui.page.goto(f"{ui.url}/dags/{dag(VITALS)}/runs")
    rows = ui.page.get_by_role("row").filter(has_text="backfill__")
    rows.first.wait_for()
    ui.picture("backfill-runs")
    assert rows.count() == 3
    assert rows.filter(has_text="Success").count() == 3
    after = versions(sandbox, VITALS)
    # A local day of the pipeline lies in two of Druid's days, which are UTC's.
    assert [day for day in sorted(served) if after[day] != served[day]] == [f"2026-09-{day}" for day in range(10, 14)]
