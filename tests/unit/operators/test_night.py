"""Tests of what the operators of a night share."""

from __future__ import annotations

from typing import ClassVar

import pytest
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from druid_reindex.clients.calls import Tally
from druid_reindex.errors import ConfigurationError, NotFoundError, RefusedError, UnavailableError
from druid_reindex.operators.night import NightOperator, as_airflow
from druid_reindex.operators.plan import PlanNightOperator
from night_world import SETTINGS, World, make
from twins import Outcome


class Asking(NightOperator):
    """Asks, waits, asks again and fails."""

    looks: ClassVar[list[str]] = []

    def carry_out(self, context: Context) -> str:
        """Fail at the second look."""
        Tally().add("druid")
        self.looks.append(str(context["dag_run"].run_id))
        self.waiting.until(lambda: len(self.looks), lambda n: n > 1, SETTINGS.task_wait("t"))
        raise NotFoundError("look", resource="t", came_back="nothing", remedy="look again")


WORDS = {"resource": "r", "came_back": "c", "remedy": "m"}


def test_the_error_decides_about_retries() -> None:
    assert type(as_airflow(RefusedError("a", **WORDS))) is AirflowFailException
    assert type(as_airflow(UnavailableError("a", **WORDS))) is AirflowException


def test_the_boundary_gives_pool_queue_and_connections() -> None:
    operator = make(PlanNightOperator, "plan")
    assert (operator.pool, operator.queue, operator.retries) == ("druid_reindex_phi", "phi", 2)
    assert (SETTINGS.druid_conn_id, SETTINGS.aws_conn_id) == ("druid_phi", "aws_phi")


def test_a_protected_pipelines_task_does_not_parse_in_a_general_dag() -> None:
    with pytest.raises(ConfigurationError, match="tagged general"), DAG("d", tags={"general"}, schedule=None):
        make(PlanNightOperator, "plan")


def test_the_identity_is_equal_for_all_tasks_of_a_run(world: World) -> None:
    one = make(PlanNightOperator, "plan").run_identity(world.context())
    assert make(PlanNightOperator, "other").run_identity(world.context()) == one
    world.run_id = "manual__2"
    assert make(PlanNightOperator, "plan").run_identity(world.context()) != one


def test_what_a_task_asked_of_the_outside_is_told_also_across_a_wait_and_in_failure(world: World) -> None:
    world.druid.tasks["t"] = Outcome(polls=0)
    with pytest.raises(AirflowFailException):
        world.run(make(Asking, "asking"))
    assert world.xcoms["asking", "outside_calls"] == {"druid": 2}


def test_who_asks_nothing_tells_nothing(world: World) -> None:
    world.plan()
    assert ("plan", "outside_calls") not in world.xcoms
