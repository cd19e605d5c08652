"""The parts of a cluster that need no JVM; the daemons themselves run in `tests/contract/test_emr_hadoop.py`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from druid_reindex.sandbox import hadoop
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.distributions import HadoopLayout
from druid_reindex.sandbox.hadoop import HadoopCluster, JavaSettings
from druid_reindex.sandbox.hadoop_site import WHITELIST, ClusterLayout

ECHO = '#!/bin/bash\nprintf "%s\\n" "$@" "tool:${JAVA_TOOL_OPTIONS:-none}"\n'


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(ECHO)
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    address = ClusterAddress("127.77.1.2", "ip-127-77-1-2.ec2.internal")
    layout = ClusterLayout(address, tmp_path / "root", tmp_path / "logs", "https://127.0.0.1:20000")
    engine = HadoopLayout(tmp_path / "hadoop", tmp_path / "hadoop" / "jars", tmp_path / "hadoop" / "native")
    settings = JavaSettings(tmp_path / "hosts", tmp_path / "trust.p12", "http://127.77.1.2:1338")
    made = HadoopCluster(engine, layout, settings)
    made.configure()
    return made


def run(cluster: HadoopCluster, *command: str) -> subprocess.CompletedProcess[str]:
    program = cluster.layout.root / "usr" / "bin" / command[0]
    environment = {"PATH": os.environ["PATH"], "JAVA_TOOL_OPTIONS": "-Dsaid=twice", "HADOOP_CLIENT_OPTS": "-Dmy=own"}
    return subprocess.run(
        [str(program), *command[1:]], env=environment, capture_output=True, text=True, check=False, timeout=10
    )


def test_hdfs_dfs_runs_the_shell_with_the_clusters_configuration(cluster: HadoopCluster) -> None:
    said = run(cluster, "hdfs", "dfs", "-ls", "a path").stdout.splitlines()
    assert said[-4:] == ["org.apache.hadoop.fs.FsShell", "-ls", "a path", "tool:none"]
    assert "-Dmy=own" in said
    assert f"{cluster.layout.conf}:{cluster.hadoop.jars}/*:" in said
    assert f"-Djavax.net.ssl.trustStore={cluster.java.truststore}" in said


def test_an_unknown_verb_is_refused(cluster: HadoopCluster) -> None:
    refused = run(cluster, "yarn", "fly")
    assert (refused.returncode, refused.stderr) == (2, "yarn: no such command here: fly\n")


def test_daemons_and_clients_know_names_trust_and_credentials(cluster: HadoopCluster) -> None:
    options = cluster.java.options()
    assert f"-Djdk.net.hosts.file={cluster.java.hosts_file}" in options
    assert "-Dcom.amazonaws.sdk.ec2MetadataServiceEndpointOverride=http://127.77.1.2:1338" in options
    assert cluster.client_environment("hadoop")["JAVA_TOOL_OPTIONS"].split() == list(options)
    assert cluster.client_environment("hadoop")["HADOOP_USER_NAME"] == "hadoop"


def test_containers_inherit_what_their_class_path_names(cluster: HadoopCluster) -> None:
    assert set(cluster.environment()) <= set(WHITELIST)


def test_nothing_runs_before_the_start(cluster: HadoopCluster) -> None:
    assert cluster.failed_daemon() is None
    cluster.stop()


def test_a_resource_manager_that_cannot_be_asked_is_not_idle(cluster: HadoopCluster) -> None:
    assert not cluster.is_idle()


def test_java_is_found_on_the_path_without_java_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "other" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(ECHO)
    java.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java.parent))
    assert hadoop.java_home() == str(tmp_path / "other")
