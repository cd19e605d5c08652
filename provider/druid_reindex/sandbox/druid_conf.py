"""Druid's configuration files for one machine: what a production site would write, with small heaps and quick polls.

No secret stands in a file or on a command line: passwords and access keys reach the JVMs through their environment,
which the peons inherit from the middleManager.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import druid_kerberos, druid_security, zookeeper
from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.distributions import HADOOP_VERSION, DruidLayout
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.kdc import SiteRealm
from druid_reindex.sandbox.pki import TRUSTSTORE_PASSWORD
from druid_reindex.sandbox.postgres import Database

PASSWORD_VARIABLE = "DRUID_METADATA_PASSWORD"  # noqa: S105
WORKER_CAPACITY = 2
LOADING_THREADS = 8  # of the historical; the Coordinator hands it so many segments at once
EXTENSIONS = (
    "druid-s3-extensions",
    "druid-hdfs-storage",
    "postgresql-metadata-storage",
    "druid-datasketches",
    "druid-histogram",
    *druid_security.EXTENSIONS,
)
# Druid's own list without "key", which would hide the KMS key that segments are written under.
# Source: https://druid.apache.org/docs/latest/configuration/#properties-hidden-from-status-api
HIDDEN_PROPERTIES = ("accesskey", "secretkey", "password", "token", "pwd")
HADOOP_COORDINATES = [
    f"org.apache.hadoop:{name}:{HADOOP_VERSION}"
    for name in ("hadoop-client-api", "hadoop-client-runtime", "hadoop-aws")
]
# Source: https://druid.apache.org/docs/latest/operations/java.html (Java 17)
STRONG_ENCAPSULATION = (
    "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang",
            "java.io",
            "java.nio",
            "java.util",
            "jdk.internal.ref",
            "jdk.internal.loader",
            "sun.nio.ch",
        )
    ),
    "--add-opens=jdk.management/com.sun.management.internal=ALL-UNNAMED",
)


@dataclass(frozen=True)
class DruidPorts:
    """The loopback ports of Druid's processes."""

    zookeeper: int
    coordinator: int
    broker: int
    historical: int
    middle_manager: int
    peons: tuple[int, ...]


@dataclass(frozen=True)
class DeepStorage:
    """Where segments and task logs go, under which key, and at which endpoint S3 is found."""

    segments: S3Uri
    task_logs: S3Uri
    kms_key_arn: str
    region: str
    endpoint_url: str


@dataclass(frozen=True)
class DruidSite:
    """All that Druid's processes are configured from."""

    home: SandboxHome
    layout: DruidLayout
    ports: DruidPorts
    metadata: Database
    storage: DeepStorage
    aws_environment: Mapping[str, str]

    @property
    def common(self) -> Path:
        """The directory with what every process reads, core-site.xml for the peons included."""
        return self.home.conf("druid") / "_common"

    def conf(self, process: str) -> Path:
        """Return the directory with the `runtime.properties` of one process."""
        return self.home.conf("druid") / process

    @property
    def realm(self) -> SiteRealm:
        """The Kerberos realm that peons log in to."""
        return SiteRealm(self.home)

    @property
    def work(self) -> Path:
        """Segment cache, task directories and temporary files."""
        return self.home.data("druid")


def write_configuration(site: DruidSite) -> None:
    """Write every file that Druid and its ZooKeeper read."""
    _write(site.common / "common.runtime.properties", _properties(_common(site)))
    _write(site.common / "core-site.xml", _core_site(site.storage, druid_kerberos.core_site()))
    _write(site.common / "log4j2.xml", _LOG4J)
    for process, properties in _processes(site).items():
        _write(site.conf(process) / "runtime.properties", _properties(properties))
    _write(zookeeper_file(site), _properties(zookeeper.properties(site.home, site.ports.zookeeper)))


def zookeeper_file(site: DruidSite) -> Path:
    """Return ZooKeeper's configuration file."""
    return site.conf("zookeeper") / "zoo.cfg"


def jvm_options(site: DruidSite, heap_megabytes: int) -> tuple[str, ...]:
    """Return the options of every Druid JVM, peons included: quick to start, small, blind to other names and CAs."""
    return (
        f"-Xmx{heap_megabytes}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        *STRONG_ENCAPSULATION,
        *druid_kerberos.jvm_options(site.realm),
        *zookeeper.client_options(site.home),
        "-Duser.timezone=UTC",
        "-Dfile.encoding=UTF-8",
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={_made(site.work / 'tmp')}",
        f"-Djdk.net.hosts.file={site.home.hosts_file}",
        f"-Djavax.net.ssl.trustStore={site.home.truststore}",
        f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}",
        f"-Dlog4j.configurationFile={site.common / 'log4j2.xml'}",
        "-Djava.util.logging.manager=org.apache.logging.log4j.jul.LogManager",
    )


def _common(site: DruidSite) -> dict[str, object]:
    return {
        "druid.extensions.directory": site.layout.extensions,
        "druid.extensions.hadoopDependenciesDir": site.layout.hadoop_dependencies,
        "druid.extensions.loadList": EXTENSIONS,
        "druid.host": LOOPBACK,
        "druid.bindOnHost": "true",
        "druid.startup.logging.logProperties": "false",
        "druid.server.hiddenProperties": HIDDEN_PROPERTIES,
        "druid.emitter": "noop",
        # Lookups are not used; with the sync on, whoever starts before the coordinator waits a minute for it.
        "druid.lookup.enableLookupSyncOnStartup": "false",
        "druid.zk.service.host": f"{LOOPBACK}:{site.ports.zookeeper}",
        "druid.serverview.type": "http",
        "druid.selectors.indexing.serviceName": "druid/overlord",
        "druid.selectors.coordinator.serviceName": "druid/coordinator",
        "druid.processing.buffer.sizeBytes": "10MiB",
        "druid.processing.numThreads": 1,
        "druid.processing.numMergeBuffers": 2,
        "druid.server.http.numThreads": 20,
        "druid.global.http.numConnections": 10,
        **druid_security.properties(site.home),
        **_metadata(site.metadata),
        **_deep_storage(site.storage),
    }


def _metadata(metadata: Database) -> dict[str, object]:
    return {
        "druid.metadata.storage.type": "postgresql",
        "druid.metadata.storage.connector.connectURI": metadata.jdbc_url,
        "druid.metadata.storage.connector.user": metadata.user,
        "druid.metadata.storage.connector.password": {"type": "environment", "variable": PASSWORD_VARIABLE},
    }


def _deep_storage(storage: DeepStorage) -> dict[str, object]:
    """Return deep storage and task logs on S3 under SSE-KMS.

    Source: https://druid.apache.org/docs/25.0.0/development/extensions-core/s3.html
    """
    return {
        "druid.storage.type": "s3",
        "druid.storage.bucket": storage.segments.bucket,
        "druid.storage.baseKey": storage.segments.key.rstrip("/"),
        "druid.storage.disableAcl": "true",
        "druid.storage.useS3aSchema": "true",
        "druid.storage.sse.type": "kms",
        "druid.storage.sse.kms.keyId": storage.kms_key_arn,
        "druid.s3.endpoint.url": storage.endpoint_url,
        "druid.s3.endpoint.signingRegion": storage.region,
        "druid.s3.enablePathStyleAccess": "true",
        "druid.indexer.logs.type": "s3",
        "druid.indexer.logs.s3Bucket": storage.task_logs.bucket,
        "druid.indexer.logs.s3Prefix": storage.task_logs.key.rstrip("/"),
        "druid.indexer.logs.disableAcl": "true",
    }


def _processes(site: DruidSite) -> dict[str, dict[str, object]]:
    return {
        "coordinator": _coordinator(site.ports.coordinator),
        "broker": {
            "druid.service": "druid/broker",
            "druid.tlsPort": site.ports.broker,
            "druid.broker.http.numConnections": 5,
            "druid.sql.planner.metadataRefreshPeriod": "PT2S",
        },
        "historical": {
            "druid.service": "druid/historical",
            "druid.tlsPort": site.ports.historical,
            "druid.segmentCache.locations": [{"path": str(_made(site.work / "segment-cache")), "maxSize": "20g"}],
            "druid.segmentCache.announceIntervalMillis": 500,
            "druid.segmentCache.numLoadingThreads": LOADING_THREADS,
        },
        "middleManager": _middle_manager(site),
    }


def _coordinator(port: int) -> dict[str, object]:
    """Return a coordinator that is the overlord too, acts within seconds, and never kills unused segments."""
    return {
        "druid.service": "druid/coordinator",
        "druid.tlsPort": port,
        "druid.coordinator.asOverlord.enabled": "true",
        "druid.coordinator.asOverlord.overlordService": "druid/overlord",
        "druid.coordinator.startDelay": "PT1S",
        "druid.coordinator.period": "PT5S",
        "druid.coordinator.loadqueuepeon.type": "http",
        "druid.coordinator.loadqueuepeon.http.repeatDelay": "PT2S",
        "druid.coordinator.loadqueuepeon.http.batchSize": LOADING_THREADS,
        "druid.coordinator.kill.on": "false",
        "druid.manager.segments.pollDuration": "PT5S",
        "druid.manager.rules.pollDuration": "PT5S",
        "druid.indexer.queue.startDelay": "PT0S",
        "druid.indexer.runner.type": "httpRemote",
        "druid.indexer.storage.type": "metadata",
    }


def _middle_manager(site: DruidSite) -> dict[str, object]:
    return {
        "druid.service": "druid/middleManager",
        "druid.tlsPort": site.ports.middle_manager,
        "druid.worker.capacity": WORKER_CAPACITY,
        "druid.worker.ip": LOOPBACK,
        "druid.indexer.runner.ports": list(site.ports.peons),
        "druid.indexer.runner.javaOptsArray": list(jvm_options(site, heap_megabytes=512)),
        "druid.indexer.task.baseTaskDir": _made(site.work / "tasks"),
        "druid.indexer.task.hadoopWorkingPath": "/tmp/druid-indexing",  # noqa: S108
        "druid.indexer.task.defaultHadoopCoordinates": HADOOP_COORDINATES,
        "druid.indexer.task.restoreTasksOnRestart": "false",
        **druid_kerberos.peon_properties(site.realm),
    }


def _core_site(storage: DeepStorage, kerberos: Mapping[str, str]) -> str:
    """Return what the peon must know of its place: the S3 endpoint, and that how it talks to DataNodes.

    Final, as it belongs to where the task runs and not to the task. DataNodes are reached by name: their
    address is the one that the NameNode saw them come from, and on loopback that is 127.0.0.1 for all of them.
    Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-project-dist/hadoop-hdfs/HdfsMultihoming.html
    """
    values = {
        "fs.s3a.endpoint": storage.endpoint_url,
        "fs.s3a.endpoint.region": storage.region,
        "fs.s3a.path.style.access": "true",
        "dfs.client.use.datanode.hostname": "true",
        # A task uploads some 200 jars; a client that asks before the DataNode's report is in waits 400 ms by default.
        "dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "5",
        **kerberos,
    }
    properties = "\n".join(
        f"  <property><name>{name}</name><value>{escape(value)}</value><final>true</final></property>"
        for name, value in values.items()
    )
    return f"<configuration>\n{properties}\n</configuration>\n"


def _properties(values: Mapping[str, object]) -> str:
    return "".join(f"{name}={_text(value)}\n" for name, value in values.items())


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, (dict, list, tuple)) else str(value)


def _write(path: Path, text: str) -> None:
    _made(path.parent)
    path.write_text(text, encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_LOG4J = """<Configuration status="WARN">
  <Appenders>
    <Console name="Console" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{ISO8601} %p [%t] %c - %m%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="info"><AppenderRef ref="Console"/></Root>
    <Logger name="org.apache.zookeeper" level="warn"/>
    <Logger name="org.apache.curator" level="warn"/>
    <Logger name="com.sun.jersey.guice" level="warn"/>
  </Loggers>
</Configuration>
"""
