"""Great Expectations over pydruid's dialect, as ``ports.ExpectationsPort``.

The suite runs over the batch's intervals alone, in two or three queries that Great Expectations bundles by itself, with
``result_format`` BOOLEAN_ONLY: it asks for counts, and no value of a row leaves Druid. What it cannot ask Druid is
counted in plain SQL: uniqueness would be a cast that Druid refuses, and sets of distinct values would be fetched.
No context is made, so nothing is written beside the results, and nobody is told that they were made.
Source: https://docs.greatexpectations.io/docs/core/trigger_actions_based_on_results/choose_a_result_format/
Source: https://github.com/druid-io/pydruid/issues/157
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import httpx

from druid_reindex.clients.druid_dbapi import ATTEMPTED, DruidConnection, connect, engine_of
from druid_reindex.clients.druid_http import DruidConfig, DruidHttp, Pace
from druid_reindex.clients.expectations_docs import page_of, results_document
from druid_reindex.clients.expectations_sql import COUNTED, count_query, within
from druid_reindex.errors import DruidReindexError, RefusedError
from druid_reindex.model.expectation import Expectation, Report, Result
from druid_reindex.model.interval import Interval

READ_SECONDS = 300.0
"""A whole batch is counted in one query; Druid gives one up after five minutes, unless it is told otherwise."""

_NUMBER = "number"
_KINDS = {ATTEMPTED: "Druid refuses the query", "does not exist": "there is no such column"}
_COUNTS_ONLY = {"result_format": {"result_format": "BOOLEAN_ONLY"}, "catch_exceptions": True}


class ExpectationsClient:
    """Suites over a Druid cluster; a context manager that closes its connections."""

    def __init__(
        self, config: DruidConfig, *, transport: httpx.BaseTransport | None = None, pace: Pace | None = None
    ) -> None:
        self._config = replace(config, read_seconds=max(config.read_seconds, READ_SECONDS))
        self._http = DruidHttp(self._config, transport=transport, pace=pace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def run(
        self, datasource: str, intervals: Sequence[Interval], expectations: Sequence[Expectation], *, title: str
    ) -> Report:
        """What became of each of ``expectations`` within ``intervals``; ``title`` stands on the page.

        One that Druid refuses to answer is a result that could not be read; any other error is raised.
        """
        connection = connect(self._config, self._http)
        told: dict[int, Any] = {}
        asked = [(i, each) for i, each in enumerate(expectations) if each.type not in COUNTED]
        told |= self._by_great_expectations(connection, datasource, intervals, asked)
        for i, each in enumerate(expectations):
            if each.type in COUNTED:
                told[i] = _outcome(each, *_counted(connection, datasource, intervals, each))
        unanswered = next((each for each in connection.errors if not isinstance(each, RefusedError)), None)
        if unanswered is not None:
            raise unanswered
        ordered = [told[i] for i in range(len(expectations))]
        results = tuple(_result(each, outcome) for each, outcome in zip(expectations, ordered, strict=True))
        document = results_document(ordered, title)
        return Report(results, document.to_json_dict(), page_of(document))

    def _by_great_expectations(
        self,
        connection: DruidConnection,
        datasource: str,
        intervals: Sequence[Interval],
        asked: Sequence[tuple[int, Expectation]],
    ) -> dict[int, Any]:
        if not asked:
            return {}
        from great_expectations.expectations.expectation_configuration import (
            ExpectationConfiguration,
        )

        configurations = [
            ExpectationConfiguration(type=each.type, kwargs=each.arguments, meta={_NUMBER: i}) for i, each in asked
        ]
        validator = _validator(connection, datasource, intervals)
        outcomes = validator.graph_validate(configurations=configurations, runtime_configuration=_COUNTS_ONLY)
        return {each.expectation_config.meta.pop(_NUMBER): _bare(each) for each in outcomes}


def _validator(connection: DruidConnection, datasource: str, intervals: Sequence[Interval]) -> Any:
    """Great Expectations' validator of the rows within ``intervals``; it shows no progress and makes no table."""
    import sqlalchemy  # noqa: PLC0415
    from great_expectations.core.batch import Batch
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine
    from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
    from great_expectations.validator.validator import Validator

    engine = SqlAlchemyExecutionEngine(engine=engine_of(connection), create_temp_table=False)
    rows = (
        sqlalchemy.select(sqlalchemy.text("*"))
        .select_from(sqlalchemy.table(datasource))
        .where(sqlalchemy.text(within(intervals)))
    )
    table = sqlalchemy.quoted_name(datasource, quote=True)
    data = SqlAlchemyBatchData(
        execution_engine=engine, selectable=rows, create_temp_table=False, source_table_name=table
    )
    validator = Validator(execution_engine=engine, batches=[Batch(data=data)])
    validator.metrics_calculator.show_progress_bars = False
    return validator


def _counted(
    connection: DruidConnection, datasource: str, intervals: Sequence[Interval], expectation: Expectation
) -> tuple[bool, str]:
    """Whether it holds, and why that could not be read, if it could not."""
    try:
        _, ((unexpected, *members),) = connection.select(count_query(datasource, intervals, expectation))
    except DruidReindexError as error:
        return False, _raised({"raised_exception": True, "exception_message": str(error)})
    return not unexpected and all(members), ""


def _outcome(expectation: Expectation, held: bool, unread: str) -> Any:
    """A result in Great Expectations' form."""
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    configuration = ExpectationConfiguration(type=expectation.type, kwargs=expectation.arguments)
    return ExpectationValidationResult(
        success=held, expectation_config=configuration, result={}, exception_info=_told(unread), meta={}
    )


def _bare(outcome: Any) -> Any:
    """``outcome`` without what was counted or raised, of which an exception's text may quote a value."""
    outcome.result, outcome.exception_info = {}, _told(_raised(outcome.exception_info or {}))
    return outcome


def _told(unread: str) -> dict[str, Any]:
    """What Great Expectations calls an exception; its page wants a text where one was raised."""
    text = unread or None
    return {"raised_exception": bool(unread), "exception_message": text, "exception_traceback": text}


def _raised(info: dict[str, Any]) -> str:
    """What kind of exception an outcome tells of, without its words; empty without one."""
    each = [info] if "raised_exception" in info else list(info.values())
    texts = [str(one.get("exception_message")) for one in each if one.get("raised_exception")]
    known = [told for words, told in _KINDS.items() if any(words in text for text in texts)]
    return next(iter(known), "Great Expectations cannot ask it" if texts else "")


def _result(expectation: Expectation, outcome: Any) -> Result:
    unread = outcome.exception_info["exception_message"] or ""
    wanted = ", ".join(f"{name} {value}" for name, value in expectation.arguments.items() if name != "column")
    about = " ".join([expectation.type, *expectation.columns])
    return Result(about, None if unread else bool(outcome.success), wanted or "to hold", unread)
