"""Where a classification's evidence is kept, how long nobody may delete it, and by which key it is signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, field_validator

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.model.witness import WitnessPlaces

# 45 CFR 164.316(b)(2)(i): six years from the creation, or from when it last was in effect.
SIX_YEARS_DAYS = 2192


class LockMode(StrEnum):
    """What S3 Object Lock refuses: with governance, those who may bypass it can still delete; with compliance, nobody.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
    """

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


class Trail(StrEnum):
    """Whose record of calls the evidence is compared with."""

    CLOUDTRAIL = "cloudtrail"
    EMULATED = "emulated"


class EvidencePlace(Frozen):
    """The bucket of a classification's evidence, which has Object Lock, and the key that signs it."""

    uri: str = Field(description="s3://bucket/prefix of the evidence, in a bucket with Object Lock")
    kms_key_arn: str = Field(description="the full ARN of the KMS key that the evidence is encrypted with")
    signing_key_arn: str = Field(description="the full ARN of an asymmetric KMS key: ECC_NIST_P256, SIGN_VERIFY")
    mode: LockMode = Field(LockMode.GOVERNANCE, description="GOVERNANCE, or COMPLIANCE: nobody can take it back")
    retention_days: int = Field(SIX_YEARS_DAYS, ge=1, le=36500, description="how many days nobody may delete it")
    legal_hold: bool = Field(True, description="true to hold it beyond that, until a person lifts the hold")
    agreement: str | None = Field(
        None, min_length=1, description="a reference to your business associate agreement with AWS; or null"
    )
    trail: Trail = Field(Trail.CLOUDTRAIL, description="cloudtrail; emulated in the sandbox alone")
    trail_arn: str | None = Field(
        None, description="the full ARN of the trail that records the data; null where the account has one alone"
    )

    witnesses: WitnessPlaces = Field(
        WitnessPlaces(), description="druid_requests_uri, redshift_audit_uri, known: records beside CloudTrail"
    )

    @field_validator("uri")
    @classmethod
    def _address(cls, text: str) -> str:
        S3Uri.parse(text)
        return text

    @field_validator("kms_key_arn", "signing_key_arn")
    @classmethod
    def _full_arn(cls, text: str) -> str:
        arn = Arn.parse(text)
        if arn.service != "kms" or not arn.resource.startswith("key/"):
            raise ValueError("write the KMS key's full ARN (arn:aws:kms:region:account:key/id), no alias")
        return text

    @field_validator("trail_arn")
    @classmethod
    def _trail_arn(cls, text: str | None) -> str | None:
        if text is not None:
            arn = Arn.parse(text)
            if arn.service != "cloudtrail" or not arn.resource.startswith("trail/"):
                raise ValueError("write the trail's full ARN (arn:aws:cloudtrail:region:account:trail/name)")
        return text

    def lock(self, since: datetime) -> ObjectLock:
        """The lock of an object that is written at ``since`` (UTC)."""
        return ObjectLock(
            self.mode, since.replace(microsecond=0) + timedelta(days=self.retention_days), self.legal_hold
        )


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """An object's lock: nobody may delete it before ``until`` (UTC), nor while it ``is_held``."""

    mode: LockMode
    until: datetime
    is_held: bool

    def covers(self, wanted: ObjectLock) -> bool:
        """Whether it protects at least as long and as strictly as ``wanted``."""
        is_strict = self.mode is wanted.mode or self.mode is LockMode.COMPLIANCE
        return is_strict and self.until >= wanted.until and (self.is_held or not wanted.is_held)
