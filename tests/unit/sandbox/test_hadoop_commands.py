"""The commands on a node's PATH; what they run is in `test_hadoop.py`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from druid_reindex.sandbox.hadoop_commands import write_commands


def test_another_configuration_directory_takes_the_place_of_the_clusters(tmp_path: Path) -> None:
    write_commands(tmp_path, ("/bin/echo",), {"HADOOP_CONF_DIR": "/cluster's", "OTHER": "a b"}, Path("/jars"))

    def said(**environment: str) -> str:
        command = [str(tmp_path / "hdfs"), "getconf", "-confKey", "a b"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert said() == "-cp /cluster's:/jars/*: org.apache.hadoop.hdfs.tools.GetConf -confKey a b"
    assert said(HADOOP_CONF_DIR="/mine").startswith("-cp /mine:/jars/*:")
