"""`druid-reindex lease`: who holds a datasource, and taking it away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DAG, DESK, PLACES, RUN, Outside
from druid_reindex.cli import status
from druid_reindex.cli.main import app
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.errors import FencedOutError
from druid_reindex.model.identity import RunId
from druid_reindex.plan.lease import TTL, Claim

NAME = "patient_vitals"
OWNER = RunId.of(DESK.boundaries.deployment_id, dag_id=DAG, run_id=RUN)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    return Outside().connect(monkeypatch, status)


def keeper(outside: Outside, *, hours_ago: float = 0) -> LeaseKeeper:
    claim = Claim(NAME, OWNER, DESK.boundaries.deployment_id)
    return LeaseKeeper(
        outside.store, DESK.boundaries.phi, claim, lambda: datetime.now(UTC) - timedelta(hours=hours_ago)
    )


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["lease", *arguments, *PLACES])


def test_nobody_ever_held_it(outside: Outside) -> None:
    assert invoke("show", NAME).stdout == "free: no run has ever held it\n"
    assert json.loads(invoke("show", NAME, "--json").stdout) is None


def test_the_owner_since_and_until(outside: Outside) -> None:
    held = keeper(outside).hold()
    lines = invoke("show", NAME).stdout.splitlines()
    assert lines[0].startswith("held, free at ")
    assert lines[0].endswith(f"DAG {DAG}, run {RUN} (deployment {DESK.boundaries.deployment_id})")
    assert [line.split()[0] for line in lines[1:]] == ["since", "until", "fence"]
    document = json.loads(invoke("show", NAME, "--json").stdout)
    assert datetime.fromisoformat(document["until"]) - datetime.fromisoformat(document["since"]) == TTL
    assert document["owner"] == held.owner


def test_a_lease_that_was_given_back_or_ended_is_free(outside: Outside) -> None:
    keeper(outside, hours_ago=2).hold()
    assert invoke("show", NAME).stdout.startswith("free for the next run, not given back by: DAG")
    keeper(outside).release()
    assert invoke("show", NAME).stdout.startswith("free, given back at ")


def test_breaking_stops_the_owner_and_says_from_when_it_is_free(outside: Outside) -> None:
    owner = keeper(outside)
    owner.hold()
    told = invoke("break", NAME, "--reason", "its host is gone")
    assert told.exit_code == 0
    assert "another run may take it from" in told.stdout
    with pytest.raises(FencedOutError, match="its host is gone"):
        owner.require()
    shown = invoke("show", NAME).stdout
    assert shown.startswith("broken, free at ")
    assert "its host is gone" in shown


def test_breaking_needs_a_reason_and_the_owner_that_was_seen(outside: Outside) -> None:
    keeper(outside).hold()
    assert invoke("break", NAME).exit_code == 2
    refused = invoke("break", NAME, "--reason", "old", "--owner", "another")
    assert (refused.exit_code, "name the owner there is" in refused.output) == (1, True)
    lease = LeaseShelf(outside.store, DESK.boundaries.phi, NAME).read()
    assert lease is not None
    assert lease.broken is None
    assert invoke("break", NAME, "--reason", "old", "--owner", RUN).exit_code == 0


def test_nothing_to_break_is_an_error(outside: Outside) -> None:
    refused = invoke("break", NAME, "--reason", "to be sure")
    assert refused.exit_code == 1
    assert "free: no run has ever held it" in " ".join(refused.output.split())
