"""Tests of the Druid client beyond the port's contract: what it sends, and answers that are not Druid's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from druid_reindex.errors import ConfigurationError, NoAnswerError, ProtocolError, RefusedError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_server import client
from twins import segment

Handler = Callable[[httpx.Request], httpx.Response]
DAY = Interval.parse("2026-09-01/2026-09-02")
STATUS = {"task": "t 1", "status": {"statusCode": "RUNNING", "duration": -1, "errorMsg": None}}


def recorded(answer: Handler) -> tuple[list[httpx.Request], Handler]:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request)

    return asked, handle


def test_ids_are_quoted_in_paths() -> None:
    asked, handle = recorded(lambda _request: httpx.Response(200, json=STATUS))
    assert client(handle).task_status("t 1/../x").duration_seconds == 0
    assert asked[0].url.raw_path == b"/druid/indexer/v1/task/t%201%2F..%2Fx/status"


@pytest.mark.parametrize(
    ("body", "is_druids"),
    [
        ({"text": "Cannot find any task with id: [t1]"}, True),
        ({"json": {"error": "Cannot find any task with id: [t1]"}}, True),
        ({"json": {"task": "t1", "status": None}}, True),
        ({"html": "<h1>404</h1> /druid/indexer/v1/task/t1/status"}, False),
        ({"text": ""}, False),
    ],
)
def test_only_the_overlords_own_404_means_absent(body: dict[str, object], is_druids: bool) -> None:
    druid = client(lambda _request: httpx.Response(404, **body))  # type: ignore[arg-type]
    if is_druids:
        assert druid.task_status("t1").state is TaskState.ABSENT
    else:
        with pytest.raises(ProtocolError):
            druid.task_status("t1")


def test_an_unknown_task_state_is_refused() -> None:
    with pytest.raises(ProtocolError, match="'PAUSED'"):
        client(lambda _request: httpx.Response(200, json={"status": {"statusCode": "PAUSED"}})).task_status("t1")


def test_active_tasks_are_asked_for_in_the_order_in_which_a_task_moves_on() -> None:
    listed = {
        "waiting": [{"id": "t1", "statusCode": "RUNNING"}],
        "pending": [{"id": "t1", "statusCode": "RUNNING"}, {"id": "t2", "statusCode": "RUNNING"}],
        "running": [{"id": "t2", "statusCode": "RUNNING"}, {"id": "t3", "statusCode": "SUCCESS", "duration": 5}],
    }
    asked, handle = recorded(lambda request: httpx.Response(200, json=listed[request.url.params["state"]]))
    assert [task.task_id for task in client(handle).active_tasks("vit als")] == ["t1", "t2"]
    assert [request.url.params["state"] for request in asked] == ["waiting", "pending", "running"]
    assert {request.url.params["datasource"] for request in asked} == {"vit als"}


@pytest.mark.parametrize("row", [{"statusCode": "RUNNING"}, {"id": "t1", "statusCode": "PAUSED"}])
def test_an_active_task_in_another_form_is_refused(row: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        client(lambda _request: httpx.Response(200, json=[row])).active_tasks("vitals")


def test_a_submission_without_an_id_is_sent_once() -> None:
    asked, handle = recorded(lambda _request: httpx.Response(503))
    with pytest.raises(Exception, match="503"):
        client(handle).submit_task({"type": "index_hadoop"})
    assert len(asked) == 1


def test_a_lost_answer_to_a_submission_ends_in_the_same_task() -> None:
    answers = [httpx.ReadTimeout("lost"), httpx.Response(400, json={"error": "Task[t1] already exists!"})]

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/status"):
            return httpx.Response(200, json=STATUS)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert client(handle).submit_task({"id": "t1"}) == "t1"


def test_a_refused_submission_does_not_quote_the_spec() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/status"):
            return httpx.Response(404, text="Cannot find any task with id: [t1]")
        return httpx.Response(400, json={"error": f"Cannot parse at [Source: (String){request.content!r}"})

    with pytest.raises(RefusedError) as caught:
        client(handle).submit_task({"id": "t1", "spec": "secret"})
    assert "secret" not in str(caught.value)


def test_unreadable_report_and_log_do_not_hide_the_failure() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/status"):
            return httpx.Response(200, json={"status": {"statusCode": "FAILED", "errorMsg": "Lock was revoked"}})
        return httpx.Response(403)

    said = client(handle).task_failure("t1")
    assert said.startswith("Lock was revoked (could not read a task's report: HTTP 403")
    assert "could not read a task's log" in said
    assert said.endswith("(whole log: https://druid:8290/druid/indexer/v1/task/t1/log)")


def test_the_tail_of_the_log_is_asked_for() -> None:
    asked, handle = recorded(
        lambda request: (
            httpx.Response(200, json={"status": {"statusCode": "FAILED"}})
            if request.url.path.endswith("/status")
            else httpx.Response(404)
        )
    )
    assert client(handle).task_failure("t1").startswith("Druid gives no reason")
    assert asked[-1].url.params["offset"].startswith("-")


def test_segments_are_asked_for_by_interval_with_full_payloads() -> None:
    asked, handle = recorded(lambda _request: httpx.Response(200, json=[segment(str(DAY)).payload]))
    assert client(handle).used_segments("vitals", [DAY])[0].interval == DAY
    assert asked[0].url.query == b"full"
    assert json.loads(asked[0].content) == [str(DAY)]


def test_a_listing_that_breaks_off_is_asked_again_as_a_whole() -> None:
    whole = json.dumps([segment(str(DAY), number=n).payload for n in range(3)])
    answers = iter([whole[:-20], whole])
    listed = client(lambda _request: httpx.Response(200, text=next(answers))).used_segments("vitals", [DAY])
    assert [each.partition_num for each in listed] == [0, 1, 2]
    with pytest.raises(NoAnswerError):
        client(lambda _request: httpx.Response(200, text=whole[:-20])).used_segments("vitals", [DAY])


def test_a_segment_that_is_none_is_refused() -> None:
    with pytest.raises(ProtocolError, match="segment"):
        client(lambda _request: httpx.Response(200, json=[{"dataSource": "vitals"}])).used_segments("vitals", [DAY])


def test_the_load_check_names_interval_and_refresh() -> None:
    asked, handle = recorded(lambda _request: httpx.Response(200, json={"vitals": 0}))
    assert client(handle).load_status("vitals", DAY, refresh=True).segments_left == 0
    assert asked[0].url.params["forceMetadataRefresh"] == "true"
    assert asked[0].url.params["interval"] == str(DAY)
    assert "simple" in asked[0].url.params
    with pytest.raises(ProtocolError):
        client(lambda _request: httpx.Response(200, json={})).load_status("vitals", DAY, refresh=False)


def test_rows_come_only_for_the_intervals_asked_for() -> None:
    days = [Interval.parse(f"2026-09-0{n}/2026-09-0{n + 1}") for n in (1, 2, 3)]
    rows = [
        dict(zip(("start", "end"), str(day).split("/"), strict=True)) | {"segment_id": str(day), "num_rows": 5}
        for day in days
    ]
    found = client(lambda _request: httpx.Response(200, json=rows)).segment_rows("vitals", [days[0], days[2]])
    assert list(found) == [str(days[0]), str(days[2])]
    with pytest.raises(ProtocolError):
        client(lambda _request: httpx.Response(200, json=[{"segment_id": "x"}])).segment_rows("vitals", days)


@pytest.mark.parametrize(("days", "spans"), [([1, 2, 4], 2), ([4, 1, 2, 3], 1), (range(1, 90, 2), 1)])
def test_rows_are_asked_for_where_they_are_wanted(days: Sequence[int], spans: int) -> None:
    asked: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return httpx.Response(200, json=[])

    first = datetime(2026, 9, 1, tzinfo=UTC)
    wanted = [Interval(first + timedelta(days=day), first + timedelta(days=day + 1)) for day in days]
    assert client(handle).segment_rows("vitals", wanted) == {}
    body = asked[0]
    assert body["query"].count('"start" < ?') == spans
    assert '"num_rows" > 0' in body["query"]
    assert client(handle).announced("vitals", wanted) == frozenset()
    assert "> 0" not in asked[1]["query"]
    assert len(body["parameters"]) == 1 + 2 * spans == body["query"].count("?")


def test_sets_are_counted_with_rows_where_each_segment_is_counted() -> None:
    payload = {"dataSource": "vitals", "version": "v1", "size": 5, "shardSpec": {"type": "numbered", "partitions": 1}}
    listed = [payload | {"interval": f"2026-09-0{n}/2026-09-0{n + 1}"} for n in (1, 2, 3)]
    row = {"version": "v1", "num_rows": 7}
    rows = [
        row | {"start": "2026-09-01T00:00:00.000Z", "end": "2026-09-02T00:00:00.000Z", "segments": 1},
        row | {"start": "2026-09-02T00:00:00.000Z", "end": "2026-09-03T00:00:00.000Z", "segments": 2},
    ]
    answers = iter([listed, rows])
    whole = Interval.parse("2026-09-01/2026-09-04")
    found = client(lambda _request: httpx.Response(200, json=next(answers))).used_sets("vitals", whole)
    assert [(each.num_rows, each.is_one_job) for each in found] == [(7, True), (None, True), (None, True)]


@pytest.mark.parametrize("answers", [[[{"version": "v1", "size": 5}]], [[], [{"start": "2026-09-01", "version": "v"}]]])
def test_sets_of_another_form_are_refused(answers: list[Any]) -> None:
    left = iter(answers)
    with pytest.raises(ProtocolError, match="without a usable"):
        client(lambda _request: httpx.Response(200, json=next(left))).used_sets("vitals", DAY)


def test_druid_37_runs_no_hadoop() -> None:
    druid = client(lambda _request: httpx.Response(200, json={"version": "37.0.0"}))
    with pytest.raises(ConfigurationError, match="removed in 37"):
        druid.check_engine(Engine.HADOOP)
    assert druid.check_engine(Engine.MSQ) == "37.0.0"


def test_the_client_closes_its_connections() -> None:
    with client(lambda _request: httpx.Response(200, json=[])) as druid:
        assert druid.query("SELECT 1") == []
    with pytest.raises(RuntimeError, match="closed"):
        druid.query("SELECT 1")


def test_segments_that_are_marked_without_a_count_are_an_unknown_form() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"version": "36.0.0"} if request.url.path == "/status" else {"changed": 1})

    with pytest.raises(ProtocolError, match="no count of changed segments"):
        client(answer).mark_used("vitals", ["a"])


def test_marking_goes_by_ids_alone_and_one_by_one_where_nothing_is_served() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/status":
            return httpx.Response(200, json={"version": "25.0.0"})
        if request.url.path.endswith("/markUsed"):
            return httpx.Response(204)
        return httpx.Response(200, json={"segmentStateChanged": True})

    asked, handle = recorded(answer)
    assert client(handle).mark_used("vitals", ["vitals_a", "vitals_b/1"]) == 2
    assert json.loads(asked[1].content) == {"segmentIds": ["vitals_a", "vitals_b/1"]}
    assert [request.url.raw_path for request in asked[2:]] == [
        b"/druid/coordinator/v1/datasources/vitals/segments/vitals_a",
        b"/druid/coordinator/v1/datasources/vitals/segments/vitals_b%2F1",
    ]


def test_types_of_columns_are_asked_of_the_batchs_segments_alone() -> None:
    asked, handle = recorded(lambda _request: httpx.Response(200, json=[{"id": "merged"}]))
    with pytest.raises(ProtocolError, match="'columns'"):
        client(handle).column_types("vitals", [DAY])
    body = json.loads(asked[0].content)
    assert (body["queryType"], body["intervals"]) == ("segmentMetadata", [str(DAY)])
    assert body["analysisTypes"] == []
