"""One emulated cluster's real HDFS and YARN: NameNode, DataNode, ResourceManager, NodeManager, JobHistoryServer.

The NodeManager's ShuffleHandler and a MapReduce ApplicationMaster's two servers bind all interfaces in Hadoop 3.3 and
3.4 and have no setting for it; every other socket is bound to the cluster's own loopback address.
Source: org.apache.hadoop.mapred.ShuffleHandler#serviceStart, …v2.app.client.MRClientService#serviceStart
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from druid_reindex.sandbox import hadoop_site
from druid_reindex.sandbox.distributions import HadoopLayout
from druid_reindex.sandbox.hadoop_commands import write_commands
from druid_reindex.sandbox.hadoop_security import HadoopSecurity, login_name
from druid_reindex.sandbox.hadoop_site import ClusterLayout
from druid_reindex.sandbox.hadoop_web import Web
from druid_reindex.sandbox.pki import TRUSTSTORE_PASSWORD
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec

READY_SECONDS = 180.0
STOP_SECONDS = 3.0
SUPERUSER = "hdfs"
HDFS_TMP = "/tmp"  # noqa: S108 - a directory of HDFS
HOME_OWNERS = ("hadoop", "druid", "root")
ADD_OPENS = (
    *(f"--add-exports=java.base/{name}=ALL-UNNAMED" for name in ("jdk.internal.ref", "jdk.internal.misc")),
    *(
        f"--add-opens=java.base/{name}=ALL-UNNAMED"
        for name in (
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
SMALL_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")

# A ResourceManager with security on has a thread that looks for late renewals of tokens without a pause in between.
# Source: DelegationTokenRenewerPoolTracker of hadoop-yarn-server-resourcemanager in https://github.com/apache/hadoop
RENEWER_THREAD = "DelegationToken"


@dataclass(frozen=True)
class Daemon:
    """One of Hadoop's daemons: its main class, its heap, and the user as whom it acts."""

    name: str
    main: str
    heap_mb: int
    user: str
    log_group: str


DAEMONS = (
    Daemon("namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode", 160, SUPERUSER, "hadoop-hdfs"),
    Daemon("datanode", "org.apache.hadoop.hdfs.server.datanode.DataNode", 128, SUPERUSER, "hadoop-hdfs"),
    Daemon(
        "resourcemanager",
        "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
        192,
        "yarn",
        "hadoop-yarn",
    ),
    Daemon("nodemanager", "org.apache.hadoop.yarn.server.nodemanager.NodeManager", 160, "yarn", "hadoop-yarn"),
    Daemon("historyserver", "org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer", 128, "mapred", "hadoop-mapreduce"),
)
HISTORY_SERVER = DAEMONS[-1]


@dataclass(frozen=True)
class JavaSettings:
    """What every JVM of the cluster is given so that it finds names, trust and credentials on this machine."""

    hosts_file: Path
    truststore: Path
    metadata_url: str
    krb5_conf: Path | None = None

    def options(self) -> tuple[str, ...]:
        """Return the JVM options."""
        kerberos = () if self.krb5_conf is None else (f"-Djava.security.krb5.conf={self.krb5_conf}",)
        return (
            *kerberos,
            f"-Djdk.net.hosts.file={self.hosts_file}",
            f"-Djavax.net.ssl.trustStore={self.truststore}",
            f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}",
            f"-Dcom.amazonaws.sdk.ec2MetadataServiceEndpointOverride={self.metadata_url}",
            f"-Daws.ec2MetadataServiceEndpoint={self.metadata_url}",
            "-Djava.net.preferIPv4Stack=true",
            *ADD_OPENS,
            *SMALL_JVM,
        )


class HadoopCluster:
    """The daemons of one cluster: started by one thread, stopped by any."""

    def __init__(
        self, hadoop: HadoopLayout, layout: ClusterLayout, java: JavaSettings, kdc: ServiceSpec | None = None
    ) -> None:
        self.hadoop = hadoop
        self.layout = layout
        self.java = java
        self._kdc = kdc
        self._web = Web(layout.address, layout.security)
        self._running: list[OwnedProcess] = []

    def configure(self) -> None:
        """Write the configuration and the commands `hadoop`, `hdfs`, `yarn` and `mapred` under the cluster's root."""
        options = (*self.java.options(), f"-Djava.library.path={self.hadoop.native}")
        hadoop_site.write(self.layout, " ".join(options))
        for folder in ("hadoop-hdfs", "hadoop-mapreduce", "hadoop-yarn"):
            (self.layout.root / "usr" / "lib" / folder).mkdir(parents=True, exist_ok=True)
        java = (f"{java_home()}/bin/java", "-Xmx256m", *options)
        write_commands(self.layout.root / "usr" / "bin", java, self.environment(), self.hadoop.jars)

    def environment(self) -> dict[str, str]:
        """Return the variables with which a process on the cluster finds Hadoop, as EMR's nodes have them."""
        lib = self.layout.root / "usr" / "lib"
        return {
            "JAVA_HOME": java_home(),
            "HADOOP_CONF_DIR": str(self.layout.conf),
            "HADOOP_HOME": str(self.hadoop.root),
            "HADOOP_COMMON_HOME": str(self.hadoop.jars),
            "HADOOP_HDFS_HOME": str(lib / "hadoop-hdfs"),
            "HADOOP_MAPRED_HOME": str(lib / "hadoop-mapreduce"),
            "HADOOP_YARN_HOME": str(lib / "hadoop-yarn"),
            "LD_LIBRARY_PATH": str(self.hadoop.native),
        }

    def client_environment(self, user: str) -> dict[str, str]:
        """Return `environment`, what every JVM on this machine must be told, and as whom Hadoop's clients act.

        EMR keeps a ticket for its user; here the keytab of the same principal takes its place.
        """
        security = self.layout.security
        acting = {"HADOOP_USER_NAME": user} if security is None else security.login(user)
        return self.environment() | acting | {"JAVA_TOOL_OPTIONS": " ".join(self.java.options())}

    def start(self) -> None:
        """Return when HDFS and YARN accept work: a DataNode and a NodeManager are there, the usual directories too.

        Raises SandboxStartError, with the log's tail, when a daemon ended or is overdue.
        """
        if self._kdc is not None:
            self._running.append(OwnedProcess.start(self._kdc))
            self._running[0].wait_ready()
        self._format()
        names, *others = [self._start(daemon) for daemon in DAEMONS if daemon != HISTORY_SERVER]
        names.wait_ready()
        self._make_directories()
        # It makes its own directories below /user/history when it starts.
        others.append(self._start(HISTORY_SERVER))
        for process in others:
            process.wait_ready()
        if self.layout.security is not None:
            for process in others:
                process.yield_threads(RENEWER_THREAD)

    def stop(self) -> None:
        """Stop every daemon and every container, and wait until they are gone."""
        for process in reversed(self._running):
            process.ask_to_stop()
        for process in reversed(self._running):
            process.stop()
        self._running.clear()

    def failed_daemon(self) -> str | None:
        """Return the name of a daemon that ended by itself; None while all run."""
        return next((process.spec.name for process in self._running if process.poll() is not None), None)

    def is_idle(self) -> bool:
        """Return whether YARN runs nothing and has nothing waiting; not idle while it cannot be asked."""
        found = self._web.cluster_metrics()
        return bool(found) and not found["appsRunning"] and not found["appsPending"]

    def _start(self, daemon: Daemon) -> OwnedProcess:
        process = OwnedProcess.start(self._spec(daemon))
        self._running.append(process)
        return process

    def _format(self) -> None:
        target = self.layout.mnt / "namenode"
        shutil.rmtree(target, ignore_errors=True)
        argv = (*self._java(DAEMONS[0]), DAEMONS[0].main, "-format", "-nonInteractive", "-force")
        process = OwnedProcess.start(self._service("namenode-format", argv, DAEMONS[0]))
        while (status := process.poll()) is None:
            time.sleep(0.05)
        if status != 0:
            process.wait_ready()

    def _spec(self, daemon: Daemon) -> ServiceSpec:
        return self._service(daemon.name, (*self._java(daemon), daemon.main), daemon)

    def _service(self, name: str, argv: tuple[str, ...], daemon: Daemon) -> ServiceSpec:
        log = self.layout.logs / "applications" / daemon.log_group / f"{daemon.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return ServiceSpec(
            name=name,
            argv=argv,
            env=self._daemon_environment(daemon),
            cwd=self.layout.root,
            log=log,
            ready=self._probes().get(name),
            ready_seconds=READY_SECONDS,
            stop_seconds=STOP_SECONDS,
        )

    def _daemon_environment(self, daemon: Daemon) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        # A kerberized daemon is whom its keytab says.
        acting = {} if self.layout.security is not None else {"HADOOP_USER_NAME": daemon.user}
        return inherited | self.environment() | {"HOME": str(self.layout.root)} | acting

    def _java(self, daemon: Daemon) -> tuple[str, ...]:
        return (
            f"{java_home()}/bin/java",
            f"-Xmx{daemon.heap_mb}m",
            *self.java.options(),
            f"-Djava.library.path={self.hadoop.native}",
            f"-Dhadoop.log.dir={self.layout.logs}",
            f"-Djava.io.tmpdir={self.layout.temporary()}",
            "-cp",
            f"{self.layout.conf}:{self.hadoop.jars}/*",
        )

    def _probes(self) -> Mapping[str, Callable[[], bool]]:
        return {
            "namenode": self._web.has_data_node,
            "resourcemanager": lambda: self._web.cluster_metrics().get("activeNodes", 0) > 0,
            "historyserver": self._web.has_history,
        }

    def _make_directories(self) -> None:
        """Create what EMR creates: `/tmp` for everybody, and homes under `/user`.

        Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop.html
        """
        if self.layout.security is not None:
            self._make_directories_as(self.layout.security)
            return
        homes = {name: name for name in (*HOME_OWNERS, login_name())} | {"history": "mapred"}
        self._web.webhdfs(SUPERUSER, HDFS_TMP, "MKDIRS&permission=1777")
        self._web.webhdfs(SUPERUSER, "/user", "MKDIRS&permission=755")
        for folder, owner in homes.items():
            self._web.webhdfs(SUPERUSER, f"/user/{folder}", "MKDIRS&permission=755")
            self._web.webhdfs(SUPERUSER, f"/user/{folder}", f"SETOWNER&owner={owner}")

    def _make_directories_as(self, security: HadoopSecurity) -> None:
        """Create them with a ticket of hdfs; the homes of `hadoop` and `druid` belong to whom they are mapped to."""
        homes = [f"/user/{name}" for name in dict.fromkeys((*HOME_OWNERS, login_name()))]
        self._shell(security, [("-mkdir", "-p", HDFS_TMP, "/user/history", *homes)])
        owner = ("-chown", login_name(), *homes)
        self._shell(security, [("-chmod", "1777", HDFS_TMP), owner, ("-chown", "mapred:hadoop", "/user/history")])

    def _shell(self, security: HadoopSecurity, commands: list[tuple[str, ...]]) -> None:
        """Run commands of HDFS's shell side by side, as hdfs. Raises SandboxStartError."""
        main = (*self._java(DAEMONS[0]), "org.apache.hadoop.fs.FsShell")
        specs = [self._service("hdfs-dfs", (*main, *command), DAEMONS[0]) for command in commands]
        running = [OwnedProcess.start(replace(spec, env={**spec.env, **security.login("hdfs")})) for spec in specs]
        for process in running:
            if (status := process.wait(READY_SECONDS)) != 0:
                raise process.failure(f"it ended with status {status}")


def java_home() -> str:
    """Return the JDK's directory: `JAVA_HOME`, or the one whose `java` is on the PATH."""
    named = os.environ.get("JAVA_HOME")
    if named:
        return named
    return str(Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1])
