"""The Druid client against the answers that each release documents (proof letter D: no such server was asked)."""

from __future__ import annotations

import httpx
import pytest

from druid_reindex.clients.druid_versions import release_of, require_engine
from druid_reindex.errors import NotAuthorizedError, RefusedError, ThrottledError, UnavailableError
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_server import RELEASES, answer, client, documented

TASK_ID = "index_hadoop_vitals_1"
DAY = Interval.parse("2026-09-01/2026-09-02")


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return request.param


def serving(release: str, **by_path_end: str):
    """A client that answers a request whose path ends with a key by the documented answer named by its value."""

    def handle(request: httpx.Request) -> httpx.Response:
        for end, name in by_path_end.items():
            if request.url.path.endswith(end):
                return answer(release, name, task_id=TASK_ID)
        raise AssertionError(f"nobody asked for {request.url}")

    return client(handle)


def test_each_fixture_cites_its_release_and_agrees_with_the_table(release: str) -> None:
    fixture = documented(release)
    assert fixture["proof"] == "D"
    assert sum(f"/{release}/" in url or f"druid-{release}" in url for url in fixture["sources"]) >= 3
    row = release_of(release, server="druid")
    assert row.mark_used_path == fixture["paths"]["mark_used"]
    assert row.mark_unused_path == fixture["paths"]["mark_unused"]
    assert row.mark_takes_versions == fixture["mark_takes_versions"]
    assert row.kill_takes_versions == fixture["kill_takes_versions"]
    assert row.hadoop_opt_in == fixture["hadoop_opt_in"]
    assert row.queue_full_status == fixture["answers"]["queue_full"]["status"]
    is_exception = fixture["answers"]["sql_refused"]["body"]["error"] == "druidException"
    assert (row.error_format == "druidException") == is_exception
    assert require_engine(Engine.HADOOP, release, server="druid") is row


def test_the_version_is_read_from_status(release: str) -> None:
    assert serving(release, **{"/status": "status"}).check_engine(Engine.HADOOP) == release


def test_a_task_is_accepted(release: str) -> None:
    assert serving(release, **{"/task": "task_accepted"}).submit_task({"id": TASK_ID}) == TASK_ID


def test_a_known_id_counts_as_accepted_once_the_overlord_shows_it(release: str) -> None:
    druid = serving(release, **{"/task": "task_exists", "/status": "task_status"})
    assert druid.submit_task({"id": TASK_ID}) == TASK_ID


def test_a_refused_spec_stays_refused_when_the_overlord_does_not_know_the_id(release: str) -> None:
    with pytest.raises(RefusedError):
        serving(release, **{"/task": "task_exists", "/status": "task_unknown"}).submit_task({"id": TASK_ID})


def test_a_full_queue_is_transient(release: str) -> None:
    with pytest.raises((ThrottledError, UnavailableError)):
        serving(release, **{"/task": "queue_full"}).submit_task({"id": TASK_ID})


def test_an_unknown_task_is_absent_and_a_failed_one_failed(release: str) -> None:
    assert serving(release, **{"/status": "task_unknown"}).task_status(TASK_ID).state is TaskState.ABSENT
    failed = serving(release, **{"/status": "task_status"}).task_status(TASK_ID)
    assert (failed.state, failed.duration_seconds) == (TaskState.FAILED, 4.2)


def test_active_tasks_are_told_once_although_three_states_are_asked_for(release: str) -> None:
    (active,) = serving(release, **{"/tasks": "active_tasks"}).active_tasks("vitals")
    assert (active.task_id, active.state, active.duration_seconds) == (TASK_ID, TaskState.RUNNING, 0)
    with pytest.raises(NotAuthorizedError):
        serving(release, **{"/tasks": "forbidden"}).active_tasks("vitals")


def test_the_reason_is_the_attempts_own_and_no_row_is_shown(release: str) -> None:
    answers = {"/status": "task_status", "/reports": "task_report", "/log": "no_log"}
    reason = serving(release, **answers).task_failure(TASK_ID)
    assert reason.startswith("java.lang.RuntimeException: native snappy library not available")
    assert f"/druid/indexer/v1/task/{TASK_ID}/log" in reason
    assert "never-shown" not in reason


def test_without_report_and_log_the_status_is_told(release: str) -> None:
    answers = {"/status": "task_status", "/reports": "no_report", "/log": "no_log"}
    assert "Job[class org.apache.druid..." in serving(release, **answers).task_failure(TASK_ID)


def test_segments_rows_and_load(release: str) -> None:
    (segment,) = serving(release, **{"/segments": "used_segments"}).used_segments("vitals", [DAY])
    assert (segment.segment_id, segment.size_bytes) == (segment.payload["identifier"], 5120)
    assert serving(release, **{"/sql": "sql_rows"}).segment_rows("vitals", [DAY]) == {segment.segment_id: 42}
    assert serving(release, **{"/loadstatus": "load_left"}).load_status("vitals", DAY, refresh=True).segments_left == 3
    none = serving(release, **{"/loadstatus": "load_none"}).load_status("vitals", DAY, refresh=False)
    assert none.segments_left is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sql_refused", RefusedError), ("sql_timeout", UnavailableError), ("forbidden", NotAuthorizedError)],
)
def test_sql_errors_in_each_releases_form(release: str, name: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        serving(release, **{"/sql": name}).query("SELECT 1")


@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_segments_are_marked_where_the_release_does_that(release: str, *, used: bool) -> None:
    path = documented(release)["paths"]["mark_used" if used else "mark_unused"].format(datasource="vitals")
    druid = serving(release, **{"/status": "status", path: "marked"})
    assert (druid.mark_used if used else druid.mark_unused)("vitals", ["a", "b"]) == 2


def test_an_old_release_that_says_nothing_is_asked_for_each_segment_by_itself() -> None:
    druid = serving(
        "25.0.0", **{"/status": "status", "/markUsed": "mark_silent", "/a": "marked_one", "/b": "marked_one"}
    )
    assert druid.mark_used("vitals", ["a", "b"]) == 2


@pytest.mark.parametrize("unknown", ["supervisor_unknown", "supervisor_gone_meanwhile"])
def test_a_supervisor_is_suspended_and_resumed_in_each_releases_words(release: str, unknown: str) -> None:
    already = {"/suspend": "supervisor_already_suspended", "/resume": "supervisor_already_running"}
    for answers in (already, dict.fromkeys(already, unknown)):
        druid = serving(release, **answers)
        assert (druid.suspend_supervisor("s0"), druid.resume_supervisor("s0")) == (False, False)
    assert serving(release, **{"/history": "supervisor_no_history"}).supervisor_versions("s0") == []


def test_an_overlord_that_does_not_lead_says_nothing_of_a_supervisor(release: str) -> None:
    druid = serving(release, **dict.fromkeys(["/suspend", "/resume", "/history"], "supervisor_not_leading"))
    for ask in (druid.suspend_supervisor, druid.resume_supervisor, druid.supervisor_versions):
        with pytest.raises(UnavailableError):
            ask("s0")
