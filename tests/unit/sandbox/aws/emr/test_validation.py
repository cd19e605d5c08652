"""Refusals that need no account; the others are a contract test, `test_emr_refusals.py`."""

from __future__ import annotations

import pytest
from moto.emr.exceptions import InvalidRequestException, ValidationException

from druid_reindex.sandbox.aws.emr import validation
from druid_reindex.sandbox.aws.emr.lifecycle import USER_REQUEST
from druid_reindex.sandbox.aws.emr.model import ENDING, ClusterState
from emulated_account import shell
from emulated_clusters import new_cluster


@pytest.mark.parametrize("action", ["CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"])
def test_beside_other_steps_only_continue_is_accepted(action: str) -> None:
    validation.steps([shell("true", action)], 1, 0)
    validation.steps([shell("true")], 2, 0)
    with pytest.raises(ValidationException):
        validation.steps([shell("true", action)], 2, 0)


def test_active_steps_are_counted() -> None:
    validation.steps([shell("true")], 1, 255)
    with pytest.raises(ValidationException, match="active steps"):
        validation.steps([shell("true")], 1, 256)
    with pytest.raises(ValidationException, match="Invalid ActionOnFailure"):
        validation.steps([shell("true", "PRAY")], 1, 0)


@pytest.mark.parametrize("state", list(ClusterState))
def test_steps_are_accepted_in_four_states(state: ClusterState) -> None:
    cluster = new_cluster()
    cluster.state = state
    if state in ENDING:
        with pytest.raises(ValidationException, match="may not be modified"):
            validation.may_add_steps(cluster)
    else:
        validation.may_add_steps(cluster)


def test_a_cluster_that_was_asked_to_end_takes_no_steps() -> None:
    cluster = new_cluster()
    with cluster.changed:
        cluster.end(USER_REQUEST)
    with pytest.raises(ValidationException):
        validation.may_add_steps(cluster)


@pytest.mark.parametrize("seconds", [None, 0, 59, 604801])
def test_an_idle_time_is_a_minute_to_a_week(seconds: int | None) -> None:
    validation.idle_timeout({"IdleTimeout": 60})
    validation.idle_timeout({"IdleTimeout": 604800})
    with pytest.raises(ValidationException):
        validation.idle_timeout({"IdleTimeout": seconds})


@pytest.mark.parametrize(
    "tags", [[{"Key": "aws:x"}], [{"Key": "AWS:x"}], [{"Key": ""}], [{"Key": str(i)} for i in range(11)]]
)
def test_reserved_empty_and_too_many_tags(tags: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationException):
        validation.tags(tags)


@pytest.mark.parametrize(
    ("name", "text"), [("", "{}"), ("used", "{}"), ("new", "["), ("new", "[]"), ("new", '{"Other": 1}')]
)
def test_security_configurations(name: str, text: str) -> None:
    with pytest.raises(InvalidRequestException):
        validation.security_configuration(name, text, {"used": object()})
