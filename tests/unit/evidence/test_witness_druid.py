"""Lines of Druid's request logs, in the forms of its loggers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from druid_reindex.evidence.witness_act import Act, UnreadableLine
from druid_reindex.evidence.witness_druid import NOBODY, SQL, parse

AT, NAME = "2026-10-06T06:40:01.123Z", "patient_vitals"
STATS = {"query/time": 12, "query/bytes": 340, "success": True, "identity": "jo"}
QUERY = {
    "queryType": "groupBy", "dataSource": {"type": "table", "name": NAME},
    "intervals": {"type": "intervals", "intervals": [
        "2026-10-01T00:00:00.000Z/2026-10-02T00:00:00.000Z", "2026-09-28T00:00:00.000Z/2026-09-29T00:00:00.000Z",
    ]},
    "filter": {"type": "selector", "dimension": "patient", "value": "jane_doe"}, "context": {"queryId": "q-1"},
}  # fmt: skip
ASKED = f"SELECT * FROM \"{NAME}\" WHERE patient = 'jane_doe'"


def native(**changes: Any) -> str:
    return "\t".join([AT, "10.0.0.9", json.dumps(QUERY | changes), json.dumps(STATS)])


def nested(depth: int) -> str:
    """A native line whose datasource is a query within a query, and so on."""
    inner = '{"type": "query", "query": {"dataSource": ' * depth + f'"{NAME}"' + "}}" * depth
    return native().replace(json.dumps(QUERY["dataSource"]), inner)


def sql(text: str = ASKED, stats: dict[str, Any] = STATS) -> str:
    told = {"query": text, "context": {"sqlQueryId": "s-1", "nativeQueryIds": "[q-1]"}}
    return "\t".join([AT, "10.0.0.9", "", json.dumps(stats), json.dumps(told)])


def read(line: str) -> Act:
    found = parse(line, NAME)
    assert found is not None
    assert "jane" not in repr(found)
    return found


def test_a_native_query_is_its_type_and_its_days() -> None:
    act = read(native())
    assert act.at == datetime(2026, 10, 6, 6, 40, 1, 123000, tzinfo=UTC)
    assert (act.who, act.did, act.where, act.query_id) == (("jo",), "groupBy", NAME, "q-1")
    assert (act.days, act.is_refused) == (("2026-09-28", "2026-10-02"), False)


def test_the_order_of_query_and_statistics_is_the_releases_own() -> None:
    at, address, query, stats = native().split("\t")
    assert read("\t".join([at, address, stats, query])) == read(native())


def test_sql_is_told_where_it_names_the_datasource() -> None:
    act = read(sql())
    assert (act.did, act.who, act.query_id, act.days) == (SQL, ("jo",), "s-1", None)
    assert parse(sql('SELECT 1 FROM "patient_vitals_old"'), NAME) is None
    assert parse(sql("SELECT 1 FROM sys.segments"), NAME) is None


def test_the_same_line_through_slf4j() -> None:
    head = "2026-10-06T06:40:01,124 INFO [qtp-1] org.apache.druid.server.log.LoggingRequestLogger - "
    assert read(head + native()) == read(native())
    assert parse("2026-10-06T06:40:01,124 INFO [main] org.apache.druid.cli.CliBroker - started", NAME) is None
    assert parse("java.lang.IllegalStateException: jane_doe", NAME) is None


def test_an_emitted_event() -> None:
    event = {"feed": "requests", "timestamp": AT, "service": "druid/broker", "remoteAddr": "10.0.0.9"}
    assert read(json.dumps(event | {"query": QUERY, "queryStats": {"stats": STATS}})) == read(native())
    asked = event | {"sql": ASKED, "sqlQueryContext": {"sqlQueryId": "s-1"}, "queryStats": STATS}
    assert read(json.dumps(asked)) == read(sql())
    assert parse(json.dumps({"feed": "metrics", "metric": "query/time"}), NAME) is None


@pytest.mark.parametrize(
    "source",
    [
        NAME,
        {"type": "union", "dataSources": ["other", NAME]},
        {"type": "query", "query": QUERY},
        {"type": "join", "left": {"type": "lookup", "lookup": "x"}, "right": {"type": "query", "query": QUERY}},
        {"type": "unnest", "base": {"type": "globalTable", "name": NAME}},
    ],
)
def test_the_datasource_is_found_wherever_it_is_nested(source: Any) -> None:
    assert read(native(dataSource=source)).where == NAME


@pytest.mark.parametrize(
    "changes",
    [{"intervals": 7}, {"intervals": {"intervals": {"a": 1}}}, {"context": []}, {"intervals": ["9" * 5000]}],
)
def test_odd_fields_are_passed_over(changes: dict[str, Any]) -> None:
    assert read(native(**changes)).days in {None, ("2026-09-28", "2026-10-02")}


def test_odd_statistics_are_passed_over() -> None:
    assert read(sql(stats={"stats": 7, "success": [], "identity": {"a": 1}})).who == ("{'a': 1}",)


@pytest.mark.parametrize("source", ["other", {"type": "lookup", "lookup": NAME}, None, 7])
def test_a_query_of_another_datasource_is_none_of_ours(source: Any) -> None:
    assert parse(native(dataSource=source), NAME) is None


def test_a_query_within_queries_is_read_as_deep_as_anybody_writes_one() -> None:
    assert read(nested(20)).where == NAME


def test_segments_and_bare_intervals_have_days_too() -> None:
    piece = {"itvl": "2026-10-01T00:00:00.000Z/2026-10-02T00:00:00.000Z", "ver": "v", "part": 0}
    assert read(native(intervals={"type": "segments", "segments": [piece]})).days == ("2026-10-01", "2026-10-02")
    assert read(native(intervals=[piece["itvl"]])).days == ("2026-10-01", "2026-10-02")
    ever = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"
    assert read(native(intervals=[ever])).days == ("-146136543-09-08", "146140482-04-24")
    assert read(native(intervals=None)).days is None


def test_a_type_that_is_no_word_is_not_told() -> None:
    assert read(native(queryType="jane doe, born 1961")).did == "another query"


def test_who_is_not_named_is_told_by_the_address() -> None:
    assert read(sql(stats={"success": False})).who == (f"{NOBODY}, from 10.0.0.9",)
    assert read(sql(stats={"success": False})).is_refused


@pytest.mark.parametrize(
    "line",
    [
        f"{AT}\t10.0.0.9", f"{AT}\t10.0.0.9\t{{\t{{", f"{AT}\t10.0.0.9\t[]\t[]", f"{AT}\t10.0.0.9\t{{}}\t{{}}", "{",
        native().replace(AT, "0001-01-01T00:00:00+14:00"), native().replace(AT, "2026-10-06T06:40:01"),
        native().replace(AT, "2026-13-06T06:40:01Z"), nested(9000),
    ],
)  # fmt: skip
def test_a_request_in_another_form_is_unreadable(line: str) -> None:
    with pytest.raises(UnreadableLine):
        parse(line, NAME)
