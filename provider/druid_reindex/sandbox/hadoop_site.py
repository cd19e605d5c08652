"""The configuration files of one emulated cluster's Hadoop: EMR's ports and paths, a small machine's sizes.

What only a sandbox needs (the endpoint, short heartbeats) is `<final>`, so that a job which was built for AWS runs
unchanged: a job's own value of such a property is ignored on the cluster.
Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop-daemons.html (ports and heaps of EMR)
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-yarn/hadoop-yarn-common/yarn-default.xml (and its siblings)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from druid_reindex.sandbox import hadoop_security
from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.hadoop_security import HadoopSecurity
from druid_reindex.sandbox.hadoop_web import JOB_HISTORY_HTTP_PORT, NAME_NODE_HTTP_PORT

NODE_MEMORY_MB = 2560
NODE_VCORES = 4
HEARTBEAT_MILLISECONDS = 200
# The variables that a container takes from the NodeManager's own environment.
WHITELIST = (
    "JAVA_HOME",
    "HADOOP_COMMON_HOME",
    "HADOOP_HDFS_HOME",
    "HADOOP_CONF_DIR",
    "HADOOP_YARN_HOME",
    "HADOOP_MAPRED_HOME",
    "HADOOP_HOME",
    "LD_LIBRARY_PATH",
    "PATH",
    "LANG",
    "TZ",
)

Properties = dict[str, str]


@dataclass(frozen=True)
class ClusterLayout:
    """Where one cluster lives on this machine; `root` takes the place of a node's file system."""

    address: ClusterAddress
    root: Path
    logs: Path
    endpoint_url: str
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    security: HadoopSecurity | None = None

    @property
    def conf(self) -> Path:
        """EMR's `/etc/hadoop/conf`."""
        return self.root / "etc" / "hadoop" / "conf"

    @property
    def mnt(self) -> Path:
        """EMR's `/mnt`: HDFS blocks, YARN's local directories, buffers."""
        return self.root / "mnt"

    def temporary(self) -> Path:
        """The daemons' `/tmp`, which is made: what a daemon unpacks there goes with the cluster."""
        folder = self.root / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def container_logs(self) -> Path:
        """EMR's `/var/log/hadoop-yarn/containers`."""
        return self.logs / "containers"


def write(layout: ClusterLayout, container_java_options: str) -> None:
    """Write the configuration directory; `layout.overrides` are the classifications of RunJobFlow, by file."""
    layout.conf.mkdir(parents=True, exist_ok=True)
    for name, properties in _sites(layout, container_java_options).items():
        chosen = properties | dict(layout.overrides.get(name, {}))
        _write_xml(layout.conf / f"{name}.xml", chosen, _finals(layout).get(name, {}))
    for name, properties in _tls_files(layout).items():
        _write_xml(layout.conf / f"{name}.xml", properties, {}, mode=0o600)
    (layout.conf / "log4j.properties").write_text(_LOG4J, encoding="utf-8")


def _sites(layout: ClusterLayout, container_java_options: str) -> dict[str, Properties]:
    secured = hadoop_security.sites(layout.security, layout.address.ip) if layout.security else {}
    plain = {
        "core-site": _core(layout),
        "hdfs-site": _hdfs(layout),
        "yarn-site": _yarn(layout) | {"yarn.nodemanager.admin-env.JAVA_TOOL_OPTIONS": container_java_options},
        "mapred-site": _mapred(layout),
        "capacity-scheduler": _CAPACITY,
    }
    return {name: properties | secured.get(name, {}) for name, properties in plain.items()}


def _tls_files(layout: ClusterLayout) -> dict[str, Properties]:
    return {} if layout.security is None else hadoop_security.tls_files(layout.security.tls)


def _finals(layout: ClusterLayout) -> dict[str, Properties]:
    users = {} if layout.security is None else hadoop_security.sites(layout.security, "")["core-site"]
    mapping = {name: users[name] for name in users if name == "hadoop.security.auth_to_local"}
    return {
        "core-site": {"fs.s3a.endpoint": layout.endpoint_url, "fs.s3a.path.style.access": "true", **mapping},
        "mapred-site": {
            "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": str(HEARTBEAT_MILLISECONDS),
            "mapreduce.shuffle.port": "0",
        },
    }


def _core(layout: ClusterLayout) -> Properties:
    return {
        "fs.defaultFS": f"hdfs://{layout.address.dns}:8020",
        "hadoop.tmp.dir": str(layout.mnt / "tmp"),
        "fs.s3a.buffer.dir": str(layout.mnt / "s3"),
        "fs.s3a.endpoint.region": "us-east-1",
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.s3n.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "hadoop.http.staticuser.user": "hadoop",
    }


def _hdfs(layout: ClusterLayout) -> Properties:
    ip, dns = layout.address.ip, layout.address.dns
    return {
        "dfs.namenode.rpc-address": f"{dns}:8020",
        "dfs.namenode.http-address": f"{dns}:{NAME_NODE_HTTP_PORT}",
        "dfs.namenode.name.dir": (layout.mnt / "namenode").as_uri(),
        "dfs.datanode.data.dir": (layout.mnt / "hdfs").as_uri(),
        "dfs.datanode.address": f"{ip}:9866",
        "dfs.datanode.http.address": f"{ip}:9864",
        "dfs.datanode.ipc.address": f"{ip}:9867",
        "dfs.datanode.hostname": dns,
        # A connection within 127.0.0.0/8 comes from 127.0.0.1, which the NameNode takes for the DataNode's address.
        "dfs.client.use.datanode.hostname": "true",
        "dfs.datanode.use.datanode.hostname": "true",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.replication": "1",
        # A client that closes a file before the DataNode's report arrives waits 0.4 s by default, for each jar anew.
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "10",
        "dfs.permissions.superusergroup": "hdfsadmingroup",
        "dfs.heartbeat.interval": "1",
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.resource.du.reserved": "1048576",
        "dfs.namenode.handler.count": "8",
        "dfs.datanode.handler.count": "4",
    }


def _yarn(layout: ClusterLayout) -> Properties:
    ip, dns = layout.address.ip, layout.address.dns
    beat = str(HEARTBEAT_MILLISECONDS)
    return {
        "yarn.resourcemanager.hostname": dns,
        "yarn.resourcemanager.bind-host": ip,
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": beat,
        "yarn.resourcemanager.am.max-attempts": "2",
        "yarn.scheduler.minimum-allocation-mb": "128",
        "yarn.scheduler.maximum-allocation-mb": str(NODE_MEMORY_MB),
        "yarn.nodemanager.hostname": dns,
        "yarn.nodemanager.bind-host": ip,
        "yarn.nodemanager.address": f"{dns}:8041",
        "yarn.nodemanager.localizer.address": f"{dns}:8040",
        "yarn.nodemanager.webapp.address": f"{dns}:8042",
        "yarn.nodemanager.resource.memory-mb": str(NODE_MEMORY_MB),
        "yarn.nodemanager.resource.cpu-vcores": str(NODE_VCORES),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.aux-services": "mapreduce_shuffle",
        "yarn.nodemanager.aux-services.mapreduce_shuffle.class": "org.apache.hadoop.mapred.ShuffleHandler",
        "yarn.nodemanager.local-dirs": str(layout.mnt / "yarn"),
        "yarn.nodemanager.log-dirs": str(layout.container_logs),
        "yarn.nodemanager.env-whitelist": ",".join(WHITELIST),
        "yarn.nodemanager.sleep-delay-before-sigkill.ms": "250",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
        "yarn.nodemanager.disk-health-checker.min-free-space-per-disk-mb": "0",
        "yarn.log-aggregation-enable": "false",
        "yarn.timeline-service.enabled": "false",
    }


def _mapred(layout: ClusterLayout) -> Properties:
    ip, dns = layout.address.ip, layout.address.dns
    homes = ("HADOOP_COMMON_HOME", "HADOOP_HDFS_HOME", "HADOOP_MAPRED_HOME", "HADOOP_YARN_HOME")
    return {
        "mapreduce.framework.name": "yarn",
        "mapreduce.application.classpath": ",".join(
            ("$HADOOP_CONF_DIR", *(f"${home}/{jars}" for home in homes for jars in ("*", "lib/*")))
        ),
        "yarn.app.mapreduce.am.staging-dir": "/user",
        "yarn.app.mapreduce.am.resource.mb": "512",
        "yarn.app.mapreduce.am.command-opts": "-Xmx384m",
        "mapreduce.map.memory.mb": "768",
        "mapreduce.reduce.memory.mb": "768",
        "mapreduce.map.java.opts": "-Xmx614m",
        "mapreduce.reduce.java.opts": "-Xmx614m",
        "mapreduce.jobhistory.address": f"{dns}:10020",
        "mapreduce.jobhistory.admin.address": f"{dns}:10033",
        "mapreduce.jobhistory.webapp.address": f"{dns}:{JOB_HISTORY_HTTP_PORT}",
        "mapreduce.jobhistory.bind-host": ip,
        "mapreduce.cluster.local.dir": str(layout.mnt / "mapred"),
    }


_CAPACITY = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": "100",
    "yarn.scheduler.capacity.maximum-am-resource-percent": "1.0",
    "yarn.scheduler.capacity.node-locality-delay": "0",
}

_LOG4J = """\
log4j.rootLogger=INFO,console,syslog
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
log4j.appender.syslog=org.apache.log4j.FileAppender
log4j.appender.syslog.File=${hadoop.syslog}
log4j.appender.syslog.layout=org.apache.log4j.PatternLayout
log4j.appender.syslog.layout.ConversionPattern=%d{ISO8601} %p %c (%t): %m%n
hadoop.syslog=/dev/null
"""


def _write_xml(path: Path, properties: Mapping[str, str], finals: Mapping[str, str], mode: int = 0o644) -> None:
    root = ET.Element("configuration")
    for name, value in {**properties, **finals}.items():
        item = ET.SubElement(root, "property")
        ET.SubElement(item, "name").text = name
        ET.SubElement(item, "value").text = value
        if name in finals:
            ET.SubElement(item, "final").text = "true"
    ET.indent(root)
    path.touch(mode)
    path.chmod(mode)
    path.write_bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
