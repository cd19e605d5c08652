"""Security configurations for tests, and what the clusters that use them need in the account."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import ARTIFACTS, request, state, until

ZIP = "certificates/test.zip"
UP_SECONDS = 400
EXTERNAL = {
    "Provider": "ExternalKdc",
    "ExternalKdcConfiguration": {
        "TicketLifetimeInHours": 24,
        "KdcServerType": "Single",
        "AdminServer": "kdc.internal:749",
        "KdcServer": "kdc.internal:88",
    },
}


def dedicated(**trust: Any) -> dict[str, Any]:
    return {
        "Provider": "ClusterDedicatedKdc",
        "ClusterDedicatedKdcConfiguration": {"TicketLifetimeInHours": 24, **trust},
    }


def put_certificates(home: SandboxHome, s3: Any) -> None:
    """Put a zip for every cluster's name into the artifacts bucket."""
    made = pki.server_certificate(home, "clusters", dns=("*.ec2.internal",), ips=())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(made.key, "privateKey.pem")
        archive.write(made.certificate, "certificateChain.pem")
        archive.write(home.ca_file, "trustedCertificates.pem")
    s3.put_object(Bucket=ARTIFACTS, Key=ZIP, Body=packed.getvalue())


def secured(emr: Any, name: str, kerberos: dict[str, Any]) -> str:
    """Return the name of a security configuration with encryption in transit and these Kerberos settings."""
    tls = {"CertificateProviderType": "PEM", "S3Object": f"s3://{ARTIFACTS}/{ZIP}"}
    encryption = {
        "EnableInTransitEncryption": True,
        "EnableAtRestEncryption": False,
        "InTransitEncryptionConfiguration": {"TLSCertificateConfiguration": tls},
    }
    document = {
        "EncryptionConfiguration": encryption,
        "AuthenticationConfiguration": {"KerberosConfiguration": kerberos},
    }
    emr.create_security_configuration(Name=name, SecurityConfiguration=json.dumps(document))
    return name


def launched(emr: Any, name: str, kerberos: dict[str, Any], attributes: dict[str, str], **more: Any) -> tuple[str, str]:
    """Return a cluster that waits: its id and its primary node's name."""
    boundary = load_boundaries(emr_configs()).phi
    wanted = request(
        SecurityConfiguration=secured(emr, name, kerberos),
        KerberosAttributes=attributes,
        JobFlowRole=boundary.emr_instance_profile,
        LogUri=boundary.emr_log_uri,
        **more,
    )
    cluster_id = str(emr.run_job_flow(**wanted)["JobFlowId"])
    until(lambda: state(emr, cluster_id), "WAITING", seconds=UP_SECONDS)
    return cluster_id, str(emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["MasterPublicDnsName"])


def terminated(emr: Any, cluster_id: str) -> None:
    """End the cluster and wait until it has ended."""
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    until(lambda: state(emr, cluster_id), "TERMINATED")
