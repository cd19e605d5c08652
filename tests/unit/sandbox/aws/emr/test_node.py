"""What a step becomes on the node."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.emr.model import Step
from druid_reindex.sandbox.aws.emr.node import Node, classifications
from druid_reindex.sandbox.aws.site import Daemons, Site
from druid_reindex.sandbox.home import SandboxHome
from emulated_clusters import new_cluster, new_step


@pytest.fixture
def node(tmp_path: Path) -> Node:
    home = SandboxHome(tmp_path / "home", tmp_path / "cache")
    return Node(Site(home, "https://127.0.0.1:20000", Daemons.NONE), new_cluster())


def step(jar: str, *args: str, **more: str) -> Step:
    made = new_step()
    made.config = {"Jar": jar, "Args": list(args), **more}
    return made


def test_a_command_runs_as_it_is_and_opt_is_the_nodes(node: Node) -> None:
    run = node.step(step("command-runner.jar", "/opt/druid-reindex/bin/druid_index.sh", "s3://b/spec.json", "/etc"))
    assert run.argv == (f"{node.root}/opt/druid-reindex/bin/druid_index.sh", "s3://b/spec.json", "/etc")
    assert run.folder.is_dir()


def test_a_local_script_runs_under_bash(node: Node) -> None:
    assert node.step(step("script-runner.jar", "/a.sh", "x")).argv == ("/bin/bash", "/a.sh", "x")


def test_a_jar_runs_under_hadoop(node: Node) -> None:
    run = node.step(step("/usr/lib/a.jar", "pi", "2", MainClass="com.example.Main"))
    assert run.argv == ("hadoop", "jar", "/usr/lib/a.jar", "com.example.Main", "pi", "2")


def test_configurations_are_told_by_classification() -> None:
    configurations = [{"Classification": "yarn-site", "Properties": {"a": "1"}}, {"Classification": "hdfs-site"}]
    assert classifications(configurations) == {"yarn-site": {"a": "1"}, "hdfs-site": {}}


def test_what_was_never_provisioned_stops(node: Node) -> None:
    node.stop()
    assert node.is_idle()
    assert node.failed_daemon() is None
