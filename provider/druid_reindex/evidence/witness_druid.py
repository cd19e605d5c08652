"""The lines of Druid's request logs: those of the file logger, the same lines through SLF4J, and emitted events.

Of a query its type and the days that it asks for are told, of SQL that it names the datasource; never its text, its
filters or its context. What the Broker asks of other servers for a query stands in their logs too.
Sources: https://druid.apache.org/docs/latest/operations/request-logging,
https://github.com/apache/druid/blob/druid-25.0.0/server/src/main/java/org/apache/druid/server/RequestLogLine.java,
https://druid.apache.org/docs/latest/querying/datasource
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from druid_reindex.evidence.witness_act import Act, UnreadableLine, name_of

_LOGGER = "org.apache.druid.server.log.LoggingRequestLogger"
_OF_FILE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*\t")
_WORD = re.compile(r"[A-Za-z]{1,40}")
_DAY = re.compile(r"(-?\d{4,9})-(\d\d)-(\d\d)T[^/]*/(-?\d{4,9})-(\d\d)-(\d\d)T.*")
_FIELDS = (4, 5)  # of a native query, and of SQL, whose third field is empty
NOBODY = "nobody that the record names"
SQL = "sql"


def parse(line: str, datasource: str) -> Act | None:
    """The query on ``datasource``; None for another one, or another message of the server's log.

    Raises UnreadableLine for a request in another form.
    """
    try:
        return _parsed(line, datasource)
    except RecursionError as deep:
        raise UnreadableLine("nested too deep") from deep


def _parsed(line: str, datasource: str) -> Act | None:
    if line.startswith("{"):
        return _of_event(_json(line), datasource)
    if _LOGGER in line:
        line = line.partition(_LOGGER)[2].partition(" - ")[2]
    elif _OF_FILE.match(line) is None:
        return None
    fields = line.split("\t")
    if len(fields) not in _FIELDS:
        raise UnreadableLine("another number of fields")
    told = [_json(each) for each in fields[2:] if each]
    return _act(fields[0], fields[1], told, datasource)


def _of_event(event: Mapping[str, Any], datasource: str) -> Act | None:
    """The query of an emitted event; what is emitted beside requests (metrics, alerts) is none."""
    if "queryStats" not in event:
        return None
    sql = {"query": event["sql"], "context": event.get("sqlQueryContext")} if event.get("sql") else None
    asked = sql or event.get("query")
    told = [each for each in (event["queryStats"], asked) if isinstance(each, Mapping)]
    return _act(str(event.get("timestamp")), str(event.get("remoteAddr")), told, datasource)


def _act(at: str, address: str, told: Iterable[Mapping[str, Any]], datasource: str) -> Act | None:
    """The query and what is known of it, whichever of the two comes first."""
    query: Mapping[str, Any] = next((each for each in told if "queryType" in each or "query" in each), {})
    stats: Mapping[str, Any] = next((each for each in told if each is not query), {})
    if not query:
        raise UnreadableLine("no query")
    stats = inner if isinstance(inner := stats.get("stats"), Mapping) else stats
    who = stats.get("identity") or f"{NOBODY}, from {address or 'an unknown address'}"
    is_sql = "queryType" not in query
    if not (_names(str(query["query"]), datasource) if is_sql else datasource in _tables(query.get("dataSource"))):
        return None
    return Act(
        at=_instant(at),
        who=(name_of(str(who)),),
        did=SQL if is_sql else _word(query["queryType"]),
        where=datasource,
        is_refused=stats.get("success") in (False, "false"),
        days=None if is_sql else _days(query.get("intervals")),
        query_id=_query_id(query.get("context")),
    )


def _names(sql: str, datasource: str) -> bool:
    """Whether the text has the datasource's name as a word of its own, be it an identifier or not."""
    return re.search(rf"(?<![\w-]){re.escape(datasource)}(?![\w-])", sql) is not None


def _tables(source: Any) -> Iterator[str]:
    """The names of the datasources that a native query reads, whatever it joins or nests them in."""
    match source:
        case str():
            yield source
        case list():
            for each in source:
                yield from _tables(each)
        case {"type": "table" | "globalTable", "name": str(name)}:
            yield name
        case dict():
            for key in ("dataSources", "dataSource", "left", "right", "base", "query"):
                yield from _tables(source.get(key))


def _days(intervals: Any) -> tuple[str, str] | None:
    """The first and the last day of the intervals; None where the query names none."""
    listed = intervals.get("intervals", intervals.get("segments")) if isinstance(intervals, Mapping) else intervals
    several = listed if isinstance(listed, list) else [listed]
    texts = [str(each.get("itvl") if isinstance(each, Mapping) else each) for each in several]
    found = [match for each in texts if (match := _DAY.fullmatch(each)) is not None]
    if not found:
        return None
    first = min((int(each[1]), each[2], each[3]) for each in found)
    last = max((int(each[4]), each[5], each[6]) for each in found)
    return _day(first), _day(last)


def _day(parts: tuple[int, str, str]) -> str:
    return f"{parts[0]:04d}-{parts[1]}-{parts[2]}"


def _query_id(context: Any) -> str | None:
    """By what the journal knows the query: SQL's own id, where it is a part of SQL."""
    told = context if isinstance(context, Mapping) else {}
    found = told.get("sqlQueryId") or told.get("queryId")
    return str(found) if found else None


def _word(text: Any) -> str:
    return text if isinstance(text, str) and _WORD.fullmatch(text) else "another query"


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as odd:
        raise UnreadableLine("no JSON") from odd
    if not isinstance(found, dict):
        raise UnreadableLine("no JSON object")
    return found


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise UnreadableLine("an instant without a zone")
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as odd:
        raise UnreadableLine("no instant") from odd
