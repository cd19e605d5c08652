"""One emulated cluster's real HDFS and YARN: NameNode, DataNode, ResourceManager, NodeManager, JobHistoryServer.

The NodeManager's ShuffleHandler and a MapReduce ApplicationMaster's two servers bind all interfaces in Hadoop 3.3 and
3.4 and have no setting for it; every other socket is bound to the cluster's own loopback address.
Source: org.apache.hadoop.mapred.ShuffleHandler#serviceStart, …v2.app.client.MRClientService#serviceStart
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shlex
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from druid_reindex.sandbox import hadoop_site
from druid_reindex.sandbox.distributions import HadoopLayout
from druid_reindex.sandbox.hadoop_site import ClusterLayout
from druid_reindex.sandbox.pki import TRUSTSTORE_PASSWORD
from druid_reindex.sandbox.processes import OwnedProcess, SandboxStartError, ServiceSpec

READY_SECONDS = 180.0
STOP_SECONDS = 3.0
PROBE_SECONDS = 5.0
# The NameNode's first answer that changes something loads much code: seconds, on a machine that has more to do.
CHANGE_SECONDS = 60.0
SUPERUSER = "hdfs"
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

    def options(self) -> tuple[str, ...]:
        """Return the JVM options."""
        return (
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

    def __init__(self, hadoop: HadoopLayout, layout: ClusterLayout, java: JavaSettings) -> None:
        self.hadoop = hadoop
        self.layout = layout
        self.java = java
        self._running: list[OwnedProcess] = []

    def configure(self) -> None:
        """Write the configuration and the commands `hadoop`, `hdfs`, `yarn` and `mapred` under the cluster's root."""
        options = (*self.java.options(), f"-Djava.library.path={self.hadoop.native}")
        hadoop_site.write(self.layout, " ".join(options))
        for folder in ("hadoop-hdfs", "hadoop-mapreduce", "hadoop-yarn"):
            (self.layout.root / "usr" / "lib" / folder).mkdir(parents=True, exist_ok=True)
        self._write_commands()

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

    def client_environment(self) -> dict[str, str]:
        """Return `environment` and what every JVM on this machine must be told, for JVMs that others start."""
        return self.environment() | {"JAVA_TOOL_OPTIONS": " ".join(self.java.options())}

    def start(self) -> None:
        """Return when HDFS and YARN accept work: a DataNode and a NodeManager are there, the usual directories too.

        Raises SandboxStartError, with the log's tail, when a daemon ended or is overdue.
        """
        self._format()
        names, *others = [self._start(daemon) for daemon in DAEMONS if daemon != HISTORY_SERVER]
        names.wait_ready()
        self._make_directories()
        # It makes its own directories below /user/history when it starts.
        others.append(self._start(HISTORY_SERVER))
        for process in others:
            process.wait_ready()

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
        url = f"http://{self.layout.address.ip}:{hadoop_site.RESOURCE_MANAGER_HTTP_PORT}/ws/v1/cluster/metrics"
        found = _get(url).get("clusterMetrics")
        return found is not None and not found["appsRunning"] and not found["appsPending"]

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
        return inherited | self.environment() | {"HOME": str(self.layout.root), "HADOOP_USER_NAME": daemon.user}

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

    def _probes(self) -> Mapping[str, Any]:
        ip = self.layout.address.ip
        names = f"http://{ip}:{hadoop_site.NAME_NODE_HTTP_PORT}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        nodes = f"http://{ip}:{hadoop_site.RESOURCE_MANAGER_HTTP_PORT}/ws/v1/cluster/metrics"
        history = f"http://{ip}:{hadoop_site.JOB_HISTORY_HTTP_PORT}/ws/v1/history/info"
        return {
            "namenode": lambda: _has_data_node(_get(names)),
            "resourcemanager": lambda: _get(nodes).get("clusterMetrics", {}).get("activeNodes", 0) > 0,
            "historyserver": lambda: "historyInfo" in _get(history),
        }

    def _make_directories(self) -> None:
        """Create what EMR creates: `/tmp` for everybody, and homes under `/user`.

        Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop.html
        """
        self._webhdfs("/tmp", "MKDIRS&permission=1777")  # noqa: S108 - a directory of HDFS
        self._webhdfs("/user", "MKDIRS&permission=755")
        homes = {name: name for name in (*HOME_OWNERS, _login_name())}
        for folder, owner in (homes | {"history": "mapred"}).items():
            self._webhdfs(f"/user/{folder}", "MKDIRS&permission=755")
            self._webhdfs(f"/user/{folder}", f"SETOWNER&owner={owner}")

    def _webhdfs(self, path: str, operation: str) -> None:
        address = f"{self.layout.address.ip}:{hadoop_site.NAME_NODE_HTTP_PORT}"
        url = f"http://{address}/webhdfs/v1{path}?user.name={SUPERUSER}&op={operation}"
        try:
            with urlopen(Request(url, method="PUT"), timeout=CHANGE_SECONDS) as answer:
                answer.read()
        except (OSError, URLError) as error:
            raise SandboxStartError(
                f"Creating {path} on the cluster's HDFS",
                resource=address,
                came_back=str(error),
                remedy=f"read the NameNode's log below {self.layout.logs}",
            ) from error

    def _write_commands(self) -> None:
        """Write the commands that EMR has on the PATH of every node."""
        folder = self.layout.root / "usr" / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment().items())
        options = shlex.join((*self.java.options(), f"-Djava.library.path={self.hadoop.native}"))
        class_path = f"{self.layout.conf}:{self.hadoop.jars}/*:${{HADOOP_CLASSPATH:-}}"
        java = f'exec {java_home()}/bin/java -Xmx256m {options} ${{HADOOP_CLIENT_OPTS:-}} -cp "{class_path}"'
        for command, verbs in _COMMANDS.items():
            cases = "".join(f'  {verb}) shift; {java} {main}"$@" ;;\n' for verb, main in verbs.items())
            unknown = f'  *) echo "{command}: no such command here: $1" >&2; exit 2 ;;\n'
            script = folder / command
            head = f"#!/bin/bash\nunset JAVA_TOOL_OPTIONS\n{exports}"
            script.write_text(f'{head}case "${{1:-}}" in\n{cases}{unknown}esac\n', encoding="utf-8")
            script.chmod(0o755)


_FS_SHELL = "org.apache.hadoop.fs.FsShell "
# A command's verbs: the main class, and what it wants before the user's arguments.
_COMMANDS = {
    "hadoop": {
        "fs": _FS_SHELL,
        "jar": "org.apache.hadoop.util.RunJar ",
        "version": "org.apache.hadoop.util.VersionInfo ",
    },
    "hdfs": {"dfs": _FS_SHELL, "dfsadmin": "org.apache.hadoop.hdfs.tools.DFSAdmin "},
    "yarn": {
        "application": "org.apache.hadoop.yarn.client.cli.ApplicationCLI application ",
        "node": "org.apache.hadoop.yarn.client.cli.NodeCLI ",
    },
    "mapred": {"job": "org.apache.hadoop.mapred.JobClient "},
}


def java_home() -> str:
    """Return the JDK's directory: `JAVA_HOME`, or the one whose `java` is on the PATH."""
    named = os.environ.get("JAVA_HOME")
    if named:
        return named
    return str(Path(shutil.which("java") or "/usr/bin/java").resolve().parents[1])


def _has_data_node(jmx: dict[str, Any]) -> bool:
    states = jmx.get("beans", [])
    return any(bean.get("NumLiveDataNodes", 0) > 0 and bean.get("FSState") == "Operational" for bean in states)


def _get(url: str) -> dict[str, Any]:
    """Return the JSON object at `url`; empty while nothing answers."""
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the address is ours
    with contextlib.suppress(OSError, URLError, ValueError), urlopen(request, timeout=PROBE_SECONDS) as answer:  # noqa: S310
        return dict(json.load(answer))
    return {}


def _login_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
