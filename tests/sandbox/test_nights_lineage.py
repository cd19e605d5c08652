"""What the sandbox's nights have told of their lineage, in the file that its Airflow writes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from druid_reindex.sandbox import airflow
from lineage_graph import broken_runs, by_run, names, parent, parts, unknown_columns
from openlineage_spec import problems
from real_sandbox import VITALS, Sandbox

pytestmark = pytest.mark.sandbox

Event = dict[str, Any]


@pytest.fixture(scope="module")
def events(sandbox: Sandbox) -> list[Event]:
    """All events, of the nights that other tests have run; of one more where there was none."""
    if not [each for each in sandbox.ended if each[0] == VITALS]:
        sandbox.night(VITALS)
    return [json.loads(line) for line in airflow.lineage_file(sandbox.home).read_text().splitlines()]


def of_nights(events: list[Event], run_ids: set[str]) -> list[Event]:
    """The events of these DagRuns and of their tasks; each run's first event says of which DagRun it is."""
    return [each for told in by_run(events).values() if _dag_run(told[0]) in run_ids for each in told]


def _dag_run(event: Event) -> str:
    facets = event["run"]["facets"]
    return str(facets.get("airflow", facets.get("airflowDagRun", {})).get("dagRun", {}).get("run_id"))


def test_each_event_is_one_by_the_specification_and_by_our_own_schemas(events: list[Event]) -> None:
    assert not [f"{event['job']['name']}: {found}" for event in events for found in problems(event)]
    assert {event["job"]["namespace"] for event in events} == {airflow.LINEAGE_NAMESPACE}
    assert not [found for event in events for found in unknown_columns(event)]


def test_each_run_is_below_one_that_was_told_too(events: list[Event]) -> None:
    """Tasks below their DagRun, and what CloudTrail has of a night below the night."""
    runs = by_run(events)
    below = [event for event in events if parent(event) is not None]
    assert f"nightly_reindex__{VITALS}.reindex" in {event["job"]["name"] for event in below}
    assert not {event["job"]["name"] for event in below if parent(event) not in runs}


def test_a_green_night_is_whole(sandbox: Sandbox, events: list[Event]) -> None:
    green = {run_id for _, run_id, state in sandbox.ended if state == "success"}
    told = of_nights(events, green)
    nights = {event["run"]["runId"] for event in told if "parent" not in event["run"]["facets"]}
    assert len(nights) == len(green) > 0
    assert not broken_runs(told)


def test_all_nights_of_a_datasource_are_one_graph(sandbox: Sandbox, events: list[Event]) -> None:
    for datasource in {each for each, _, _ in sandbox.ended}:
        run_ids = {run_id for name, run_id, _ in sandbox.ended if name == datasource}
        assert parts(of_nights(events, run_ids)) == 1, datasource


def test_what_was_rebuilt_is_told_of_the_datasource_at_its_druid(sandbox: Sandbox, events: list[Event]) -> None:
    written = [
        output
        for event in events
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == f"nightly_reindex__{VITALS}.reindex"
        for output in event["outputs"]
    ]
    assert names(written) == {(f"druid://{urlsplit(sandbox.endpoints.druid).netloc}", VITALS)}
    told = [each["facets"]["druid_reindex_segments"] for each in written]
    assert all(facet["action"] == "rebuilt" and facet["versions"] for facet in told)
