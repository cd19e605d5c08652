"""Services that a bootstrap action left on a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from druid_reindex.sandbox.aws.emr import units
from druid_reindex.sandbox.aws.emr.model import Instance, InstanceGroup
from druid_reindex.sandbox.aws.emr.units import Unit
from emulated_clusters import new_cluster

GROUPS = [
    InstanceGroup("ig-1", "Primary", "MASTER", "m6g.xlarge", "ON_DEMAND", 1, {}),
    InstanceGroup("ig-2", "Core", "CORE", "r6g.xlarge", "ON_DEMAND", 1, {}),
]
PRIMARY = Instance("ci-1", "i-1", "ig-1", "MASTER", "m6g.xlarge", "ON_DEMAND")
CORE = Instance("ci-2", "i-2", "ig-2", "CORE", "r6g.xlarge", "ON_DEMAND")


def test_a_service_is_its_name_and_its_command(tmp_path: Path) -> None:
    folder = tmp_path / units.FOLDER
    folder.mkdir(parents=True)
    (folder / "attest.service").write_text('[Service]\nUser=hadoop\nExecStart=/bin/bash /opt/a.sh "s3://b/a b/" %n\n')
    (folder / "target.service").write_text("[Unit]\nDescription=nothing to run\n")
    assert list(units.installed(tmp_path)) == [Unit("attest", ("/bin/bash", "/opt/a.sh", "s3://b/a b/", "%n"))]
    assert list(units.installed(tmp_path / "empty")) == []


def test_each_instance_knows_itself_and_shares_the_rest(tmp_path: Path) -> None:
    cluster = new_cluster(groups=GROUPS, instances=[PRIMARY, CORE])
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "krb5.conf").write_text("shared")
    units.write_facts(tmp_path, cluster, PRIMARY)
    assert units.file_system(tmp_path, cluster, PRIMARY) == tmp_path
    own = units.file_system(tmp_path, cluster, CORE)
    assert units.file_system(tmp_path, cluster, CORE) == own
    assert (own / "etc" / "krb5.conf").read_text() == "shared"
    assert facts(tmp_path, "instance")["isMaster"] is True
    assert facts(own, "instance") == {"isMaster": False, "isRunningNameNode": False, "instanceGroupId": "ig-2"}
    roles = {group["instanceGroupId"]: group["instanceRole"] for group in facts(own, "job-flow")["instanceGroups"]}
    assert roles == {"ig-1": "Master", "ig-2": "Core"}
    assert facts(own, "job-flow")["jobFlowId"] == cluster.id
    assert facts(own, "extraInstanceData") == {"releaseLabel": "emr-7.2.0"}


def facts(root: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((root / "mnt" / "var" / "lib" / "info" / f"{name}.json").read_text()))
