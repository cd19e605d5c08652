"""systemd units that a bootstrap action left on a node, run once for each of the cluster's instances.

One machine stands for all of them: each instance has its own metadata service and its own facts below
`mnt/var/lib/info`, and shares everything else.
Source: https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
"""

from __future__ import annotations

import configparser
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from druid_reindex.sandbox.aws.emr.model import Cluster, Instance

FOLDER = Path("etc") / "systemd" / "system"
SHARED = ("etc", "home", "opt", "tmp", "usr", "var")


@dataclass(frozen=True)
class Unit:
    """One service: its name and its command, as its file has them."""

    name: str
    command: tuple[str, ...]


def installed(root: Path) -> Iterator[Unit]:
    """Return the services below `root`; a file without ExecStart is none."""
    for file in sorted((root / FOLDER).glob("*.service")):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read(file, encoding="utf-8")
        if command := parser.get("Service", "ExecStart", fallback=""):
            yield Unit(file.stem, tuple(shlex.split(command)))


def file_system(root: Path, cluster: Cluster, instance: Instance) -> Path:
    """Return the instance's own root: that of the primary node, or one that shares all but its facts."""
    if instance is cluster.primary:
        return root
    own = root / "instances" / instance.ec2_id
    own.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        link = own / name
        if not link.is_symlink():
            link.symlink_to(root / name, target_is_directory=True)
    write_facts(own, cluster, instance)
    return own


def write_facts(root: Path, cluster: Cluster, instance: Instance) -> None:
    """Write the files by which a script on a node knows the cluster, the release and the node's role.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-bootstrap.html (run-if)
    """
    folder = root / "mnt" / "var" / "lib" / "info"
    folder.mkdir(parents=True, exist_ok=True)
    is_primary = instance is cluster.primary
    groups = [{"instanceGroupId": group.id, "instanceRole": group.role.capitalize()} for group in cluster.groups]
    documents = {
        "instance": {
            "isMaster": is_primary,
            "isRunningNameNode": is_primary,
            "instanceGroupId": instance.group_id,
        },
        "job-flow": {"jobFlowId": cluster.id, "instanceGroups": groups},
        "extraInstanceData": {"releaseLabel": cluster.request["ReleaseLabel"]},
    }
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
