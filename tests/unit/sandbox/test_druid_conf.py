"""Druid's configuration files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import druid_conf
from druid_reindex.sandbox.distributions import DruidLayout
from druid_reindex.sandbox.druid_conf import DeepStorage, DruidPorts, DruidSite
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.postgres import Database

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"


@pytest.fixture
def site(tmp_path: Path) -> DruidSite:
    home = SandboxHome(tmp_path / "root", tmp_path / "cache")
    site = DruidSite(
        home=home,
        layout=DruidLayout(tmp_path, tmp_path / "lib", tmp_path / "extensions", tmp_path / "hadoop-dependencies"),
        ports=DruidPorts(1001, 1002, 1003, 1004, 1005, (1006, 1007)),
        metadata=Database("druid", "druid", 1008, home),
        storage=DeepStorage(
            S3Uri("drx-phi-111122223333", "druid/segments/"),
            S3Uri("drx-phi-111122223333", "druid/logs/"),
            KEY,
            "us-east-1",
            "https://127.0.0.1:1009",
        ),
        aws_environment={"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example-secret"},
    )
    druid_conf.write_configuration(site)
    return site


def read(path: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in path.read_text().splitlines())
    return {name: value for name, _, value in lines}


def test_segments_and_logs_go_to_s3_under_the_phi_key(site: DruidSite) -> None:
    common = read(site.common / "common.runtime.properties")
    assert common["druid.storage.bucket"] == common["druid.indexer.logs.s3Bucket"] == "drx-phi-111122223333"
    assert common["druid.storage.baseKey"] == "druid/segments"
    assert common["druid.indexer.logs.s3Prefix"] == "druid/logs"
    assert common["druid.storage.sse.type"] == "kms"
    assert common["druid.storage.sse.kms.keyId"] == KEY
    assert common["druid.s3.endpoint.url"] == "https://127.0.0.1:1009"


def test_no_secret_is_written(site: DruidSite) -> None:
    written = "".join(path.read_text() for path in site.home.conf("druid").rglob("*") if path.is_file())
    assert site.metadata.password not in written
    assert "example-secret" not in written
    common = read(site.common / "common.runtime.properties")
    password = json.loads(common["druid.metadata.storage.connector.password"])
    assert password == {"type": "environment", "variable": druid_conf.PASSWORD_VARIABLE}


def test_everything_binds_to_loopback(site: DruidSite) -> None:
    common = read(site.common / "common.runtime.properties")
    assert common["druid.host"] == "127.0.0.1"
    assert common["druid.bindOnHost"] == "true"
    zookeeper = read(druid_conf.zookeeper_file(site))
    assert zookeeper["secureClientPortAddress"] == "127.0.0.1"
    assert zookeeper["admin.enableServer"] == "false"
    options = druid_conf.jvm_options(site, heap_megabytes=64)
    assert "-Dzookeeper.client.secure=true" in options


def test_unused_segments_are_not_killed(site: DruidSite) -> None:
    assert read(site.conf("coordinator") / "runtime.properties")["druid.coordinator.kill.on"] == "false"


def test_a_task_as_large_as_its_segments_list_reaches_its_worker(site: DruidSite) -> None:
    """ZooKeeper, which `remote` sends tasks through, takes half a megabyte."""
    assert read(site.conf("coordinator") / "runtime.properties")["druid.indexer.runner.type"] == "httpRemote"


def test_peons_trust_and_resolve_what_the_services_do(site: DruidSite) -> None:
    worker = read(site.conf("middleManager") / "runtime.properties")
    options = json.loads(worker["druid.indexer.runner.javaOptsArray"])
    assert f"-Djdk.net.hosts.file={site.home.hosts_file}" in options
    assert f"-Djavax.net.ssl.trustStore={site.home.truststore}" in options
    assert "-Duser.timezone=UTC" in options
    assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in options
    assert "-Xmx512m" in options
    assert json.loads(worker["druid.indexer.runner.ports"]) == [1006, 1007]
    assert worker["druid.worker.capacity"] == "2"


def test_hadoop_tasks_load_the_client_of_the_cluster(site: DruidSite) -> None:
    worker = read(site.conf("middleManager") / "runtime.properties")
    assert json.loads(worker["druid.indexer.task.defaultHadoopCoordinates"]) == [
        "org.apache.hadoop:hadoop-client-api:3.3.6",
        "org.apache.hadoop:hadoop-client-runtime:3.3.6",
        "org.apache.hadoop:hadoop-aws:3.3.6",
    ]


def test_a_task_cannot_move_the_endpoint(site: DruidSite) -> None:
    root = ElementTree.fromstring((site.common / "core-site.xml").read_text())
    values = {p.findtext("name"): (p.findtext("value"), p.findtext("final")) for p in root.findall("property")}
    assert values["fs.s3a.endpoint"] == ("https://127.0.0.1:1009", "true")
    assert values["fs.s3a.path.style.access"] == ("true", "true")
    assert values["dfs.client.use.datanode.hostname"] == ("true", "true")


def test_each_process_has_its_port(site: DruidSite) -> None:
    ports = {
        name: read(site.conf(name) / "runtime.properties")["druid.tlsPort"]
        for name in ("coordinator", "broker", "historical", "middleManager")
    }
    assert ports == {"coordinator": "1002", "broker": "1003", "historical": "1004", "middleManager": "1005"}
