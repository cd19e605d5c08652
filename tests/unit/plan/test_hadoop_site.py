"""The site settings that travel with a job."""

from __future__ import annotations

from changed_configs import SHIPPED
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_file import load_security
from druid_reindex.plan.hadoop_site import HadoopSite, site_of

PRIMARY = "ip-10-0-0-1.ec2.internal"


def test_a_plain_cluster_is_said_to_be_one() -> None:
    """A job carries its submitter's configuration, in which a site may leave the choice to the task."""
    site = HadoopSite(PRIMARY)
    assert site.task_context() == {}
    assert site.job_properties()["hadoop.security.authentication"] == "simple"
    assert not [name for name in site.job_properties() if "principal" in name or "protection" in name]


def test_a_kerberized_cluster_is_named_by_its_principals() -> None:
    site = HadoopSite(PRIMARY, "SITE.INTERNAL", in_transit=True)
    properties = site.job_properties()
    assert properties["dfs.namenode.kerberos.principal"] == f"hdfs/{PRIMARY}@SITE.INTERNAL"
    assert properties["yarn.resourcemanager.principal"] == f"yarn/{PRIMARY}@SITE.INTERNAL"
    assert properties["hadoop.security.authentication"] == "kerberos"
    assert properties["hadoop.rpc.protection"] == "privacy"
    assert properties["mapreduce.shuffle.ssl.enabled"] == "true"
    assert site.task_context() == {"druid.indexer.fork.property.hadoop.security.authentication": "kerberos"}
    assert properties["fs.defaultFS"] == HadoopSite(PRIMARY).job_properties()["fs.defaultFS"]


def test_without_encryption_in_transit_only_who_speaks_is_proven() -> None:
    properties = HadoopSite(PRIMARY, "SITE.INTERNAL").job_properties()
    assert properties["hadoop.rpc.protection"] == "authentication"
    assert "mapreduce.shuffle.ssl.enabled" not in properties


def test_the_site_is_that_of_the_clusters_security() -> None:
    phi = load_boundaries(SHIPPED).phi
    assert site_of(PRIMARY, None, phi) == HadoopSite(PRIMARY)
    outside = load_security(SHIPPED, "external_kdc")
    assert site_of(PRIMARY, outside, phi) == HadoopSite(PRIMARY, "SITE.INTERNAL", in_transit=True)
    own = load_security(SHIPPED, "dedicated_kdc").model_copy(update={"in_transit": False})
    assert site_of(PRIMARY, own, phi) == HadoopSite(PRIMARY, "EC2.INTERNAL")
