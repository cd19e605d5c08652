"""The machine of one emulated cluster: its file system, its role, its daemons, and the processes that run on it."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from druid_reindex.sandbox import distributions, hadoop
from druid_reindex.sandbox.addresses import ClusterAddress, claim_cluster_address, release_cluster_address
from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.emr import kerberized, units
from druid_reindex.sandbox.aws.emr.logs import LogArchive
from druid_reindex.sandbox.aws.emr.model import BootstrapAction, Cluster, Instance, Step
from druid_reindex.sandbox.aws.imds import PORT, MetadataService
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

    def __init__(self, site: Site, cluster: Cluster, kerberos: Mapping[str, str] | None = None) -> None:
        """`kerberos` are RunJobFlow's attributes of that name, with the passwords that the cluster does not keep."""
        self._site = site
        self._cluster = cluster
        self._kerberos = kerberos or {}
        self.root = site.home.data("emr") / cluster.id
        self.logs = site.home.logs() / "emr" / cluster.id
        self.address: ClusterAddress | None = None
        self._metadata: dict[str, MetadataService] = {}
        self._units: list[OwnedProcess] = []
        self._hadoop: hadoop.HadoopCluster | None = None
        self._secured: kerberized.Secured | None = None
        request = cluster.request
        self.archive = LogArchive(request.get("LogUri"), cluster.id, request.get("LogEncryptionKmsKeyId"), self._s3)

    def provision(self) -> ClusterAddress:
        """Claim the address, make the file system, and start to give out the role's credentials."""
        shutil.rmtree(self.root, ignore_errors=True)
        for folder in (self.root / "home" / USER, self.root / "opt", self.root / "usr" / "bin", self.logs):
            folder.mkdir(parents=True)
        self.address = claim_cluster_address(self._site.home)
        self._serve_metadata(self.address, self._cluster.primary)
        self._write_aws_command()
        units.write_facts(self.root, self._cluster, self._cluster.primary)
        if self._site.daemons is Daemons.HADOOP:
            self._hadoop = self._hadoop_cluster(self.address, self._primary_metadata.url)
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

    def start(self, run: Run, instance: Instance | None = None) -> OwnedProcess:
        """Start `run` as the cluster's user with its role's credentials within reach; stdout and stderr apart.

        It runs on `instance`, or on the primary node.
        """
        script = 'exec >>"$0/stdout" 2>>"$0/stderr"; exec "$@"'
        return OwnedProcess.start(
            ServiceSpec(
                name=run.name,
                argv=("/bin/bash", "-c", script, str(run.folder), *run.argv),
                env=self._environment(run, instance or self._cluster.primary),
                cwd=run.folder,
                log=run.folder / "controller",
                stop_seconds=STOP_SECONDS,
            )
        )

    def start_units(self) -> None:
        """Start the services that bootstrap actions installed, on each instance."""
        for unit in units.installed(self.root):
            argv = tuple(self._local(argument) for argument in unit.command)
            for instance in self._cluster.instances:
                self._units.append(self.start(Run(unit.name, argv, self._unit_folder(unit, instance)), instance))

    def stop(self) -> None:
        """Stop daemons, services and containers, archive their logs, and remove everything but the local logs."""
        for unit in self._units:
            unit.stop()
        if self._hadoop is not None:
            self._hadoop.stop()
            self.archive.put_tree(self.logs / "applications", f"node/{self._cluster.primary.ec2_id}/applications")
            self.archive.put_tree(self.logs / "containers", "containers")
        for metadata in self._metadata.values():
            metadata.stop()
        if self._secured is not None:
            self._secured.release()
        if self.address is not None:
            release_cluster_address(self._site.home, self.address)
        shutil.rmtree(self.root, ignore_errors=True)

    def _unit_folder(self, unit: units.Unit, instance: Instance) -> Path:
        folder = self.logs / "units" / unit.name / instance.ec2_id
        folder.mkdir(parents=True)
        return folder

    def _environment(self, run: Run, instance: Instance) -> dict[str, str]:
        assert self.address is not None
        found = {"HADOOP_USER_NAME": USER} if self._hadoop is None else self._hadoop.client_environment(USER)
        return found | {
            "PATH": f"{self.root}/usr/bin:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.root / "home" / USER),
            "USER": USER,
            "LANG": "C.UTF-8",
            "HADOOP_CLIENT_OPTS": f"-Dhadoop.syslog={run.folder}/syslog",
            "DRX_NODE_ROOT": str(units.file_system(self.root, self._cluster, instance)),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self._site.endpoint_url,
            "AWS_CA_BUNDLE": str(self._site.home.ca_file),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self._serve_metadata(self.address, instance).url,
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
        return self._site.client("s3", self._primary_metadata.credentials())

    @property
    def _primary_metadata(self) -> MetadataService:
        return self._metadata[self._cluster.primary.ec2_id]

    def _serve_metadata(self, address: ClusterAddress, instance: Instance) -> MetadataService:
        """Serve the instance's metadata, if it is not served; EC2 names the session of an instance after it."""
        role_arn, number = self._cluster.role_arn, len(self._metadata)
        facts = {
            "instance-id": instance.ec2_id,
            "local-hostname": address.dns,
            "local-ipv4": address.ip,
            "placement/region": REGION,
            "placement/availability-zone": self._cluster.availability_zone,
        }
        if instance.ec2_id not in self._metadata:
            issue = partial(roles.assume, role_arn, instance.ec2_id)
            served = MetadataService((address.ip, PORT + number), role_arn.rpartition("/")[2], issue, facts)
            self._metadata[instance.ec2_id] = served
        return self._metadata[instance.ec2_id]

    def _hadoop_cluster(self, address: ClusterAddress, metadata_url: str) -> hadoop.HadoopCluster:
        home = self._site.home
        found = distributions.hadoop(home, log.info, self._cluster.hadoop_version)
        overrides = classifications(self._cluster.request.get("Configurations", []))
        secured = self._secured = self._secure(address)
        layout = ClusterLayout(
            address, self.root, self.logs, self._site.endpoint_url, overrides, secured.hadoop if secured else None
        )
        krb5_conf = secured.hadoop.krb5_conf if secured else None
        java = hadoop.JavaSettings(home.hosts_file, home.truststore, metadata_url, krb5_conf)
        kdc = secured.kdc.service(home, self.logs / "kdc.log", log.info) if secured and secured.kdc else None
        return hadoop.HadoopCluster(found, layout, java, kdc)

    def _secure(self, address: ClusterAddress) -> kerberized.Secured | None:
        """Raises ConfigurationError for what the security configuration asks and nothing here can give."""
        wanted = kerberized.Wanted.read(self._cluster.security, self._kerberos)
        if wanted is None:
            return None
        private = self.root / "etc" / "emr-security"
        private.mkdir(mode=0o700, parents=True)
        return kerberized.secure(wanted, self._site.home, address, self.root, lambda uri: self._fetch(uri, private))

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
