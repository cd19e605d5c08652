"""The configuration files of one cluster's Hadoop."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from druid_reindex.sandbox import hadoop_site
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.hadoop_site import ClusterLayout

ADDRESS = ClusterAddress("127.77.1.2", "ip-127-77-1-2.ec2.internal")


@pytest.fixture
def layout(tmp_path: Path) -> ClusterLayout:
    overrides = {
        "yarn-site": {"yarn.nodemanager.resource.memory-mb": "4096"},
        "core-site": {"fs.s3a.endpoint": "https://elsewhere", "io.file.buffer.size": "65536"},
    }
    made = ClusterLayout(ADDRESS, tmp_path / "root", tmp_path / "logs", "https://127.0.0.1:20000", overrides)
    hadoop_site.write(made, "-Done=1 -Dtwo=a,b")
    return made


def read(layout: ClusterLayout, name: str) -> dict[str, tuple[str, bool]]:
    found = ET.parse(layout.conf / f"{name}.xml").getroot()
    return {item.findtext("name", ""): (item.findtext("value", ""), item.findtext("final") == "true") for item in found}


def test_the_classifications_of_a_request_win_except_over_what_is_final(layout: ClusterLayout) -> None:
    assert read(layout, "yarn-site")["yarn.nodemanager.resource.memory-mb"] == ("4096", False)
    core = read(layout, "core-site")
    assert core["io.file.buffer.size"] == ("65536", False)
    assert core["fs.s3a.endpoint"] == ("https://127.0.0.1:20000", True)
    assert core["fs.s3a.path.style.access"] == ("true", True)


def test_what_a_job_may_choose_is_not_final(layout: ClusterLayout) -> None:
    assert not read(layout, "core-site")["fs.defaultFS"][1]
    assert not read(layout, "mapred-site")["mapreduce.map.memory.mb"][1]


def test_every_address_is_the_clusters_own(layout: ClusterLayout) -> None:
    for name in ("hdfs-site", "yarn-site", "mapred-site"):
        for key, (value, _) in read(layout, name).items():
            if key.endswith(("address", "bind-host", "hostname")) and value != "true":
                assert value.split(":")[0] in (ADDRESS.ip, ADDRESS.dns), key


def test_containers_get_the_jvm_options(layout: ClusterLayout) -> None:
    assert read(layout, "yarn-site")["yarn.nodemanager.admin-env.JAVA_TOOL_OPTIONS"][0] == "-Done=1 -Dtwo=a,b"


def test_a_task_finds_its_classes_in_the_whitelisted_homes(layout: ClusterLayout) -> None:
    class_path = read(layout, "mapred-site")["mapreduce.application.classpath"][0]
    named = {part.split("/")[0].removeprefix("$") for part in class_path.split(",")}
    assert named <= set(hadoop_site.WHITELIST)
