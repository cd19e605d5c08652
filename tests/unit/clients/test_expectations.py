"""Great Expectations over pydruid's dialect, on a Broker that answers by the words of a query."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from druid_reindex.clients.druid_http import Pace
from druid_reindex.clients.expectations import ExpectationsClient
from druid_reindex.clients.expectations_sql import COUNTED
from druid_reindex.errors import NotAuthorizedError, UnavailableError
from druid_reindex.model.expectation import EXPECTATIONS, Expectation, Report
from druid_reindex.model.interval import Interval
from druid_reindex.ports import ExpectationsPort
from druid_server import CONFIG
from sql_broker import SqlBroker
from twins import FakeExpectations

COLUMNS = {"__time": "TIMESTAMP", "code": "VARCHAR", "value": "DOUBLE", "events": "BIGINT"}
DAYS = [Interval.parse("2026-09-01/2026-09-02"), Interval.parse("2026-09-04/2026-09-05")]
CANARY = "Canary-7f3a"
CANARY_NUMBER = 918273645.5


def broker(**changes: Any) -> SqlBroker:
    rows = ('"table.row_count"', 100)
    return SqlBroker(COLUMNS, **{"answers": [rows], **changes})


def run(server: SqlBroker, *expectations: dict[str, Any], days: Sequence[Interval] = DAYS) -> Report:
    pace = Pace(sleep=lambda _: None, clock=iter(range(0, 10_000, 50)).__next__)
    with ExpectationsClient(CONFIG, transport=httpx.MockTransport(server), pace=pace) as client:
        suite = [Expectation.model_validate(each) for each in expectations]
        return client.run("vitals", days, suite, title="vitals batch 0")


def one(name: str) -> dict[str, Any]:
    """An expectation of that name on columns that are there."""
    values = {
        "column": "code", "column_list": ["code", "value"], "min_value": 1, "max_value": 5, "value_set": ["a"],
        "value": 3, "mostly": 0.9, "strict_min": True,
    }  # fmt: skip
    form = EXPECTATIONS[name]
    given = {each: values[each] for each in form.arguments if each in values}
    return {"type": name} | given | ({"column": "value"} if form.numbers else {})


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_each_that_a_pipeline_may_have_is_great_expectations_own_and_is_asked_in_counts(name: str) -> None:
    from great_expectations.expectations.registry import get_expectation_impl

    assert set(EXPECTATIONS[name].arguments) <= set(get_expectation_impl(name).__fields__)
    server = broker(answers=[('"table.row_count"', 100), ("", 3)])
    (result,) = run(server, one(name)).results
    assert result.held is not None, result.reason
    counted = ("count", "sum(", "min(", "max(", "avg(", "SELECT COUNT", "INFORMATION_SCHEMA", "SELECT 0 AS c0")
    assert all(any(word in sql for word in counted) for sql in server.asked)
    assert not any("LIMIT" in sql for sql in server.asked)
    assert not any("CAST" in sql for sql in server.asked)


def test_a_whole_suite_is_a_handful_of_queries_over_the_batchs_intervals_alone() -> None:
    server = broker()
    report = run(server, *(one(name) for name in EXPECTATIONS if name not in COUNTED))
    assert [each.expectation.split()[0] for each in report.results] == [n for n in EXPECTATIONS if n not in COUNTED]
    assert len(server.asked) <= 6
    spans = (
        'WHERE (("__time" >= MILLIS_TO_TIMESTAMP(1788220800000) AND "__time" < MILLIS_TO_TIMESTAMP(1788307200000)) OR'
    )
    assert all(spans in sql for sql in server.asked if "INFORMATION_SCHEMA" not in sql)


def test_what_does_not_hold_is_told_by_name_and_arguments() -> None:
    report = run(
        broker(answers=[('"table.row_count"', 100), ("nonnull.unexpected_count", 20)]),
        {"type": "expect_column_values_to_not_be_null", "column": "code", "mostly": 0.9},
        {"type": "expect_column_to_exist", "column": "units"},
        {"type": "expect_table_row_count_to_be_between", "min_value": 1},
    )
    assert [each.held for each in report.results] == [False, False, True]
    assert report.results[0].expectation == "expect_column_values_to_not_be_null code"
    assert report.results[0].wanted == "mostly 0.9"


def test_sets_and_uniqueness_are_counted_in_plain_sql() -> None:
    kinds = [one(name) for name in sorted(COUNTED)]
    assert all(each.held for each in run(broker(answers=[("= 'a'", 7)]), *kinds).results)
    held = [each.held for each in run(broker(answers=[("NOT IN", 1), ("= 'a'", 0), ("COUNT(*)", 2)]), *kinds).results]
    assert held == [False] * len(kinds)


def test_no_value_of_a_row_is_in_results_document_page_or_log(caplog: pytest.LogCaptureFixture) -> None:
    """Extremes and sums are values that Druid answers; an error's text quotes one; neither is told."""
    caplog.set_level(logging.DEBUG)
    server = broker(
        answers=[('"table.row_count"', 100), ("", CANARY_NUMBER)],
        refuses=lambda sql: f"Cannot parse {CANARY}" if "length" in sql else "",
    )
    report = run(server, *(one(name) for name in EXPECTATIONS))
    told = f"{report.results} {json.dumps(dict(report.document))} {report.page} {caplog.text}"
    assert CANARY not in told
    assert str(CANARY_NUMBER).split(".")[0] not in told.replace(",", "")
    unread = [each for each in report.results if each.held is None]
    assert {each.reason for each in unread} == {"Druid refuses the query"}
    assert any("length" in each.expectation for each in unread)


def test_a_document_of_great_expectations_and_a_page_that_asks_nobody() -> None:
    report = run(broker(), one("expect_column_to_exist"), {"type": "expect_column_to_exist", "column": "units"})
    assert report.document["suite_name"] == "vitals batch 0"
    assert report.document["statistics"]["successful_expectations"] == 1
    assert [each["success"] for each in report.document["results"]] == [True, False]
    assert "meta" not in json.dumps(report.document["results"][0]["expectation_config"]["meta"])
    assert "default-src 'none'" in report.page
    assert "<script" not in report.page
    assert "<link" not in report.page
    assert "units" in report.page


@pytest.mark.parametrize(("status", "error"), [(403, NotAuthorizedError), (503, UnavailableError)])
def test_a_broker_that_does_not_answer_is_an_error_not_a_result(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        run(broker(status=status), one("expect_table_row_count_to_be_between"))


def test_an_empty_suite_asks_nothing() -> None:
    server = broker()
    assert (run(server).results, server.asked) == ((), [])


def test_the_session_is_our_own(capsys: pytest.CaptureFixture[str]) -> None:
    server = broker()
    run(server, one("expect_table_row_count_to_be_between"))
    assert server.requests[0].headers["User-Agent"].startswith("druid-reindex/")
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert str(server.requests[0].url) == f"{CONFIG.broker_url}/druid/v2/sql"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["client", "twin"])
def test_client_and_twin_answer_each_expectation_in_order(kind: str) -> None:
    suite = [Expectation.model_validate(one(name)) for name in ("expect_column_to_exist", *sorted(COUNTED))]
    server = broker(answers=[("= 'a'", 7)])
    with ExpectationsClient(CONFIG, transport=httpx.MockTransport(server)) as client:
        port: ExpectationsPort = client if kind == "client" else FakeExpectations()
        report = port.run("vitals", DAYS, suite, title="vitals batch 0")
        assert [each.expectation.split()[0] for each in report.results] == [each.type for each in suite]
        assert all(each.held for each in report.results)
        assert report.document["success"] is True
        assert "vitals batch 0" in report.page
        assert port.run("vitals", DAYS, [], title="none").results == ()
