"""The text names what stopped and why; what cannot be read is said in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.errors import NoAnswerError
from druid_reindex.operators import connections
from druid_reindex.operators.night import NIGHT_KEY, PLAN_TASK
from druid_reindex.operators.night_text import failed_text, late_text
from failed_context import crumb, failed
from night_world import ROOT, SETTINGS, World, connect


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A night with twins behind the connections."""
    return connect(World(), monkeypatch)


def test_a_task_that_told_no_reason_says_so() -> None:
    context = failed(crumb("cluster_up"), crumb("reindex", map_index=0))
    text = failed_text(context, SETTINGS)
    assert "cluster_up: it told no reason" in text
    assert "              reindex[0]\n" in text


def test_a_verdict_that_fails_alone_is_its_own_reason() -> None:
    context = failed(crumb("plan", "success"))
    assert "WHY           these tasks failed" in failed_text(context, SETTINGS)


def test_what_cannot_be_told_is_said_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_conn_id: str, *, protected: bool) -> None:
        assert protected
        raise NoAnswerError("ask", resource="Druid", came_back="nothing", remedy="wait")

    monkeypatch.setattr(connections, "druid_client", away)
    context = failed(crumb("plan"))
    assert "RUNNING       no cluster" in failed_text(context, SETTINGS)
    no_profile = failed(crumb("plan"), xcoms={(PLAN_TASK, NIGHT_KEY, None): {"batches": [], "profile": "none"}})
    assert "its state could not be told" in failed_text(no_profile, SETTINGS)


def test_a_late_night_is_told_though_its_pipeline_cannot_be_read() -> None:
    text = late_text({"dag_run_id": "manual__1"}, Path("no such file"), ROOT / "emr_configs")
    assert "the night is not over at its deadline" in text
    assert "manual__1" in text
    assert "no such file" in text
