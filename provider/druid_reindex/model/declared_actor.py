"""Standing principals that may touch a pipeline's data beside its nights: who, what, where, when, why, until when."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.uri import Arn, S3Uri

_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_VERB = r"^[a-z0-9-]+:[A-Za-z0-9]+$"


class DeclaredActor(Frozen):
    """Somebody else whose use of the data is known: Druid's nodes, replication, a backup, a service of AWS.

    What stays inside the declaration is no finding; what goes beyond any part of it is.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="a short name of its own")
    principal: str | None = Field(
        None, description="the ARN of a role or user, in full: arn:aws:iam::111122223333:role/Name; or invoked_by"
    )
    invoked_by: str | None = Field(
        None,
        pattern=r"^[a-z0-9.-]+\.amazonaws\.com$",
        description="a service of AWS that acts by itself, such as replication.s3.amazonaws.com; or principal",
    )
    verbs: tuple[Annotated[str, Field(pattern=_VERB)], ...] = Field(
        min_length=1, description="a list of what it does, in CloudTrail's words: s3:GetObject, kms:Decrypt"
    )
    prefix: str = Field(description="s3://bucket/prefix of what it touches, by whole path parts")
    window: str | None = Field(
        None,
        pattern=rf"^{_CLOCK}-{_CLOCK}$",
        description="the hours of each day, in UTC, such as 02:00-06:00 or 22:00-04:00; null for all",
    )
    owner: str = Field(min_length=1, description="the team that answers for it")
    purpose: str = Field(min_length=10, description="one sentence: what it does this for")
    expires: date = Field(description="the last day on which the declaration holds, such as 2027-06-30")

    @field_validator("principal")
    @classmethod
    def _one_principal(cls, text: str | None) -> str | None:
        if text is not None:
            arn = Arn.parse(text)
            if arn.service != "iam" or not arn.resource.startswith(("role/", "user/")) or set("*?") & set(text):
                raise ValueError("name one role or user in full, without * or ?")
        return text

    @field_validator("prefix")
    @classmethod
    def _address(cls, text: str) -> str:
        S3Uri.parse(text)
        return text

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.principal is None) == (self.invoked_by is None):
            raise ValueError("name a principal or a service in invoked_by, one of the two")
        return self

    @property
    def where(self) -> S3Uri:
        """What it touches."""
        return S3Uri.parse(self.prefix)

    def is_open(self, at: datetime) -> bool:
        """Whether ``at`` (UTC) lies in its hours; a window that ends before it begins goes over midnight."""
        if self.window is None:
            return True
        start, end = (time.fromisoformat(each) for each in self.window.split("-"))
        now = at.time().replace(tzinfo=None)
        return start <= now < end if start <= end else now >= start or now < end
