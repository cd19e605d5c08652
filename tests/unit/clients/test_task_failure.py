"""Tests of finding the real reason: logs in the shape that Druid, MapReduce and YARN write."""

from __future__ import annotations

import json

import pytest

from druid_reindex.clients.task_failure import report_text, root_cause

WRAPPED = """\
2026-10-06T02:41:07,001 INFO [task-runner-0-priority-0] org.apache.hadoop.mapreduce.Job - Task Id : attempt_1_0001_m_000000_2, Status : FAILED
Error: java.io.IOException: Unable to download segment
\tat org.apache.druid.indexer.DatasourceRecordReader.initialize(DatasourceRecordReader.java:92)
Caused by: com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403)
\tat com.amazonaws.http.AmazonHttpClient.handleErrorResponse(AmazonHttpClient.java:1879)

2026-10-06T02:41:12,410 INFO [task-runner-0-priority-0] org.apache.hadoop.mapreduce.Job - Job job_1_0001 failed with state FAILED due to: Task failed task_1_0001_m_000000
2026-10-06T02:41:12,911 ERROR [task-runner-0-priority-0] org.apache.druid.indexing.common.task.HadoopIndexTask - Encountered exception in run():
java.lang.RuntimeException: org.apache.druid.java.util.common.ISE: Job[class org.apache.druid.indexer.IndexGeneratorJob] failed!
\tat org.apache.druid.indexing.common.task.HadoopIndexTask.runInternal(HadoopIndexTask.java:413)
Caused by: org.apache.druid.java.util.common.ISE: Job[class org.apache.druid.indexer.IndexGeneratorJob] failed!
\tat org.apache.druid.indexer.JobHelper.runJobs(JobHelper.java:460)
2026-10-06T02:41:14,000 WARN [Thread-9] org.apache.hadoop.util.ShutdownHookManager - ShutdownHook failed
java.lang.NoClassDefFoundError: org/apache/hadoop/Late
\tat org.apache.hadoop.util.ShutdownHookManager.run(ShutdownHookManager.java:1)
"""  # noqa: E501


def test_an_attempts_own_cause_wins_over_wrappers_and_later_noise() -> None:
    assert root_cause("", WRAPPED) == (
        "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403); "
        "Job job_1_0001 failed with state FAILED due to: Task failed task_1_0001_m_000000"
    )


def test_the_report_is_preferred_unless_it_only_wraps() -> None:
    wrapper = (
        "java.lang.RuntimeException: org.apache.druid.java.util.common.ISE: Job[class X] failed!\n\tat a.B.c(B.java:1)"
    )
    assert root_cause(wrapper, WRAPPED).startswith("com.amazonaws")
    own = "java.lang.IllegalStateException: Cannot acquire a lock for interval[2026-09-01/2026-09-02]"
    assert root_cause(own, WRAPPED).startswith(own)
    assert root_cause(wrapper, "").startswith("org.apache.druid.java.util.common.ISE: Job[class X] failed!")


def test_an_error_line_wins_over_a_warning() -> None:
    log = (
        "2026-10-06T02:41:12,911 ERROR [main] o.a.d.X - Failed\n"
        "java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c\n"
        "2026-10-06T02:41:13,911 WARN [main] o.a.d.Y - Cleanup\njava.io.FileNotFoundException: gone\n\tat a.B.c\n"
    )
    assert root_cause("", log) == "java.lang.OutOfMemoryError: Java heap space"


def test_hadoops_remote_exception_is_peeled_out_of_its_wrapper() -> None:
    remote = "org.apache.hadoop.ipc.RemoteException(java.io.IOException): File /x.jar could only be written to 0 nodes."
    assert root_cause(f"java.lang.RuntimeException: {remote}\n\tat a.B.c(B.java:1)", "") == remote


def test_an_exception_without_a_message_is_told_by_its_class() -> None:
    assert root_cause("java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "") == "java.lang.NullPointerException"


@pytest.mark.parametrize(
    "headline",
    [
        "org.apache.druid.java.util.common.parsers.ParseException: Unable to parse row [{name=Jane}]",
        "com.fasterxml.jackson.core.JsonParseException: Unexpected character in Jane",
        "java.lang.NumberFormatException: For input string: Jane",
        'java.lang.IllegalArgumentException: Invalid format: "Jane 1961"',
        "java.time.format.DateTimeParseException: Text 'Jane' could not be parsed",
    ],
)
def test_a_message_that_may_quote_a_row_is_withheld(headline: str) -> None:
    told = root_cause(headline, "")
    assert "Jane" not in told
    assert told.startswith(headline.split(":", maxsplit=1)[0])
    assert "read it in the log" in told


@pytest.mark.parametrize(
    "secret",
    [
        "password=hunter2",
        'fs.s3a.secret.key="hunter2"',
        "AKIAHUNTER2HUNTER2",
        "jdbc://druid:hunter2@db",
        "X-Amz-Signature=hunter2",
    ],
)
def test_secrets_are_blanked(secret: str) -> None:
    assert "hunter2" not in root_cause(f"java.sql.SQLException: cannot connect with {secret}", "").lower()


def test_long_messages_are_capped_and_frames_are_left_out() -> None:
    told = root_cause(f"java.lang.IllegalStateException: {'x' * 1000}\n\tat a.B.frame(B.java:1)", "")
    assert len(told) < 350
    assert "frame" not in told


@pytest.mark.parametrize(
    "line",
    [
        "Container [pid=12,containerID=container_1_0001_01_000002] is running 9MB beyond the 'PHYSICAL' memory limit",
        "Application application_1_0001 failed 2 times due to AM Container for appattempt exited with exitCode: -1000",
    ],
)
def test_yarns_diagnosis_is_told(line: str) -> None:
    assert line in root_cause("", f"2026-10-06T02:41:12,911 INFO [main] Job - {line}. Current usage: 1 GB")


def test_nothing_to_tell_is_an_empty_text() -> None:
    assert root_cause("", "2026-10-06T02:41:12,911 INFO [main] o.a.d.X - Started\n") == ""


def test_a_report_unfolds_the_attempts_diagnostics() -> None:
    attempts = {"attempt_1": "Error: a.b.XException: one", "attempt_2": ["a.b.YException: two"]}
    report = {"ingestionStatsAndErrors": {"payload": {"errorMsg": json.dumps(attempts)}}}
    assert report_text(report) == "Error: a.b.XException: one\nError: a.b.YException: two"


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({}, ""),
        ({"ingestionStatsAndErrors": None}, ""),
        ({"ingestionStatsAndErrors": {"payload": {"errorMsg": None}}}, ""),
        ({"ingestionStatsAndErrors": {"payload": {"errorMsg": "plain"}}}, "plain"),
        ({"ingestionStatsAndErrors": {"payload": {"errorMsg": "12"}}}, "12"),
    ],
)
def test_reports_without_attempts(report: dict[str, object], expected: str) -> None:
    assert report_text(report) == expected


def test_what_a_script_was_refused_by_aws_is_told_without_the_secrets_name() -> None:
    said = (
        "\naws: [ERROR]: An error occurred (AccessDeniedException) when calling the GetSecretValue operation: User: "
        "arn:aws:sts::111122223333:assumed-role/DrxEmrEc2Phi/i-1 is not authorized to perform: "
        "secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:kept-AbCdEf\n"
    )
    told = root_cause("", said)
    assert told.startswith("An error occurred (AccessDeniedException) when calling the GetSecretValue operation: User")
    assert "perform: secretsmanager:GetSecretValue on resource" in told
    assert "kept" not in told
