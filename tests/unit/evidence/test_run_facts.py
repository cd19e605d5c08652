"""What a run's journal says that the run can be known by."""

from __future__ import annotations

from datetime import timedelta

from druid_reindex.evidence.run_facts import arn_of, facts_of
from druid_reindex.model.attempt import session_name_of
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from trail_account import HOUR, NIGHT
from trail_runs import ACCESS_KEY, INSTANCE, KEY_ARN, ROLE, RUN, call

WINDOW = Window(NIGHT, NIGHT + HOUR)
TASK = "reindex.-1.2"
WORKER = "ASIATHEWORKERSOWN001"


def assuming(**changes: object) -> AwsCall:
    told = {"event_source": "sts.amazonaws.com", "operation": "AssumeRole", "access_key_id": WORKER, "task": TASK}
    return call(0, NIGHT - timedelta(seconds=1), **{**told, "resources": (ROLE,), **changes})


def test_what_a_role_gave_is_the_runs_and_what_asked_for_it_is_the_workers() -> None:
    found = facts_of(RUN, [assuming(), call(1), call(2, access_key_id="AKIAOFLONGLIFE000001")], WINDOW)
    assert found.access_keys == {ACCESS_KEY}
    assert found.sessions == {session_name_of(RUN, TASK): ROLE}


def test_without_a_role_no_key_is_the_runs_own() -> None:
    assert facts_of(RUN, [call(1)], WINDOW).access_keys == frozenset()
    assert facts_of(RUN, [assuming(error_code="AccessDenied"), call(1)], WINDOW).access_keys == frozenset()


def test_the_key_of_a_step_is_its_instances_and_not_the_runs() -> None:
    step = call(3, access_key_id="ASIAANINSTANCE000001", task="drx_patient_vitals_1a2b_b0_0123abcd_g1")
    assert facts_of(RUN, [assuming(), call(1), step], WINDOW).access_keys == {ACCESS_KEY}


def test_instances_live_as_long_as_the_run() -> None:
    found = facts_of(RUN, [], WINDOW, (KEY_ARN,), (INSTANCE,))
    assert (found.instances, found.resources) == ({INSTANCE: WINDOW}, (KEY_ARN,))


def test_the_arn_of_an_address() -> None:
    assert arn_of(S3Uri("nights", "runs/1")) == "arn:aws:s3:::nights/runs/1"
    assert arn_of(S3Uri("nights", "")) == "arn:aws:s3:::nights"
