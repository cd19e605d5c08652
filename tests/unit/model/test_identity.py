"""Tests of a run's identity."""

from __future__ import annotations

import hashlib
from uuid import UUID

from druid_reindex.model.identity import RunId, digest

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_equal_for_the_same_run_and_different_elsewhere() -> None:
    made = RunId.of(ONE, dag_id="d", run_id="r")
    assert made == RunId.of(ONE, dag_id="d", run_id="r")
    others = {RunId.of(OTHER, dag_id="d", run_id="r"), RunId.of(ONE, dag_id="e", run_id="r")}
    assert made not in others | {RunId.of(ONE, dag_id="d", run_id="s")}


def test_the_border_between_the_parts_counts() -> None:
    assert RunId.of(ONE, dag_id="a/1:b", run_id="c") != RunId.of(ONE, dag_id="a", run_id="1:b/c")


def test_the_short_form_is_the_beginning() -> None:
    made = RunId.of(ONE, dag_id="d", run_id="r")
    assert len(made.short) == 12
    assert str(made).replace("-", "").startswith(made.short)


def test_digest() -> None:
    assert digest(b"plan") == hashlib.sha256(b"plan").hexdigest()
