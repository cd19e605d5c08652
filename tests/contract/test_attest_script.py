"""`emr_configs/bootstrap/attest.sh` on a node of files, where nothing answers but the metadata service."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.aws import imds
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.aws.site import Credentials

SCRIPT = emr_configs() / "bootstrap" / "attest.sh"
HOST = "127.77.254.252"
AWS = '#!/bin/bash\n[[ "$1 $2" == "s3 cp" ]] && cp "$4" "$OUT/${5##*/}"\n'
HDFS = '#!/bin/bash\necho "$SAID"; exit "$STATUS"\n'
SECURE = {"hadoop.security.authentication": "kerberos", "hadoop.rpc.protection": "privacy", "fs.defaultFS": "hdfs://p"}


@pytest.fixture
def metadata() -> Iterator[str]:
    issue = lambda: Credentials("AKIA", "secret", None, "2030-01-01T00:00:00Z")  # noqa: E731
    facts = {"instance-id": "i-1", "local-hostname": "ip-1", "local-ipv4": HOST, "placement/region": "us-east-1"}
    served = imds.MetadataService((HOST, free_port(HOST)), "Node", issue, facts)
    yield served.url
    served.stop()


def command(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class AttestedNode:
    """A node's file system below a directory, and the commands that the script runs."""

    def __init__(self, root: Path, metadata: str) -> None:
        self.root = root
        for name, text in (("aws", AWS), ("hdfs", HDFS)):
            command(root / "usr" / "bin" / name, text)
        self.environment = {
            "PATH": f"{root}/usr/bin:{os.environ['PATH']}",
            "DRX_NODE_ROOT": str(root),
            "DRX_ATTEST_SECONDS": "0",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata,
            "OUT": str(root),
            "SAID": "",
            "STATUS": "1",
        }

    def configure(self, name: str, properties: dict[str, str]) -> None:
        items = "".join(f"<property><name>{k}</name><value>{v}</value></property>" for k, v in properties.items())
        command(self.root / "etc" / "hadoop" / "conf" / f"{name}.xml", f"<configuration>{items}</configuration>")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            ["bash", str(SCRIPT), *arguments], env=self.environment, capture_output=True, text=True, check=True,
            timeout=60,
        )  # fmt: skip
        return done.stdout

    def report(self) -> dict[str, Any]:
        self.run("--report", "s3://bucket/attestation/", "0123abcd")
        return dict(json.loads((self.root / "i-1.json").read_text()))


@pytest.fixture
def node(tmp_path: Path, metadata: str) -> AttestedNode:
    return AttestedNode(tmp_path / "node", metadata)


def test_installing_twice_leaves_one_unit(node: AttestedNode) -> None:
    for _ in range(2):
        node.run("s3://bucket/attestation/", "0123abcd")
    (unit,) = (node.root / "etc" / "systemd" / "system").iterdir()
    assert "ExecStart=/bin/bash /opt/druid-reindex/bin/attest.sh --report s3://bucket/attestation/ 0123abcd\n" in (
        unit.read_text()
    )
    assert (node.root / "opt" / "druid-reindex" / "bin" / "attest.sh").read_text() == SCRIPT.read_text()


def test_what_cannot_be_read_is_null(node: AttestedNode) -> None:
    report = node.report()
    assert (report["schema"], report["nonce"]) == ("druid-reindex/node-attestation/1", "0123abcd")
    assert (report["instance_id"], report["cluster_id"], report["role"], report["release_label"]) == (
        "i-1", None, None, None,
    )  # fmt: skip
    assert report["kerberos"] == {"authentication": None, "realm": None, "simple_refused": None}
    assert report["rpc"] == {"protection": None}
    assert set(report["hdfs"].values()) == {None}
    assert report["shuffle"] == {"ssl": None}
    assert report["imds"] == {"v1_refused": True}


@pytest.mark.parametrize(
    ("said", "status", "refused"),
    [
        ("SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]", "1", True),
        ("Found 3 items", "0", False),
        ("Connection refused", "1", None),
    ],
)
def test_only_hadoops_own_refusal_counts(node: AttestedNode, said: str, status: str, refused: bool | None) -> None:
    node.configure("core-site", SECURE)
    node.environment |= {"SAID": said, "STATUS": status}
    assert node.report()["kerberos"] == {"authentication": "kerberos", "realm": None, "simple_refused": refused}


def test_what_a_file_leaves_out_is_hadoops_default(node: AttestedNode) -> None:
    node.configure("core-site", {})
    node.configure("hdfs-site", {"dfs.namenode.kerberos.principal": "hdfs/_HOST@EC2.INTERNAL"})
    node.configure("mapred-site", {"mapreduce.shuffle.ssl.enabled": "TRUE"})
    report = node.report()
    assert report["kerberos"] == {"authentication": "simple", "realm": "EC2.INTERNAL", "simple_refused": None}
    assert report["rpc"] == {"protection": "authentication"}
    assert (report["hdfs"]["http_policy"], report["hdfs"]["encrypt_data_transfer"]) == ("HTTP_ONLY", False)
    assert report["shuffle"] == {"ssl": True}
    assert report["certificates"] == []
