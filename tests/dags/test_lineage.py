"""The lineage that whole nights send through Airflow's own provider: each event by the specification, all one graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lineage_graph import ENDS, broken_runs, by_run, flows, names, parent, parts, reached, unknown_columns
from openlineage_spec import problems
from own_airflow import told_by

CANARY = "Maria-Magdalena-Quendolin"
DRUID = ("druid://druid.example.org:9088", "patient_vitals")
CONNECTION = {"conn_type": "druid_reindex_druid", "host": "druid.example.org", "port": 9088, "schema": "https"}
Told = dict[str, Any]


def switched_on(home: Path) -> dict[str, str]:
    """OpenLineage with a file as its transport."""
    file = home / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    return {
        "LINEAGE_FILE": str(file),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW_CONN_DRUID_PHI": json.dumps(CONNECTION),
    }


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What the nights of ``run_lineage.py`` were and sent."""
    home = tmp_path_factory.mktemp("lineage")
    found: Told = told_by("run_lineage.py", home, switched_on(home))
    return found


def of_night(sent: Told, night: str) -> list[Told]:
    """The night's events, its DagRun's first."""
    date = sent["nights"][night]["logical_date"]
    runs = [events for events in by_run(sent["events"]).values() if date in json.dumps(events[0]["run"]["facets"])]
    found = [event for events in runs for event in events]
    return sorted(found, key=lambda event: (event["run"]["facets"].get("parent") is not None, event["eventTime"]))


def ended(sent: Told, night: str, task: str) -> Told:
    """The last event of a task."""
    found = [event for event in of_night(sent, night) if event["job"]["name"].endswith(f".{task}")]
    return found[-1]


def test_every_event_is_one_by_the_specification_and_by_our_own_schemas(sent: Told) -> None:
    assert len(sent["events"]) > 100
    assert not [f"{event['job']['name']}: {found}" for event in sent["events"] for found in problems(event)]


def test_nights_end_as_they_should_with_lineage_switched_on(sent: Told) -> None:
    states = {name: night["state"] for name, night in sent["nights"].items()}
    assert states == {
        "green": "success", "empty": "success", "red": "failed", "rolled_back": "failed", "backfilled": "success",
        "moved": "success",
    }  # fmt: skip


def test_each_run_begins_and_ends_once_below_its_night(sent: Told) -> None:
    assert not broken_runs(sent["events"])
    for night, told in sent["nights"].items():
        events = of_night(sent, night)
        tasks = {event["job"]["name"].partition(".")[2] for event in events}
        ran = {task for task, state in told["tasks"].items() if state != "skipped"}
        assert {"", *ran} <= tasks <= {"", *told["tasks"]}
        assert len({event["run"]["runId"] for event in events}) == len(tasks)


def test_all_nights_are_one_graph_which_the_datasource_holds_together(sent: Told) -> None:
    assert parts(sent["events"]) == 1
    apart = [{**event, "inputs": [], "outputs": []} for event in sent["events"]]
    assert parts(apart) == len(sent["nights"]) + sum(map(len, sent["looks"].values())) + 1, "and what was retired"


def test_each_column_is_one_of_a_schema_and_no_name_is_hidden(sent: Told) -> None:
    assert not [found for event in sent["events"] for found in unknown_columns(event)]
    assert "***" not in json.dumps(sent["events"])
    (output,) = ended(sent, "green", "reindex")["outputs"]
    (origin,) = output["facets"]["columnLineage"]["fields"]["patient_token"]["inputFields"]
    assert (origin["namespace"], origin["name"], origin["field"]) == (*DRUID, "patient_token")


@pytest.mark.parametrize("night", ["green", "backfilled"])
def test_a_rebuild_tells_which_segments_became_which_and_how_much_they_are(sent: Told, night: str) -> None:
    event = ended(sent, night, "reindex")
    (read,), (written,) = event["inputs"], event["outputs"]
    assert names([read, written]) == {DRUID}
    before, after = (each["facets"]["druid_reindex_segments"] for each in (read, written))
    assert (before["action"], before["versions"], before["chunks"][0]["segments"]) == (
        "read", ["2026-09-02T00:00:00.000Z"], 10,
    )  # fmt: skip
    assert (after["action"], after["versions"]) == ("rebuilt", ["2026-10-06T02:30:00.000Z"])
    assert written["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert written["outputFacets"]["outputStatistics"]["fileCount"] == 1
    assert read["facets"]["tags"]["tags"][0]["key"] == "phi"


def test_a_verdict_tells_what_was_checked_and_under_which_key(sent: Told) -> None:
    (seen,) = ended(sent, "green", "validate")["inputs"]
    assertions = seen["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {"rows", "expect_column_to_exist"} <= {each["assertion"] for each in assertions}
    assert all(each["success"] for each in assertions)
    assert seen["inputFacets"]["dataQualityMetrics"]["rowCount"] == 100
    (key,) = seen["facets"]["druid_reindex_segments"]["kmsKeyArns"]
    assert key.startswith("arn:aws:kms:")


def test_a_red_night_tells_what_it_read_and_no_outcome(sent: Told) -> None:
    event = ended(sent, "red", "reindex")
    assert event["eventType"] == "FAIL"
    assert event["inputs"][0]["facets"]["druid_reindex_segments"]["action"] == "read"
    assert "druid_reindex_segments" not in event["outputs"][0]["facets"]
    assert "outputStatistics" not in event["outputs"][0]["outputFacets"]
    assert not ended(sent, "red", "validate")["inputs"][0]["inputFacets"]
    assert not ended(sent, "red", "rollback")["outputs"]


def test_what_was_taken_back_is_told_with_what_serves_again(sent: Told) -> None:
    judged = ended(sent, "rolled_back", "validate")
    assertions = judged["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert judged["eventType"] == "FAIL"
    assert [each["success"] for each in assertions if each["assertion"] == "rows"] == [False]
    (served,) = ended(sent, "rolled_back", "rollback")["outputs"]
    facet = served["facets"]["druid_reindex_segments"]
    assert (facet["action"], facet["versions"]) == ("taken back", ["2026-09-02T00:00:00.000Z"])
    assert served["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"


def test_an_empty_night_moves_nothing_and_tells_so(sent: Told) -> None:
    moved = {
        event["job"]["name"].partition(".")[2]
        for event in of_night(sent, "empty")
        if names([*event["inputs"], *event["outputs"]])
    }
    assert moved == {"verdict"}


def test_the_asset_of_the_night_is_the_dataset_that_it_rebuilt(sent: Told) -> None:
    assert names(ended(sent, "green", "verdict")["outputs"]) == {DRUID}
    (outlet,) = json.loads(
        ended(sent, "green", "verdict")["run"]["facets"]["airflow"]["task"]["outlets"].replace("'", '"')
    )
    assert outlet["uri"] == "x-druid://datasource/patient_vitals"


def test_each_task_of_a_night_tells_whose_it_is(sent: Told) -> None:
    told = [
        event["run"]["facets"]["druid_reindex_night"]
        for event in of_night(sent, "green")
        if event["eventType"] == "COMPLETE" and "druid_reindex_night" in event["run"]["facets"]
    ]
    assert len(told) == 10
    assert len({each["runId"] for each in told}) == 1
    assert {each["classification"] for each in told} == {"phi"}
    (work,) = [each["work"] for each in told if each.get("batch") == 0]
    assert work["task_id"].startswith("drx_patient_vitals_")


def test_tables_files_and_segments_of_a_night_are_one_line_for_the_provider_too(sent: Told) -> None:
    graph = flows(of_night(sent, "moved"))
    (first,) = [name for name in graph if name[1].endswith(".billing.claims")]
    seen = reached(graph, first)
    assert [name for name in seen if name[1].endswith(".clinic.patient_snapshot")]
    assert (DRUID[0], "patient_snapshot") in seen
    assert len([name for name in seen if name[0].startswith("s3://")]) == 3


def test_no_value_of_a_select_and_no_select_is_in_any_event(sent: Told) -> None:
    told = json.dumps(sent["events"])
    assert not [hidden for hidden in (CANARY, "CAST(", "service_date >=") if hidden in told]
    assert CANARY in sent["select"], "Redshift was sent it"


def of_cloudtrail(sent: Told, night: str) -> list[Told]:
    """The events of the runs, below the night, in which CloudTrail was looked at."""
    (night_run,) = {event["run"]["runId"] for event in of_night(sent, night) if "parent" not in event["run"]["facets"]}
    return [
        event for event in sent["events"] if event["job"]["name"].endswith(".cloudtrail") and parent(event) == night_run
    ]


def test_what_cloudtrail_has_of_a_night_is_a_run_of_its_own_below_the_night_sent_once(sent: Told) -> None:
    assert sent["looks"] == {
        "green": ["failed", "success"], "red": ["success"] * 2, "rolled_back": ["success"] * 2,
        "backfilled": ["success"] * 2,
    }  # fmt: skip
    told = {night: of_cloudtrail(sent, night) for night in sent["looks"]}
    for events in told.values():
        assert {event["job"]["name"] for event in events} == {"nightly_reindex__patient_vitals.cloudtrail"}
        assert len({event["run"]["runId"] for event in events}) == 1
        assert all(names(event["inputs"]) == {DRUID} for event in events)
    assert {night: [event["eventType"] for event in events] for night, events in told.items()} == {
        night: ["START", "FAIL" if night == "green" else "COMPLETE"] for night in sent["looks"]
    }
    assert len([event for event in sent["events"] if event["job"]["name"].endswith(".cloudtrail")]) == 8


def test_findings_are_told_by_class_and_by_nobody_s_name(sent: Told) -> None:
    _, end = of_cloudtrail(sent, "green")
    facet = end["run"]["facets"]["druid_reindex_cloudTrailFindings"]
    assert facet["findings"] == [{"class": "foreign", "findings": 1, "events": 1}]
    (whose,) = {
        each["runId"] for event in of_night(sent, "green")
        if (each := event["run"]["facets"].get("druid_reindex_night")) and "runId" in each
    }  # fmt: skip
    assert (facet["runId"], facet["trail"], facet["awaited"]) == (whose, "emulated", False)
    assert facet["packUri"].endswith(f"{whose}/0001.jsonl")
    assert not [name for name in ("Analyst", "/eve", "index.zip") if name in json.dumps(of_cloudtrail(sent, "green"))]
    _, agreed = of_cloudtrail(sent, "backfilled")
    assert agreed["run"]["facets"]["druid_reindex_cloudTrailFindings"]["findings"] == []


def test_no_event_comes_to_a_run_that_has_ended(sent: Told) -> None:
    assert not [
        events[0]["job"]["name"]
        for events in by_run(sent["events"]).values()
        for event in events
        if event["eventTime"] > next(each["eventTime"] for each in events if each["eventType"] in ENDS)
    ]


def test_what_is_retired_is_told_of_the_datasource_that_nights_rebuild(sent: Told) -> None:
    assert sent["retired"] == "success"
    begun, *_, done = [each for each in sent["events"] if each["job"]["name"] == "retire__phi.patient_vitals"]
    assert (begun["eventType"], begun["outputs"], done["eventType"]) == ("START", [], "COMPLETE")
    (gone,) = done["outputs"]
    assert names([gone]) == {DRUID}
    assert gone["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "TRUNCATE"
    assert (gone["facets"]["druid_reindex_disposal"]["segments"], gone["facets"]["tags"]["tags"][0]["key"]) == (
        2,
        "phi",
    )
