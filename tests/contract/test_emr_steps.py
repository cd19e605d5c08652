"""Steps as real processes: order, failure, cancellation, logs."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulated_account import LOGS, LOGS_KEY, script, shell, state, step_state, until

Launch = Callable[..., str]
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED")


def add(emr: Any, cluster_id: str, *steps: dict[str, Any]) -> list[str]:
    return list(emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=list(steps))["StepIds"])


def states(emr: Any, cluster_id: str, step_ids: list[str]) -> list[str]:
    return [step_state(emr, cluster_id, step_id) for step_id in step_ids]


def await_end(emr: Any, cluster_id: str, step_ids: list[str]) -> list[str]:
    for step_id in step_ids:
        until(lambda step_id=step_id: step_state(emr, cluster_id, step_id), *ENDED)
    return states(emr, cluster_id, step_ids)


def log(s3: Any, cluster_id: str, step_id: str, name: str) -> str:
    found = s3.get_object(Bucket=LOGS, Key=f"emr/{cluster_id}/steps/{step_id}/{name}.gz")
    assert found["SSEKMSKeyId"] == LOGS_KEY
    return gzip.decompress(found["Body"].read()).decode()


@pytest.fixture
def waiting(emr: Any, launch: Launch) -> str:
    cluster_id = launch()
    until(lambda: state(emr, cluster_id), "WAITING")
    return cluster_id


def test_steps_run_one_after_the_other_and_leave_their_logs(emr: Any, s3: Any, waiting: str, tmp_path: Path) -> None:
    order = tmp_path / "order"
    ids = add(
        emr,
        waiting,
        shell(f"sleep 0.3; echo one >> {order}; echo said; echo complained >&2"),
        shell(f"echo two >> {order}"),
    )
    assert await_end(emr, waiting, ids) == ["COMPLETED", "COMPLETED"]
    assert order.read_text().split() == ["one", "two"]
    assert log(s3, waiting, ids[0], "stdout") == "said\n"
    assert log(s3, waiting, ids[0], "stderr") == "complained\n"
    assert "exit code 0" in log(s3, waiting, ids[0], "controller")
    timeline = emr.describe_step(ClusterId=waiting, StepId=ids[0])["Step"]["Status"]["Timeline"]
    assert timeline["CreationDateTime"] <= timeline["StartDateTime"] <= timeline["EndDateTime"]
    assert until(lambda: state(emr, waiting), "WAITING")


def test_a_step_has_the_clusters_role_and_nothing_of_the_emulator(emr: Any, s3: Any, waiting: str) -> None:
    (step_id,) = add(emr, waiting, shell("aws sts get-caller-identity --query Arn --output text; env"))
    await_end(emr, waiting, [step_id])
    said = log(s3, waiting, step_id, "stdout")
    assert said.startswith("arn:aws:sts::111122223333:assumed-role/DrxEmrEc2Phi/i-")
    assert "AWS_SECRET_ACCESS_KEY" not in said


def test_a_script_in_s3_runs_with_its_arguments(emr: Any, s3: Any, waiting: str) -> None:
    path = script(s3, "step.sh", 'echo "$1 and $2"\n')
    jar = "s3://us-east-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    jar_step = {"Jar": jar, "Args": [path, "this", "that"]}
    (step_id,) = add(emr, waiting, {"Name": "script", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step})
    assert await_end(emr, waiting, [step_id]) == ["COMPLETED"]
    assert log(s3, waiting, step_id, "stdout") == "this and that\n"


def test_a_failed_step_says_why_and_where(emr: Any, waiting: str) -> None:
    (step_id,) = add(emr, waiting, shell("echo the reason >&2; exit 7"))
    assert await_end(emr, waiting, [step_id]) == ["FAILED"]
    details = emr.describe_step(ClusterId=waiting, StepId=step_id)["Step"]["Status"]["FailureDetails"]
    assert details["Message"] == "the reason"
    assert details["LogFile"] == f"s3://{LOGS}/emr/{waiting}/steps/{step_id}/stderr.gz"


def test_a_script_that_is_not_there_fails_its_step(emr: Any, waiting: str) -> None:
    jar_step = {"Jar": "script-runner.jar", "Args": [f"s3://{LOGS}/absent.sh"]}
    (step_id,) = add(emr, waiting, {"Name": "absent", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step})
    assert await_end(emr, waiting, [step_id]) == ["FAILED"]


def test_continue_runs_the_next_step(emr: Any, waiting: str) -> None:
    ids = add(emr, waiting, shell("exit 1", "CONTINUE"), shell("true"))
    assert await_end(emr, waiting, ids) == ["FAILED", "COMPLETED"]


def test_cancel_and_wait_cancels_what_is_pending(emr: Any, waiting: str) -> None:
    ids = add(emr, waiting, shell("exit 1", "CANCEL_AND_WAIT"), shell("true"))
    assert await_end(emr, waiting, ids) == ["FAILED", "CANCELLED"]
    until(lambda: state(emr, waiting), "WAITING")


def test_terminate_cluster_ends_the_cluster_with_errors(emr: Any, waiting: str) -> None:
    ids = add(emr, waiting, shell("exit 1", "TERMINATE_CLUSTER"), shell("true"))
    until(lambda: state(emr, waiting), "TERMINATED_WITH_ERRORS")
    reason = emr.describe_cluster(ClusterId=waiting)["Cluster"]["Status"]["StateChangeReason"]
    assert reason == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    assert states(emr, waiting, ids) == ["FAILED", "CANCELLED"]


def test_concurrent_steps_run_side_by_side(emr: Any, launch: Launch, tmp_path: Path) -> None:
    cluster_id = launch(StepConcurrencyLevel=2)
    meet = "touch {0}; while [ ! -e {1} ]; do sleep 0.1; done"
    one, two = tmp_path / "one", tmp_path / "two"
    ids = add(emr, cluster_id, shell(meet.format(one, two)), shell(meet.format(two, one)))
    assert await_end(emr, cluster_id, ids) == ["COMPLETED", "COMPLETED"]
    with pytest.raises(ClientError, match="ActionOnFailure"):
        add(emr, cluster_id, shell("true", "CANCEL_AND_WAIT"))


@pytest.mark.parametrize("option", ["SEND_INTERRUPT", "TERMINATE_PROCESS"])
def test_a_running_step_is_cancelled(emr: Any, waiting: str, tmp_path: Path, option: str) -> None:
    trapped = tmp_path / "trapped"
    running = f"trap 'touch {trapped}; exit 0' TERM; touch {tmp_path}/started; while true; do sleep 0.1; done"
    ids = add(emr, waiting, shell(running), shell("true"))
    until(lambda: str((tmp_path / "started").exists()), "True")
    answers = emr.cancel_steps(ClusterId=waiting, StepIds=ids, StepCancellationOption=option)["CancelStepsInfoList"]
    assert [answer["Status"] for answer in answers] == ["SUBMITTED", "SUBMITTED"]
    assert await_end(emr, waiting, ids) == ["CANCELLED", "CANCELLED"]
    assert trapped.exists() == (option == "SEND_INTERRUPT")
    (answer,) = emr.cancel_steps(ClusterId=waiting, StepIds=ids[:1])["CancelStepsInfoList"]
    assert answer["Status"] == "FAILED"
    assert "CANCELLED" in answer["Reason"]


def test_termination_interrupts_what_runs_and_leaves_no_process(emr: Any, waiting: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    ids = add(emr, waiting, shell(f"setsid bash -c 'echo $$ > {pid_file}; sleep 1000' & wait"), shell("true"))
    until(lambda: str(pid_file.exists() and bool(pid_file.read_text())), "True")
    emr.terminate_job_flows(JobFlowIds=[waiting])
    until(lambda: state(emr, waiting), "TERMINATED")
    assert states(emr, waiting, ids) == ["INTERRUPTED", "CANCELLED"]
    assert not Path(f"/proc/{pid_file.read_text().strip()}").exists()


def test_steps_are_listed_newest_first_and_by_page(emr: Any, waiting: str) -> None:
    ids = add(emr, waiting, shell("sleep 1000"), *[shell("true")] * 60)
    pages = list(emr.get_paginator("list_steps").paginate(ClusterId=waiting))
    assert [len(page["Steps"]) for page in pages] == [50, 11]
    assert [step["Id"] for page in pages for step in page["Steps"]] == ids[::-1]
    chosen = emr.list_steps(ClusterId=waiting, StepIds=ids[3:5])["Steps"]
    assert [step["Id"] for step in chosen] == ids[3:5]
    assert len(emr.list_steps(ClusterId=waiting, StepStates=["RUNNING"])["Steps"]) == 1
    with pytest.raises(emr.exceptions.InvalidRequestException):
        emr.list_steps(ClusterId=waiting, StepIds=ids[:11])
    with pytest.raises(ClientError, match="Maximum number of active steps"):
        add(emr, waiting, *[shell("true")] * 200)
