"""Tests of `verdict`."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.operators.verdict import NightVerdictOperator
from night_world import World, make, rebuilt


def verdict(world: World) -> dict[str, str]:
    found: dict[str, str] = world.run(make(NightVerdictOperator, "verdict"))
    return found


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_any_failed_task_makes_the_night_red_and_is_named(world: World, state: str) -> None:
    world.plan()
    world.states = {"plan": "success", "reindex_0": state, "reindex_1": state, "cluster_down": "success"}
    with pytest.raises(AirflowFailException, match="these tasks failed: reindex_0, reindex_1"):
        verdict(world)


def test_rebuilt_and_nothing_to_do(world: World) -> None:
    world.states = {"plan": "success", "cluster_up": "skipped"}
    world.plan()
    assert verdict(world)["status"] == "rebuilt"
    world.druid.segments = [rebuilt()]
    world.plan()
    assert verdict(world)["status"] == "nothing to do"


def test_a_plan_that_was_marked_a_success_by_hand_is_no_night(world: World) -> None:
    world.states = {"plan": "success", "cluster_up": "success"}
    with pytest.raises(AirflowFailException, match="clear plan"):
        verdict(world)


def test_a_night_of_which_anything_was_taken_back_is_red_whatever_was_cleared_since(world: World) -> None:
    world.states = {"plan": "success", "validate": "success", "rollback": "success"}
    world.plan()
    world.xcoms["rollback", "return_value"] = {"rolled_back": ["a/b"], "serving": {}}
    with pytest.raises(AirflowFailException, match=r"1 chunks were taken back.*druid-reindex resume manual__1"):
        verdict(world)


def test_it_is_not_tried_again() -> None:
    assert make(NightVerdictOperator, "verdict").retries == 0
