"""The machine of one emulated cluster: its file system, its role, its daemons, and the processes that run on it."""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from druid_reindex.sandbox import distributions, hadoop
from druid_reindex.sandbox.addresses import ClusterAddress, claim_cluster_address, release_cluster_address
from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.emr.logs import LogArchive
from druid_reindex.sandbox.aws.emr.model import BootstrapAction, Cluster, Step
from druid_reindex.sandbox.aws.imds import MetadataService
from druid_reindex.sandbox.aws.site import REGION, Daemons, Site
from druid_reindex.sandbox.hadoop_site import ClusterLayout
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec

log = logging.getLogger(__name__)

USER = "hadoop"
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Run:
    """A process to run on the node: its arguments, and the directory that gets its logs."""

    name: str
    argv: tuple[str, ...]
    folder: Path


class Node:
    """Everything on this machine that belongs to one cluster."""

    def __init__(self, site: Site, cluster: Cluster) -> None:
        self._site = site
        self._cluster = cluster
        self.root = site.home.data("emr") / cluster.id
        self.logs = site.home.logs() / "emr" / cluster.id
        self.address: ClusterAddress | None = None
        self._metadata: MetadataService | None = None
        self._hadoop: hadoop.HadoopCluster | None = None
        request = cluster.request
        self.archive = LogArchive(request.get("LogUri"), cluster.id, request.get("LogEncryptionKmsKeyId"), self._s3)

    def provision(self) -> ClusterAddress:
        """Claim the address, make the file system, and start to give out the role's credentials."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in (self.root / "home" / USER, self.root / "opt", self.root / "usr" / "bin", self.logs):
            folder.mkdir(parents=True)
        self.address = claim_cluster_address(self._site.home)
        self._metadata = self._serve_metadata(self.address)
        self._write_aws_command()
        self._write_instance_facts()
        if self._site.daemons is Daemons.HADOOP:
            self._hadoop = self._hadoop_cluster(self.address, self._metadata.url)
            self._hadoop.configure()
        return self.address

    def start_daemons(self) -> None:
        """Return when the cluster accepts work. Raises SandboxStartError when a daemon does not start."""
        if self._hadoop is not None:
            self._hadoop.start()

    def is_idle(self) -> bool:
        """Return whether no YARN application runs or waits."""
        return self._hadoop is None or self._hadoop.is_idle()

    def failed_daemon(self) -> str | None:
        """Return the name of a daemon that ended by itself."""
        return None if self._hadoop is None else self._hadoop.failed_daemon()

    def bootstrap(self, action: BootstrapAction, number: int) -> Run:
        """Return how to run a bootstrap action, its script fetched."""
        folder = self.logs / "bootstrap-actions" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        script = self._fetch(action.path, folder)
        return Run(f"bootstrap-{number}", ("/bin/bash", str(script), *action.args), folder)

    def step(self, step: Step) -> Run:
        """Return how to run a step: the command, script or jar that it names, fetched where it lies in S3.

        Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-commandrunner.html
        Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-hadoop-script.html (script-runner.jar)
        """
        folder = self.logs / "steps" / step.id
        folder.mkdir(parents=True, exist_ok=True)
        jar, args = step.config["Jar"], [str(arg) for arg in step.config.get("Args", [])]
        match jar.rpartition("/")[2]:
            case "command-runner.jar":
                argv = [self._local(arg) for arg in args]
            case "script-runner.jar":
                argv = ["/bin/bash", str(self._fetch(args[0], folder)), *args[1:]]
            case _:
                main = [step.config["MainClass"]] if step.config.get("MainClass") else []
                argv = ["hadoop", "jar", str(self._fetch(jar, folder)), *main, *args]
        return Run(step.id, tuple(argv), folder)

    def start(self, run: Run) -> OwnedProcess:
        """Start `run` as the cluster's user with its role's credentials within reach; stdout and stderr apart."""
        script = 'exec >>"$0/stdout" 2>>"$0/stderr"; exec "$@"'
        return OwnedProcess.start(
            ServiceSpec(
                name=run.name,
                argv=("/bin/bash", "-c", script, str(run.folder), *run.argv),
                env=self._environment(run),
                cwd=run.folder,
                log=run.folder / "controller",
                stop_seconds=STOP_SECONDS,
            )
        )

    def stop(self) -> None:
        """Stop daemons and containers, archive their logs, and remove everything but the local logs."""
        if self._hadoop is not None:
            self._hadoop.stop()
            self.archive.put_tree(self.logs / "applications", f"node/{self._cluster.primary.ec2_id}/applications")
            self.archive.put_tree(self.logs / "containers", "containers")
        if self._metadata is not None:
            self._metadata.stop()
        if self.address is not None:
            release_cluster_address(self._site.home, self.address)
        shutil.rmtree(self.root, ignore_errors=True)

    def _environment(self, run: Run) -> dict[str, str]:
        assert self._metadata is not None
        found = {} if self._hadoop is None else self._hadoop.client_environment()
        return found | {
            "PATH": f"{self.root}/usr/bin:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.root / "home" / USER),
            "USER": USER,
            "LANG": "C.UTF-8",
            "HADOOP_USER_NAME": USER,
            "HADOOP_CLIENT_OPTS": f"-Dhadoop.syslog={run.folder}/syslog",
            "DRX_NODE_ROOT": str(self.root),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self._site.endpoint_url,
            "AWS_CA_BUNDLE": str(self._site.home.ca_file),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self._metadata.url,
            "AWS_EC2_METADATA_V1_DISABLED": "true",
        }

    def _local(self, argument: str) -> str:
        return f"{self.root}{argument}" if argument.startswith("/opt/") else argument

    def _fetch(self, location: str, folder: Path) -> Path:
        """Return the local path of `location`, downloaded as the cluster's role when it is in S3.

        Raises botocore's ClientError when it cannot be read.
        """
        parts = urlsplit(location)
        if parts.scheme not in ("s3", "s3a", "s3n"):
            return Path(location)
        local = folder / Path(parts.path).name
        self._s3().download_file(parts.netloc, parts.path.lstrip("/"), str(local))
        return local

    def _s3(self) -> Any:
        assert self._metadata is not None
        return self._site.client("s3", self._metadata.credentials())

    def _serve_metadata(self, address: ClusterAddress) -> MetadataService:
        role_arn, instance_id = self._cluster.role_arn, self._cluster.primary.ec2_id
        facts = {
            "instance-id": instance_id,
            "local-hostname": address.dns,
            "local-ipv4": address.ip,
            "placement/region": REGION,
            "placement/availability-zone": self._cluster.availability_zone,
        }
        # EC2 names the session of an instance after the instance.
        return MetadataService(
            address.ip, role_arn.rpartition("/")[2], lambda: roles.assume(role_arn, instance_id), facts
        )

    def _hadoop_cluster(self, address: ClusterAddress, metadata_url: str) -> hadoop.HadoopCluster:
        home = self._site.home
        found = distributions.hadoop(home, log.info, self._cluster.hadoop_version)
        overrides = classifications(self._cluster.request.get("Configurations", []))
        layout = ClusterLayout(address, self.root, self.logs, self._site.endpoint_url, overrides)
        return hadoop.HadoopCluster(found, layout, hadoop.JavaSettings(home.hosts_file, home.truststore, metadata_url))

    def _write_instance_facts(self) -> None:
        """Write the file by which a bootstrap action tells the primary node from others.

        Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html (run-if)
        """
        file = self.root / "mnt" / "var" / "lib" / "info" / "instance.json"
        file.parent.mkdir(parents=True)
        facts = {"isMaster": True, "isRunningNameNode": True, "instanceGroupId": self._cluster.primary.group_id}
        file.write_text(json.dumps(facts), encoding="utf-8")

    def _write_aws_command(self) -> None:
        """Put the `aws` CLI on the PATH, as on EMR's nodes."""
        script = self.root / "usr" / "bin" / "aws"
        program = "from awscli.clidriver import main; import sys; sys.exit(main())"
        script.write_text(f'#!/bin/bash\nexec {shlex.quote(sys.executable)} -c {shlex.quote(program)} "$@"\n')
        script.chmod(0o755)


def classifications(configurations: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the properties of RunJobFlow's configurations by classification.

    Source: https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html
    """
    return {item["Classification"]: dict(item.get("Properties", {})) for item in configurations}
