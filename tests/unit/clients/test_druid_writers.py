"""Which supervisors are a datasource's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from druid_reindex.clients.druid_http import Ask
from druid_reindex.clients.druid_writers import supervisors_of
from druid_reindex.errors import NoAnswerError, NotFoundError, ProtocolError, RefusedError, Terminal
from druid_reindex.model.writers import Supervisor, SupervisorVersion
from druid_server import client

ASK = Ask("list supervisors", "GET", "https://druid/druid/indexer/v1/supervisor?full")


def found(*specs: Any) -> tuple[Supervisor, ...]:
    return supervisors_of([{"id": f"s{number}", "spec": spec} for number, spec in enumerate(specs)], "vitals", ASK)


@pytest.mark.parametrize(
    ("spec", "is_known"),
    [
        ({"type": "kafka", "spec": {"dataSchema": {"dataSource": "vitals"}}}, True),
        ({"type": "kinesis", "dataSchema": {"dataSource": "vitals"}}, True),
        ({"type": "autocompact", "spec": {"dataSource": "vitals"}}, True),
        ({"type": "NoopSupervisorSpec", "dataSources": ["vitals"]}, True),
        ({"type": "NoopSupervisorSpec", "dataSources": ["claims", "vitals"]}, False),
        ({"type": "of a release to come"}, False),
    ],
)
def test_a_datasource_is_where_each_kind_keeps_it_and_one_not_told_counts(
    spec: dict[str, Any], *, is_known: bool
) -> None:
    assert found(spec, spec | {"suspended": True}) == (
        Supervisor("s0", False, is_known), Supervisor("s1", True, is_known),
    )  # fmt: skip


def test_those_of_other_datasources_do_not_count() -> None:
    assert found({"spec": {"dataSchema": {"dataSource": "claims"}}}, {"dataSources": ["claims"]}) == ()


@pytest.mark.parametrize("spec", [None, "kafka", ["kafka"]])
def test_another_form_is_told(spec: Any) -> None:
    with pytest.raises(ProtocolError):
        found(spec)


def test_a_history_is_told_newest_first_and_a_spec_that_is_not_read_any_more_runs_nothing() -> None:
    rows = [
        {"version": "2026-10-06T02:31:00.000Z", "spec": {"type": "kafka", "suspended": True}},
        {"version": "2026-10-01T00:00:00.000Z", "spec": {"type": "kafka"}},
        {"version": "2026-09-01T00:00:00.000Z", "spec": None},
    ]
    assert client(lambda _request: httpx.Response(200, json=rows)).supervisor_versions("s 0/1") == [
        SupervisorVersion("2026-10-06T02:31:00.000Z", is_suspended=True),
        SupervisorVersion("2026-10-01T00:00:00.000Z", is_suspended=False),
        SupervisorVersion("2026-09-01T00:00:00.000Z", is_suspended=False),
    ]
    with pytest.raises(ProtocolError, match="'version'"):
        client(lambda _request: httpx.Response(200, json=[{"spec": {}}])).supervisor_versions("s0")


def test_a_suspension_is_asked_for_once_and_a_resumption_until_it_is_answered() -> None:
    asked: list[httpx.Request] = []

    def lost(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 3:
            return httpx.Response(200, json={"type": "kafka", "suspended": False})
        raise httpx.ReadTimeout("", request=request)

    druid = client(lost)
    with pytest.raises(NoAnswerError):
        druid.suspend_supervisor("s 0/1")
    assert druid.resume_supervisor("s 0/1")
    base = b"/druid/indexer/v1/supervisor/s%200%2F1/"
    assert [request.url.raw_path for request in asked] == [base + verb for verb in (b"suspend", b"resume", b"resume")]
    assert {request.extensions["timeout"]["read"] for request in asked} == {150.0}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "cannot parse"}, RefusedError),
        (404, {"error": "no such page"}, NotFoundError),
    ],
)
def test_only_druids_own_words_mean_that_nothing_changed(status: int, body: object, kind: type[Terminal]) -> None:
    druid = client(lambda _request: httpx.Response(status, json=body))
    for ask in (druid.suspend_supervisor, druid.resume_supervisor):
        with pytest.raises(kind):
            ask("s0")
