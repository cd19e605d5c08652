"""A cluster's site settings, for a submitter that is not on it and reads no file of it.

Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop-daemons.html (EMR's own ports)
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-support-matrix.html
Source: https://hadoop.apache.org/docs/r3.3.6/hadoop-project-dist/hadoop-common/SecureMode.html
"""

from __future__ import annotations

from dataclasses import dataclass

from druid_reindex.model.boundary import Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.plan.security import kerberos_needs

NAME_NODE_PORT = 8020
RESOURCE_MANAGER_PORT = 8032
RESOURCE_MANAGER_SCHEDULER_PORT = 8030
JOB_HISTORY_PORT = 10020
# Hadoop's own default encrypts blocks with 3DES or RC4 on one core: the upload of a task's jars takes minutes.
CIPHER_SUITE = "AES/CTR/NoPadding"
# Druid hands a task's own properties of this prefix to the JVM that runs the task.
PEON_PROPERTY = "druid.indexer.fork.property."
AUTHENTICATION = "hadoop.security.authentication"

_HADOOP_CLASSPATH = ",".join(
    (
        "$HADOOP_CONF_DIR",
        *(
            f"$HADOOP_{part}_HOME/{jars}"
            for part in ("COMMON", "HDFS", "MAPRED", "YARN")
            for jars in ("*", "lib/*")
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HadoopSite:
    """Where a cluster's Hadoop is; ``realm`` is None without Kerberos, ``in_transit`` says whether EMR encrypts."""

    primary_dns: str
    realm: str | None = None
    in_transit: bool = False

    def job_properties(self) -> dict[str, str]:
        """Where the cluster is, and whom a client must be there."""
        return self._addresses() | self._security()

    def task_context(self) -> dict[str, str]:
        """What makes Druid's task log in from its own keytab before it speaks to a kerberized cluster.

        Druid asks its own ``core-site.xml`` alone whether to log in; with ``${hadoop.security.authentication}`` as the
        value there, the task decides.
        Source: https://github.com/apache/druid/blob/25.0.0/indexing-hadoop/src/main/java/org/apache/druid/indexer/JobHelper.java
        """
        return {f"{PEON_PROPERTY}{AUTHENTICATION}": "kerberos"} if self.realm else {}

    def _addresses(self) -> dict[str, str]:
        dns = self.primary_dns
        return {
            "fs.defaultFS": f"hdfs://{dns}:{NAME_NODE_PORT}",
            "mapreduce.framework.name": "yarn",
            "mapreduce.jobhistory.address": f"{dns}:{JOB_HISTORY_PORT}",
            "mapreduce.application.classpath": _HADOOP_CLASSPATH,
            "yarn.application.classpath": _HADOOP_CLASSPATH,
            "yarn.app.mapreduce.am.staging-dir": "/user",
            "yarn.resourcemanager.hostname": dns,
            "yarn.resourcemanager.address": f"{dns}:{RESOURCE_MANAGER_PORT}",
            "yarn.resourcemanager.scheduler.address": f"{dns}:{RESOURCE_MANAGER_SCHEDULER_PORT}",
            "dfs.client.use.datanode.hostname": "true",
        }

    def _security(self) -> dict[str, str]:
        # Told in any case: a job carries its submitter's own value, which may say whatever suits another cluster.
        if self.realm is None:
            return {AUTHENTICATION: "simple"}
        protection = "privacy" if self.in_transit else "authentication"
        settings = {
            AUTHENTICATION: "kerberos",
            "hadoop.rpc.protection": protection,
            "dfs.data.transfer.protection": protection,
            "dfs.encrypt.data.transfer.cipher.suites": CIPHER_SUITE,
            "dfs.namenode.kerberos.principal": f"hdfs/{self.primary_dns}@{self.realm}",
            "dfs.datanode.kerberos.principal": f"hdfs/_HOST@{self.realm}",
            "yarn.resourcemanager.principal": f"yarn/{self.primary_dns}@{self.realm}",
            "mapreduce.jobhistory.principal": f"mapred/{self.primary_dns}@{self.realm}",
        }
        # A job's own value, Hadoop's default included, is what its reducers go by.
        tls = {"mapreduce.shuffle.ssl.enabled": "true", "yarn.http.policy": "HTTPS_ONLY"}
        return settings | (tls if self.in_transit else {})


def site_of(primary_dns: str, security: ClusterSecurity | None, boundary: Boundary) -> HadoopSite:
    """The Hadoop of a cluster that was launched with ``security`` on this side of the boundary."""
    kerberos = kerberos_needs(security, boundary)
    return HadoopSite(
        primary_dns, kerberos.realm if kerberos else None, in_transit=security is not None and security.in_transit
    )
