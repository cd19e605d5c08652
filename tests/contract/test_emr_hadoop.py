"""A cluster with real HDFS and YARN."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.aws.emr.releases import hadoop_version
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, request, shell, start, state, until

# The nights of `make test` run on both releases.
pytestmark = [pytest.mark.sandbox, pytest.mark.soak]
BUCKET = "drx-phi-111122223333"
RELEASES = ("emr-7.2.0", "emr-7.9.0")


@pytest.fixture(scope="module")
def with_daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("hadoop") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.HADOOP)
    try:
        yield started
    finally:
        assert started.process.stop() == 0


@pytest.mark.parametrize("release", RELEASES)
def test_hdfs_s3_and_mapreduce_work_and_end_with_the_cluster(with_daemons: Emulator, release: str) -> None:
    home, emr, s3 = with_daemons.home, with_daemons.client("emr"), with_daemons.client("s3")
    jars = distributions.hadoop(home, print, hadoop_version(release) or "").jars
    copy = f"echo hello | hdfs dfs -put - /tmp/a && hdfs dfs -cp /tmp/a s3a://{BUCKET}/{release}"
    sleep = {
        "Jar": str(next(jars.glob("hadoop-mapreduce-client-jobclient-*-tests.jar"))),
        "Args": ["sleep", "-m", "2", "-r", "1", "-mt", "100", "-rt", "100"],
    }
    job = {"Name": "job", "ActionOnFailure": "CONTINUE", "HadoopJarStep": sleep}
    wanted = request(ReleaseLabel=release, Steps=[shell(copy), job])
    cluster_id = emr.run_job_flow(**wanted)["JobFlowId"]
    until(lambda: state(emr, cluster_id), "WAITING", "TERMINATED_WITH_ERRORS", seconds=300)
    steps = emr.list_steps(ClusterId=cluster_id)["Steps"]
    assert [step["Status"]["State"] for step in steps] == ["COMPLETED", "COMPLETED"]
    found = s3.get_object(Bucket=BUCKET, Key=release)
    assert (found["Body"].read(), found["SSEKMSKeyId"][-4:]) == (b"hello\n", "1111")
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    until(lambda: state(emr, cluster_id), "TERMINATED")
    assert running(cluster_id) == []
    assert not (home.data("emr") / cluster_id).exists()
    assert archived_containers(s3, cluster_id)


def running(cluster_id: str) -> list[str]:
    found = subprocess.run(["pgrep", "-f", cluster_id], capture_output=True, text=True, check=False)
    return found.stdout.split()


def archived_containers(s3: Any, cluster_id: str) -> list[str]:
    prefix = f"emr/{cluster_id}/containers/"
    listed = s3.list_objects_v2(Bucket="drx-logs-111122223333", Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in listed]
