"""Redshift as a boundary names it, and the statements that its Data API runs.

Sources: https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_DescribeStatement.html,
https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.uri import Arn


class Warehouse(Frozen):
    """Where Redshift is, and the chain of roles as which it reads and writes S3; no user, no password.

    The Data API signs in as the IAM identity of the Airflow connection: user ``IAMR:<role>`` in the database.
    """

    cluster_identifier: str | None = Field(
        None,
        pattern=r"^[a-z](-?[a-z0-9]){0,62}$",
        description="a provisioned cluster's identifier; null for Serverless",
    )
    workgroup_name: str | None = Field(
        None, pattern=r"^[a-z0-9-]{3,64}$", description="a Serverless workgroup's name; null for a provisioned cluster"
    )
    database: str = Field(pattern=r"^[a-z_][a-z0-9_$]{0,126}$", description="the database, in small letters")
    role_arns: tuple[str, ...] = Field(
        min_length=1, max_length=10, description="a list of role ARNs; more than one is a chain, the last reads S3"
    )

    @field_validator("role_arns")
    @classmethod
    def _roles(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            arn = Arn.parse(text)
            if arn.service != "iam" or not arn.resource.startswith("role/") or set(text) & set(", '\"\\"):
                raise ValueError("write roles' ARNs in full (arn:aws:iam::account:role/name)")
        return texts

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.cluster_identifier is None) == (self.workgroup_name is None):
            raise ValueError("name cluster_identifier or workgroup_name, one of the two")
        return self

    @property
    def target(self) -> dict[str, str]:
        """Whom the Data API asks, in its own field names."""
        named = {"ClusterIdentifier": self.cluster_identifier, "WorkgroupName": self.workgroup_name}
        return {name: value for name, value in named.items() if value is not None} | {"Database": self.database}

    def __str__(self) -> str:
        return f"Redshift {self.cluster_identifier or self.workgroup_name}/{self.database}"


class StatementState(StrEnum):
    """A statement's state in the Data API's words."""

    SUBMITTED = "SUBMITTED"
    PICKED = "PICKED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_ended(self) -> bool:
        """Whether it will not change any more."""
        return self in {StatementState.FINISHED, StatementState.FAILED, StatementState.ABORTED}


@dataclass(frozen=True, slots=True)
class SubStatement:
    """One statement of a batch; ``query_id`` is Redshift's own, 0 when it did not come to that."""

    statement_id: str
    state: StatementState
    error: str = ""
    query_id: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A batch of statements, one transaction; ``name`` is only known where it was listed by name."""

    statement_id: str
    state: StatementState
    name: str = ""
    error: str = ""
    created_at: datetime | None = None
    parts: tuple[SubStatement, ...] = ()
