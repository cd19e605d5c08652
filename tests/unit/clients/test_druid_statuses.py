"""What the Overlord says of a task, read."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from druid_reindex.clients.druid_http import Ask
from druid_reindex.clients.druid_statuses import read_status, task_of
from druid_reindex.errors import ProtocolError
from druid_reindex.model.druid_task import TaskState

ASK = Ask("read a task's status", "GET", "https://druid:8290/druid/indexer/v1/task/a/status")


def answer(status: int, **body: object) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", ASK.url), **body)  # type: ignore[arg-type]


def test_a_status_is_read_with_its_error_and_its_seconds() -> None:
    told = {"id": "a", "statusCode": "FAILED", "errorMsg": "no room", "duration": 1500}
    found = read_status(answer(200, json={"task": "a", "status": told}), ASK, "a")
    assert (found.task_id, found.state, found.error_message) == ("a", TaskState.FAILED, "no room")
    assert found.duration_seconds == 1.5


@pytest.mark.parametrize(
    "said",
    [
        answer(404, json={"task": "a"}),
        answer(404, text="Cannot find any task with id: [a]"),
        answer(200, json={"task": "a", "status": None}),
    ],
)
def test_a_task_that_the_overlord_does_not_know_is_absent(said: httpx.Response) -> None:
    assert read_status(said, ASK, "a").state is TaskState.ABSENT


@pytest.mark.parametrize("said", [answer(404, text="<html>"), answer(404, json={"task": "another"})])
def test_a_404_of_somebody_else_is_no_answer_about_the_task(said: httpx.Response) -> None:
    with pytest.raises(ProtocolError, match="not the Overlord's"):
        read_status(said, ASK, "a")


@pytest.mark.parametrize("row", [{"statusCode": "RUNNING"}, {"id": "a", "statusCode": "ASLEEP"}, {"id": "a"}])
def test_a_status_in_another_form_is_refused(row: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        task_of(row, ASK)


@pytest.mark.parametrize(
    ("code", "runner", "is_queued"),
    [("RUNNING", "WAITING", True), ("RUNNING", "PENDING", False), ("RUNNING", "RUNNING", False),
     ("RUNNING", None, False), ("SUCCESS", "WAITING", False), ("FAILED", "NONE", False)],
)  # fmt: skip
def test_a_task_that_waits_for_its_locks_is_told_from_one_that_waits_for_a_worker(
    code: str, runner: str | None, *, is_queued: bool
) -> None:
    row = {"id": "a", "statusCode": code, "runnerStatusCode": runner, "createdTime": "2026-10-06T02:31:00.000Z"}
    found = task_of(row, ASK)
    assert (found.is_queued, found.created_at) == (is_queued, datetime(2026, 10, 6, 2, 31, tzinfo=UTC))
    assert task_of(row | {"createdTime": "1"}, ASK).created_at is None
