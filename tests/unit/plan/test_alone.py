"""What may write beside a job without locks."""

from __future__ import annotations

import pytest

from druid_reindex.errors import ConfigurationError, ConflictError
from druid_reindex.model.writers import Supervisor, Writers
from druid_reindex.plan.alone import refuse_others, refuse_standing

SUSPENDED = Supervisor("vitals-stream", is_suspended=True)
RUNNING = Supervisor("vitals-stream", is_suspended=False)


def test_nobody_else_is_no_reason_to_refuse() -> None:
    refuse_others("vitals", Writers())
    refuse_others("vitals", Writers(supervisors=(SUSPENDED,)))


@pytest.mark.parametrize(
    ("writers", "said"),
    [
        (Writers(supervisors=(SUSPENDED, RUNNING)), "supervisor vitals-stream runs"),
        (Writers(is_compacted=True), "the Coordinator compacts it automatically"),
    ],
)
@pytest.mark.parametrize("refuse", [refuse_standing, refuse_others])
def test_what_does_not_end_by_itself_is_for_a_person(refuse: object, writers: Writers, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        refuse("vitals", writers)  # type: ignore[operator]
    assert "submit: overlord" in refused.value.remedy


@pytest.mark.parametrize("writers", [Writers(active=("t1",)), Writers(succeeded=("t1",))])
def test_a_task_that_writes_or_has_written_since_the_plan_wants_another_plan(writers: Writers) -> None:
    refuse_standing("vitals", writers)
    with pytest.raises(ConflictError, match="since the plan: t1") as refused:
        refuse_others("vitals", writers)
    assert "clear plan" in refused.value.remedy
