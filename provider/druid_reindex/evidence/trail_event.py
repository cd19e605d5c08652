"""One event of a trail, as far as it is read: who asked what of which service, when, from where, and on what.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html,
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class SessionIssuer(msgspec.Struct, frozen=True, rename="camel"):
    """The role or user that a temporary session comes from."""

    type: str = ""
    arn: str = ""
    account_id: str = ""
    user_name: str = ""


class SessionContext(msgspec.Struct, frozen=True, rename="camel"):
    """How temporary credentials came to be."""

    session_issuer: SessionIssuer = SessionIssuer()
    source_identity: str = ""


class UserIdentity(msgspec.Struct, frozen=True, rename="camel"):
    """Who asked; an AWS service that acts by itself has only ``invoked_by``."""

    type: str = ""
    principal_id: str = ""
    arn: str = ""
    account_id: str = ""
    access_key_id: str = ""
    user_name: str = ""
    invoked_by: str = ""
    session_context: SessionContext | None = None

    @property
    def session_name(self) -> str:
        """The RoleSessionName of an assumed role; empty for everybody else."""
        return self.arn.rpartition("/")[2] if ":assumed-role/" in self.arn else ""

    @property
    def role_arn(self) -> str:
        """The role that is assumed; empty for everybody else."""
        return self.session_context.session_issuer.arn if self.session_context is not None else ""


class Resource(msgspec.Struct, frozen=True):
    """Something that the event touched."""

    ARN: str = ""  # CloudTrail's own word
    type: str = ""


class TrailEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event; ``error_code`` is empty where the call succeeded, ``request_id`` where no caller was given one."""

    event_time: Instant
    event_source: str
    event_name: str
    aws_region: str
    event_id: str = msgspec.field(name="eventID")
    user_identity: UserIdentity | None = None
    source_ip_address: str | None = msgspec.field(name="sourceIPAddress", default=None)
    user_agent: str | None = None
    error_code: str = ""
    request_parameters: Any = None
    additional_event_data: Any = None
    request_id: str | None = msgspec.field(name="requestID", default=None)
    read_only: bool | None = None
    resources: list[Resource] | None = None
    event_type: str = ""
    management_event: bool | None = None
    recipient_account_id: str = ""
    shared_event_id: str | None = msgspec.field(name="sharedEventID", default=None)
    event_category: str = ""

    @property
    def identity(self) -> UserIdentity:
        """Who asked; an empty one where the event does not say."""
        return self.user_identity if self.user_identity is not None else UserIdentity()

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of what it touched: those that it lists, and the bucket and object that were asked for."""
        listed = [each.ARN for each in self.resources or () if each.ARN]
        asked = self.request_parameters if isinstance(self.request_parameters, dict) else {}
        bucket, key = asked.get("bucketName"), asked.get("key")
        if isinstance(bucket, str) and bucket:
            listed.append(f"arn:aws:s3:::{bucket}")
            if isinstance(key, str) and key:
                listed.append(f"arn:aws:s3:::{bucket}/{key}")
        return tuple(dict.fromkeys(listed))
