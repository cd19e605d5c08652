"""What passes a limit waits for a person; what a person rejects launches nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.operators.approve import ApproveNightOperator, question
from night_world import SETTINGS

if TYPE_CHECKING:
    from night_world import World

OVER = ["10 time chunks, where the policy allows 4"]


class Asked(Exception):
    """A person is asked."""


@pytest.fixture(autouse=True)
def _asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(operator: ApprovalOperator, _context: Any) -> None:
        raise Asked(operator.subject, operator.body)

    monkeypatch.setattr(ApprovalOperator, "execute", ask)


def approve() -> ApproveNightOperator:
    return ApproveNightOperator(task_id="approve", settings=SETTINGS)


def planned(world: World, **told: Any) -> Any:
    world.plan()
    world.xcoms["plan", "night"] |= told
    return world.context("approve")


def test_a_night_within_its_limits_goes_on(world: World) -> None:
    assert approve().execute(planned(world)) == {"asked": False, "over_limits": []}


def test_a_night_beyond_a_limit_asks_with_all_that_the_answer_needs(world: World) -> None:
    with pytest.raises(Asked) as asked:
        approve().execute(planned(world, over_limits=OVER))
    subject, body = asked.value.args
    assert subject == "Rebuild 1 time chunks of patient_vitals?"
    for told in (OVER[0], "reason: a test", "10 segments", "instance-hours", "US dollars", "plan.html"):
        assert told in body


def test_a_dry_run_asks_nobody(world: World) -> None:
    assert approve().execute(planned(world, over_limits=OVER, batches=[]))["asked"] is False


def test_an_unknown_cost_is_told_as_unknown(world: World) -> None:
    night = planned(world)["ti"].xcom_pull("plan", key="night")
    night["estimate"] |= {"cost_usd": None}
    assert "US dollars: unknown" in question(SETTINGS, night)[1]
    assert "supervisor" not in question(SETTINGS, night)[1]
    assert "- supervisor s0 is suspended" in question(SETTINGS, night | {"suspended": ["s0"]})[1]


def answer(world: World, **event: Any) -> Any:
    context = planned(world, over_limits=OVER)
    told = {
        "chosen_options": ["Approve"],
        "params_input": {},
        "responded_at": datetime(2026, 10, 6, 3, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "pat"},
        "timedout": False,
    } | event
    return approve().execute_complete(context, told)


def test_an_approval_names_who_and_when(world: World) -> None:
    told = answer(world)
    assert (told["asked"], told["approved_by"], told["over_limits"]) == (True, "pat", OVER)
    assert told["approved_at"].startswith("2026-10-06T03:00")


def test_a_rejection_is_final_and_names_who_and_what(world: World) -> None:
    with pytest.raises(AirflowFailException, match=r"pat rejected it: 10 time chunks.*nothing was launched"):
        answer(world, chosen_options=["Reject"])


def test_no_answer_in_time_is_final(world: World) -> None:
    with pytest.raises(AirflowFailException, match="nobody answered in time"):
        answer(world, error="nobody", error_type="timeout", chosen_options=[])
