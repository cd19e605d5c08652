"""A Druid whose segments hold rows, and whose SQL is SQLite's; what Druid's own words mean is written in Python."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from druid_reindex.clients.druid_answers import json_arrays
from druid_reindex.model.datasource_import import COLUMNS_SQL
from druid_reindex.model.interval import Interval, format_instant
from druid_reindex.model.segment import SEVERAL, Segment
from druid_reindex.plan.timeline import visible
from sql_broker import TYPES
from twins import FakeDruid, segment

Row = dict[str, Any]
EVER = Interval(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_SQL = {"string": "VARCHAR", "long": "BIGINT", "double": "DOUBLE"}


class Distinct:
    """How many values there are, exactly."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()

    def step(self, value: Any) -> None:
        if value is not None:
            self.seen.add(value)

    def finalize(self) -> int:
        return len(self.seen)


def _floor(at: str, period: str) -> str:
    return at[:13] + ":00:00.000Z" if period == "PT1H" else at[:10] + "T00:00:00.000Z"


def _instant(millis: int) -> str:
    return format_instant(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis))


def _unless_null(function: Any) -> Any:
    return lambda *values: None if None in values else function(*values)


_FUNCTIONS: tuple[tuple[str, int, Any], ...] = (
    ("TIME_FLOOR", 2, _floor),
    ("MILLIS_TO_TIMESTAMP", 1, _instant),
    ("CEIL", 1, _unless_null(math.ceil)),
    ("LOG10", 1, _unless_null(math.log10)),
    ("GREATEST", -1, _unless_null(max)),
)


@dataclass
class SqliteDruid(FakeDruid):
    """Publishes native tasks whose rows are in them, each day a segment or more; ``rows`` are those of each segment."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    databases: dict[frozenset[str], sqlite3.Connection] = field(default_factory=dict)

    def publish(self, task: Mapping[str, Any], version: str) -> None:
        """The task's segments, used from now on; what is appended takes the version that is visible."""
        schema, spec = task["spec"]["dataSchema"], task["spec"]
        rows = [json.loads(line) for line in spec["ioConfig"]["inputSource"]["data"].splitlines()]
        limit = spec["tuningConfig"].get("partitionsSpec", {}).get("maxRowsPerSegment", 10**9)
        for text in schema["granularitySpec"]["intervals"]:
            whole = Interval.parse(text)
            for day in range((whole.end - whole.start).days):
                at = whole.start + timedelta(days=day)
                chunk = Interval(at, at + timedelta(days=1))
                own = [row for row in rows if row["timestamp"].startswith(at.date().isoformat())]
                parts = [own[start : start + limit] for start in range(0, len(own), limit)] or [[]]
                self._add(schema, chunk, version, parts, append=spec["ioConfig"]["appendToExisting"])

    def _add(
        self, schema: Mapping[str, Any], chunk: Interval, version: str, parts: Sequence[list[Row]], *, append: bool
    ) -> None:
        known = [each for each in self._visible(schema["dataSource"]) if each.interval == chunk] if append else []
        for number, part in enumerate(parts, start=len(known)):
            made = segment(str(chunk), version=known[0].version if known else version, number=number,
                           datasource=schema["dataSource"], rows=len(part))  # fmt: skip
            kinds = _kinds(schema)
            stored = [_stored(schema, row) for row in part]
            had = {name for row in stored for name, value in row.items() if value is not None}
            dimensions = tuple(name for name in kinds if name in had and name not in _metrics(schema))
            made = replace(made, dimensions=dimensions, metrics=tuple(_metrics(schema)))
            if not part:
                made = replace(made, shard_spec_type="tombstone", payload={**made.payload, "loadSpec": {}})
            self.segments.append(made)
            self.rows[made.segment_id], self.kinds[made.segment_id] = stored, kinds

    def column_types(self, datasource: str, intervals: Sequence[Interval]) -> dict[str, str]:
        found: dict[str, set[str]] = {}
        for each in self._visible(datasource):
            if any(each.interval.overlaps(interval) for interval in intervals):
                for name in (*each.dimensions, *each.metrics):
                    found.setdefault(name, set()).add(self.kinds[each.segment_id][name].upper())
        return {name: kinds.pop() if len(kinds) == 1 else SEVERAL for name, kinds in found.items()}

    def query(self, sql: str, parameters: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
        self.asked.append(sql)
        if sql == COLUMNS_SQL:
            columns = self._columns(parameters[0]["value"])
            return [{"COLUMN_NAME": name, "DATA_TYPE": kind} for name, kind in columns.items()]
        if "sys.tasks" in sql:
            return []
        names, rows = self._select(sql, [each["value"] for each in parameters])
        return [dict(zip(names, row, strict=True)) for row in rows]

    def broker(self, request: httpx.Request) -> httpx.Response:
        """The Broker, for whoever asks for arrays with a header."""
        sql = json.loads(request.content)["query"]
        self.asked.append(sql)
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            head = ["COLUMN_NAME", "JDBC_TYPE", "IS_NULLABLE", "COLUMN_DEFAULT"]
            columns = self._columns(self.segments[0].datasource)
            return httpx.Response(200, json=[head, *([name, TYPES[kind], "YES", ""] for name, kind in columns.items())])
        names, rows = self._select(sql, [])
        answer = httpx.Response(200, json=[names, *map(list, rows)], request=request)
        assert json_arrays(answer, sql)
        return httpx.Response(200, content=answer.content)

    def _visible(self, datasource: str) -> list[Segment]:
        used = self.used_segments(datasource, [EVER])
        return [each for found in visible(used) for each in found.segments]

    def _columns(self, datasource: str) -> dict[str, str]:
        """The newest segment's type of each column."""
        listed = sorted(self._visible(datasource), key=lambda each: each.interval)
        found = {name: _SQL[self.kinds[each.segment_id][name]] for each in listed
                 for name in (*each.dimensions, *each.metrics)}  # fmt: skip
        return {"__time": "TIMESTAMP"} | found if listed else {}

    def close(self) -> None:
        """Forget the rows that were asked for."""
        for database in self.databases.values():
            database.close()
        self.databases.clear()

    def _select(self, sql: str, values: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._database().execute(sql, values)
        return [each[0] for each in cursor.description], cursor.fetchall()

    def _database(self) -> sqlite3.Connection:
        """What is visible now, as tables."""
        datasources = {each.datasource for each in self.segments}
        served = frozenset(each.segment_id for name in datasources for each in self._visible(name))
        if served not in self.databases:
            self.close()
            database = self.databases[served] = sqlite3.connect(":memory:")
            for name, count, function in _FUNCTIONS:
                database.create_function(name, count, function)
            database.create_aggregate("APPROX_COUNT_DISTINCT", 1, Distinct)
            for datasource in datasources:
                self._fill(database, datasource)
        return self.databases[served]

    def _fill(self, database: sqlite3.Connection, datasource: str) -> None:
        names = list(self._columns(datasource))
        database.execute(f'CREATE TABLE "{datasource}" ({", ".join(map(json.dumps, names))})')
        rows = [row for each in self._visible(datasource) for row in self.rows[each.segment_id]]
        marks = ", ".join("?" * len(names))
        database.executemany(
            f'INSERT INTO "{datasource}" VALUES ({marks})', [[row.get(name) for name in names] for row in rows]
        )


def _metrics(schema: Mapping[str, Any]) -> dict[str, str]:
    kinds = {"count": "long", "longSum": "long", "doubleSum": "double"}
    return {each["name"]: kinds[each["type"]] for each in schema["metricsSpec"]}


def _kinds(schema: Mapping[str, Any]) -> dict[str, str]:
    listed = schema["dimensionsSpec"]["dimensions"]
    texts = {each if isinstance(each, str) else each["name"]: each if isinstance(each, dict) else {} for each in listed}
    return {name: told.get("type", "string") for name, told in texts.items()} | _metrics(schema)


def _stored(schema: Mapping[str, Any], row: Row) -> Row:
    """The row as a segment holds it: minutes, an empty text as null, and a number where there is one."""
    stored = {"__time": row["timestamp"][:16] + ":00.000Z"}
    stored |= {name: row.get(name) or None for name in _kinds(schema) if name not in _metrics(schema)}
    for metric in schema["metricsSpec"]:
        value = 1 if metric["type"] == "count" else row.get(metric["fieldName"])
        stored[metric["name"]] = value if isinstance(value, int | float) else 0
    return stored
