"""A Broker over ``httpx.MockTransport`` that answers a query by its words, and keeps what it was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

TYPES = {"VARCHAR": 12, "BIGINT": -5, "DOUBLE": 8, "TIMESTAMP": 93}
_SELECT = re.compile(r"SELECT (?P<select>.*?)\s+FROM ", re.DOTALL)


@dataclass
class SqlBroker:
    """Knows ``columns`` by SQL's type; ``answers`` are (words, value): the first whose words are selected counts."""

    columns: Mapping[str, str]
    answers: list[tuple[str, Any]] = field(default_factory=list)
    refuses: Callable[[str], str] = lambda _sql: ""
    status: int = 200
    asked: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        sql = " ".join(body["query"].split())
        self.asked.append(sql)
        self.requests.append(request)
        assert (body["resultFormat"], body["header"]) == ("array", True)
        refused = self.refuses(sql)
        if refused or self.status != 200:
            error = {"error": "Plan validation failed", "errorMessage": refused, "errorClass": "ValidationException"}
            return httpx.Response(400 if refused else self.status, json=error)
        if "INFORMATION_SCHEMA.COLUMNS" in sql:
            head = ["COLUMN_NAME", "JDBC_TYPE", "IS_NULLABLE", "COLUMN_DEFAULT"]
            rows: list[list[Any]] = [[name, TYPES[kind], "YES", ""] for name, kind in self.columns.items()]
            return httpx.Response(200, json=[head, *rows])
        select = _parts(_SELECT.match(sql)["select"])  # type: ignore[index]
        return httpx.Response(200, json=[[f"c{i}" for i in range(len(select))], [self._value(each) for each in select]])

    def _value(self, aggregate: str) -> Any:
        return next((value for words, value in self.answers if words in aggregate), 0)


def _parts(select: str) -> list[str]:
    """What is selected, cut at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in select:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
