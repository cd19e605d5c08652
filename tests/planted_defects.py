"""Days of synthetic rows, and what may go wrong with each when it is rebuilt: one defect a day, all in one datasource.

A day is a time chunk, and here a batch of its own, so that each defect is judged by itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from druid_reindex.model.interval import Interval, format_instant

DATASOURCE = "patient_planted"
START = datetime(2026, 8, 1, tzinfo=UTC)
DIMENSIONS = ("patient_token", "category", "code", "units")
METRICS: tuple[dict[str, Any], ...] = (
    {"type": "count", "name": "events"},
    {"type": "doubleSum", "name": "value_sum", "fieldName": "value"},
    {"type": "longSum", "name": "cents", "fieldName": "paid"},
)
CATEGORIES, CODES, UNITS = ("laboratory", "vital-signs", "survey"), range(40), ("kg", "cm", "mm[Hg]", "%", "/min")

Row = dict[str, Any]
Change = Callable[[list[Row]], list[Row]]


@dataclass(frozen=True)
class Defect:
    """What goes wrong with a day, and the check that must find it; ``told`` is empty where nothing goes wrong.

    ``schema`` are changes of the task's data schema, ``tuning`` of its tuning, ``appended`` rows that another writer
    adds to the day afterwards.
    """

    name: str
    told: str
    change: Change = list
    schema: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    appended: int = 0

    @property
    def needs_a_task(self) -> bool:
        """Whether it is published by a task of its own."""
        return bool(self.schema or self.tuning)


def rows_of(day: int) -> list[Row]:
    """About two hundred rows of that day, more at noon than at night."""
    dice, start = random.Random(day), START + timedelta(days=day)
    return [
        {
            "timestamp": format_instant(start + timedelta(hours=hour, minutes=dice.randrange(60))),
            "patient_token": f"{dice.randrange(50):032x}",
            "category": dice.choice(CATEGORIES),
            "code": f"LOINC-{dice.choice(CODES)}-{day % 7}",
            "units": dice.choice(UNITS),
            "value": round(dice.uniform(1, 200), 3),
            "paid": dice.randrange(1, 5_000),
        }
        for hour in range(24)
        for _ in range(5 + min(hour, 24 - hour) // 2)
    ]


def _each(**changes: Callable[[Row], Any]) -> Change:
    return lambda rows: [row | {name: change(row) for name, change in changes.items()} for row in rows]


def _one(index: int, **changes: Callable[[Row], Any]) -> Change:
    return lambda rows: [*rows[:index], *_each(**changes)([rows[index]]), *rows[index + 1 :]]


def _both(first: Change, second: Change) -> Change:
    return lambda rows: second(first(rows))


def _moved(hours: int) -> Callable[[Row], str]:
    """The row's hour so much earlier, within its day, as if its neighbours' rows came in for those that went out."""

    def earlier(row: Row) -> str:
        at = datetime.fromisoformat(row["timestamp"])
        return format_instant(at.replace(hour=(at.hour - hours) % 24))

    return earlier


def _shuffled(rows: list[Row]) -> list[Row]:
    return random.Random(1).sample(rows, len(rows))


def _without(names: Iterable[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return [each for each in names if each["name"] != name]


def _dimensions(*names: str) -> dict[str, Any]:
    return {"dimensionsSpec": {"dimensions": [*names]}}


DEFECTS = (
    Defect("good", "", _shuffled),
    Defect("ten rows dropped", "rows", lambda rows: rows[10:]),
    Defect("one row dropped", "rows", lambda rows: rows[1:]),
    Defect("all rows doubled", "rows", lambda rows: rows * 2),
    Defect("one row doubled", "rows", lambda rows: [*rows, rows[0]]),
    Defect("a metric shifted", "sum value_sum", _each(value=lambda row: row["value"] + 0.001)),
    Defect("one cent more in one row", "sum cents", _one(7, paid=lambda row: row["paid"] + 1)),
    Defect("a shift that cancels out", "negative value_sum",
           _both(_one(3, value=lambda row: row["value"] - 1_000), _one(4, value=lambda row: row["value"] + 1_000))),
    Defect("an extreme that cancels out", "magnitude cents",
           _both(_one(3, paid=lambda row: row["paid"] - 10**9), _one(4, paid=lambda row: row["paid"] + 10**9))),
    Defect("values of the wrong type", "sum value_sum", _each(value=lambda _: "n/a")),
    Defect("null flood in a third of the rows", "nulls code",
           lambda rows: [row | ({} if n % 3 else {"code": None}) for n, row in enumerate(rows)]),
    Defect("one null more", "nulls units", _one(11, units=lambda _: None)),
    Defect("a column of nothing but nulls", "nulls category", _each(category=lambda _: None)),
    Defect("the day missing", "rows", lambda _: []),
    Defect("an hour's rows in another hour", "time",
           _each(timestamp=lambda row: row["timestamp"].replace("T03:", "T04:"))),
    Defect("wrong timezone", "time", _each(timestamp=_moved(5))),
    Defect("two columns exchanged", "distinct code", _each(code=lambda r: r["units"], units=lambda r: r["code"])),
    Defect("tokens cut short", "distinct patient_token", _each(patient_token=lambda row: row["patient_token"][:31])),
    Defect("truncated segment: the afternoon is not in it", "time",
           lambda rows: [row for row in rows if datetime.fromisoformat(row["timestamp"]).hour < 12]),
    Defect("rows of another writer", "rows", appended=3),
    Defect("schema lost: a dimension", "nulls category", schema=_dimensions("patient_token", "code", "units")),
    Defect("schema lost: a metric", "schema metrics that are missing",
           schema={"metricsSpec": _without(METRICS, "cents")}),
    Defect("a column that is nobody's", "schema columns that the pipeline has not",
           lambda rows: [row | {"ward": f"w{n % 3}"} for n, row in enumerate(rows)],
           schema=_dimensions(*DIMENSIONS, "ward")),
    Defect("texts as numbers", "schema type of units", _each(units=lambda row: len(row["units"])),
           schema={"dimensionsSpec": {"dimensions": [*DIMENSIONS[:3], {"type": "long", "name": "units"}]}}),
    Defect("fragmented", "segments number",
           tuning={"partitionsSpec": {"type": "dynamic", "maxRowsPerSegment": 40}}),
)  # fmt: skip
WINDOW = Interval(START, START + timedelta(days=len(DEFECTS)))


def day_of(number: int) -> Interval:
    """The time chunk of the defect of that number."""
    return Interval(START + timedelta(days=number), START + timedelta(days=number + 1))


def base_task() -> dict[str, Any]:
    """The native task that publishes all days as they should be."""
    return native_task("base", [row for day in range(len(DEFECTS)) for row in rows_of(day)], [WINDOW])


def defect_tasks() -> list[dict[str, Any]]:
    """The native tasks that publish all days anew, each with its defect."""
    shared = [number for number, defect in enumerate(DEFECTS) if not defect.needs_a_task]
    rows = [row for number in shared for row in DEFECTS[number].change(rows_of(number))]
    alone = [
        native_task(f"alone-{number}", defect.change(rows_of(number)), [day_of(number)],
                    schema=defect.schema, tuning=defect.tuning)
        for number, defect in enumerate(DEFECTS) if defect.needs_a_task
    ]  # fmt: skip
    return [native_task("shared", rows, [day_of(number) for number in shared]), *alone]


def append_tasks() -> list[dict[str, Any]]:
    """The native tasks of another writer, who adds rows to what was published."""
    return [
        native_task(f"append-{number}", rows_of(number)[: defect.appended], [day_of(number)], append=True)
        for number, defect in enumerate(DEFECTS)
        if defect.appended
    ]


def native_task(
    name: str,
    rows: Sequence[Row],
    intervals: Sequence[Interval],
    *,
    schema: Mapping[str, Any] | None = None,
    tuning: Mapping[str, Any] | None = None,
    append: bool = False,
) -> dict[str, Any]:
    """Druid's own batch task with its rows in it; a day of ``intervals`` without rows becomes a tombstone.

    Source: https://druid.apache.org/docs/25.0.0/ingestion/native-batch.html
    """
    granularity = {"segmentGranularity": "DAY", "queryGranularity": "MINUTE", "rollup": False}
    return {
        "type": "index_parallel",
        "id": f"planted-{name}",
        "spec": {
            "dataSchema": {
                "dataSource": DATASOURCE,
                "timestampSpec": {"column": "timestamp", "format": "iso"},
                "dimensionsSpec": {"dimensions": [*DIMENSIONS]},
                "metricsSpec": [*METRICS],
                "granularitySpec": granularity | {"intervals": [str(each) for each in intervals]},
                **(schema or {}),
            },
            "ioConfig": {
                "type": "index_parallel",
                "inputSource": {"type": "inline", "data": "\n".join(map(json.dumps, rows))},
                "inputFormat": {"type": "json"},
                "appendToExisting": append,
                "dropExisting": not append,
            },
            "tuningConfig": {"type": "index_parallel", **(tuning or {})},
        },
    }
