"""Records beside CloudTrail of who touched the data: what HDFS, the KDC, Druid and Redshift write down themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum

from pydantic import Field, field_validator

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.uri import S3Uri


class Witness(StrEnum):
    """Whose record it is: the name node's audit log, the clusters' KDC, Druid's request log, Redshift's audit logs."""

    HDFS = "hdfs-audit"
    KDC = "kdc"
    DRUID = "druid-requests"
    REDSHIFT = "redshift-audit"


class KnownIdentity(Frozen):
    """Somebody else whose name in one of these records is expected, until the day on which that ends.

    HDFS and the KDC name principals, which are compared without their host; Druid and Redshift name users.
    """

    witness: Witness = Field(description="hdfs-audit, kdc, druid-requests or redshift-audit")
    identity: str = Field(
        min_length=1,
        max_length=128,
        description="as the record has it, a principal without its host: druid@SITE.INTERNAL, druid_system, reporting",
    )
    owner: str = Field(min_length=1, description="the team that answers for it")
    purpose: str = Field(min_length=10, description="one sentence: what it does this for")
    expires: date = Field(description="the last day on which the declaration holds, such as 2027-06-30")


class WitnessPlaces(Frozen):
    """Where these records lie that are not in the clusters' own logs, and whom they may name."""

    druid_requests_uri: str | None = Field(
        None, description="s3://bucket/prefix that Druid's request logs are copied to, named by their day; or null"
    )
    redshift_audit_uri: str | None = Field(
        None, description="s3://bucket/prefix of Redshift's audit logs, what is above AWSLogs/; or null"
    )
    known: tuple[KnownIdentity, ...] = Field(
        (), description="whom these records may name beside the nights: `- witness:`, identity, owner, purpose, expires"
    )

    @field_validator("druid_requests_uri", "redshift_audit_uri")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        if text is not None:
            S3Uri.parse(text)
        return text

    def declares(self, witness: Witness, identities: Iterable[str], day: date) -> bool:
        """Whether each of ``identities`` is known to ``witness`` on ``day`` (UTC)."""
        names = {each.identity for each in self.known if each.witness is witness and day <= each.expires}
        return names.issuperset(identities)
