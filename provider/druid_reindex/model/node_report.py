"""What a node of a cluster reports of its own protection, as versioned JSON; null is what it could not read.

``emr_configs/bootstrap/attest.sh`` writes it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from druid_reindex.errors import ProtocolError

SCHEMA = "druid-reindex/node-attestation/1"


class _Part(BaseModel):
    """A part of the report; unknown fields are refused, and nothing is converted that JSON has another type for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ReportedVolume(_Part):
    """One data volume."""

    mount: str
    device: str | None
    encryption: Literal["luks", "none", "unavailable"] | None
    cipher: str | None


class ReportedKerberos(_Part):
    """Hadoop's authentication."""

    authentication: str | None
    realm: str | None
    simple_refused: bool | None


class ReportedRpc(_Part):
    """Hadoop RPC."""

    protection: str | None


class ReportedHdfs(_Part):
    """HDFS's transfers and web addresses."""

    transfer_protection: str | None
    encrypt_data_transfer: bool | None
    cipher_suites: str | None
    http_policy: str | None


class ReportedShuffle(_Part):
    """MapReduce's shuffle."""

    ssl: bool | None


class ReportedCertificate(_Part):
    """The certificate that one of the node's endpoints shows."""

    endpoint: str
    subject: str | None
    issuer: str | None
    not_after: AwareDatetime | None
    key_bits: int | None
    trusted: bool | None


class ReportedImds(_Part):
    """The instance's metadata service."""

    v1_refused: bool | None


class NodeReport(_Part):
    """One node's report."""

    schema_: Literal["druid-reindex/node-attestation/1"] = Field(alias="schema")
    nonce: str
    cluster_id: str | None
    instance_id: str
    role: str | None
    reported_at: AwareDatetime
    release_label: str | None
    volumes: tuple[ReportedVolume, ...] | None
    kerberos: ReportedKerberos
    rpc: ReportedRpc
    hdfs: ReportedHdfs
    shuffle: ReportedShuffle
    certificates: tuple[ReportedCertificate, ...] | None
    imds: ReportedImds


def read_report(body: bytes, resource: str) -> NodeReport:
    """The report in ``body``. Raises ProtocolError when this release cannot read it."""
    try:
        return NodeReport.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise ProtocolError(
            "read a node's report",
            resource=resource,
            came_back=wrong,
            remedy=f"upload the attest.sh of this release, which writes {SCHEMA}",
        ) from error
