"""Druid's answers about who else writes a datasource, and how its supervisors are suspended and resumed.

Sources: https://druid.apache.org/docs/25.0.0/operations/api-reference.html#supervisors,
https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/overlord/supervisor/SupervisorResource.java,
https://druid.apache.org/docs/25.0.0/operations/api-reference.html#automatic-compaction-configuration
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx

from druid_reindex.clients.druid_answers import json_rows, text
from druid_reindex.clients.druid_errors import from_answer
from druid_reindex.clients.druid_http import Ask, DruidHttp, unknown_form, where
from druid_reindex.model.writers import Supervisor, SupervisorVersion

# A supervisor's own kind keeps its datasource here; that of compaction (since 31) says dataSource itself.
_PLACES = (("spec", "dataSchema", "dataSource"), ("dataSchema", "dataSource"), ("spec", "dataSource"))
# Druid answers once the supervisor has stopped: shutdownTimeout, 80 s unless it is configured otherwise.
# Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/kafka-supervisor-reference.html
_ANSWER_SECONDS = 150.0
_ALREADY = ("is already suspended", "is already running")
_UNKNOWN = ("does not exist", "Cannot find any supervisor with id")
_NO_HISTORY = "No history for"


def supervisors_of(rows: Iterable[Mapping[str, Any]], datasource: str, ask: Ask) -> tuple[Supervisor, ...]:
    """The supervisors of ``datasource`` in the answer to ``GET …/supervisor?full``.

    One whose datasource is not told counts too; Druid tells only of those whose datasources the user may write.
    Raises ProtocolError for an answer of another form.
    """
    found = []
    for row in rows:
        try:
            known = _datasources(row["spec"])
            is_suspended = row["spec"].get("suspended") is True
            supervisor = Supervisor(str(row["id"]), is_suspended, is_known=known == {datasource})
        except (KeyError, TypeError, AttributeError) as error:
            raise unknown_form(ask, f"a supervisor without a usable {error}") from error
        if not known or datasource in known:
            found.append(supervisor)
    return tuple(found)


def versions_of(http: DruidHttp, overlord: str, supervisor_id: str) -> list[SupervisorVersion]:
    """The supervisor's history, newest first; nothing of one that Druid has never had.

    Raises ProtocolError for an answer of another form.
    """
    ask = Ask("read a supervisor's history", "GET", _url(overlord, supervisor_id, "history"),
              expected=frozenset({200, 404}))  # fmt: skip

    def read(response: httpx.Response) -> list[SupervisorVersion]:
        if response.status_code == httpx.codes.NOT_FOUND:
            _require_said(response, ask, (_NO_HISTORY, *_UNKNOWN))
            return []
        try:
            return [_version(row) for row in json_rows(response, ask.attempted)]
        except (KeyError, TypeError, AttributeError) as error:
            raise unknown_form(ask, f"a version without a usable {error}") from error

    return http.run(ask, read)


def turn(http: DruidHttp, overlord: str, supervisor_id: str, verb: Literal["suspend", "resume"]) -> bool:
    """Whether this request suspended or resumed the supervisor: not where it was so already, or is not there.

    The request that suspends is made once, so that the answer is about that very one.
    """
    ask = Ask(f"{verb} a supervisor", "POST", _url(overlord, supervisor_id, verb), repeatable=verb == "resume",
              expected=frozenset({200, 400, 404}), read_seconds=_ANSWER_SECONDS)  # fmt: skip

    def read(response: httpx.Response) -> bool:
        if response.status_code == httpx.codes.OK:
            return True
        _require_said(response, ask, _ALREADY if response.status_code == httpx.codes.BAD_REQUEST else _UNKNOWN)
        return False

    return http.run(ask, read)


def _url(overlord: str, supervisor_id: str, part: str) -> str:
    return f"{overlord}/druid/indexer/v1/supervisor/{quote(supervisor_id, safe='')}/{part}"


def _require_said(response: httpx.Response, ask: Ask, known: Iterable[str]) -> None:
    """Raise what any other answer of that status stands for."""
    said = text(response)
    if not any(each in said for each in known):
        raise from_answer(response, attempted=ask.attempted, resource=where(response.request.url))


def _version(row: Mapping[str, Any]) -> SupervisorVersion:
    """A spec that this Overlord cannot read any more is null."""
    return SupervisorVersion(str(row["version"]), (row["spec"] or {}).get("suspended") is True)


def _datasources(spec: Mapping[str, Any]) -> frozenset[str]:
    """Empty where the spec does not tell."""
    for place in _PLACES:
        at: Any = spec
        for name in place:
            at = at.get(name) if isinstance(at, Mapping) else None
        if isinstance(at, str):
            return frozenset([at])
    several = spec.get("dataSources")
    return frozenset(map(str, several)) if isinstance(several, list) else frozenset()
