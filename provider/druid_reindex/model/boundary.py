"""The logical boundary between protected and general data: what a classification gives a pipeline.

Read from ``emr_configs/boundaries.yaml``: account-level values, once per classification, never in a pipeline file.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated
from uuid import UUID

from pydantic import Field, field_validator

from druid_reindex.model.pipeline import Classification, Frozen
from druid_reindex.model.uri import Arn, S3Uri


class Network(Frozen):
    """Where clusters run: private subnets, and EMR's managed and service-access security groups."""

    subnet_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    primary_security_group: str
    core_security_group: str
    service_access_security_group: str


class Boundary(Frozen):
    """What one classification's pipelines share: Airflow's pool, queue, connections; AWS's roles, key, prefixes."""

    datasources: tuple[str, ...]
    pool: str
    queue: str
    druid_conn_id: str
    aws_conn_id: str
    kms_key_arn: str
    data_uri: str
    runs_uri: str
    segments_uri: str
    task_logs_uri: str
    emr_log_uri: str
    emr_log_kms_key_arn: str
    emr_service_role: str
    emr_instance_profile: str
    metadata_secret_id: str
    network: Network

    @field_validator("kms_key_arn", "emr_log_kms_key_arn")
    @classmethod
    def _full_arn(cls, text: str) -> str:
        arn = Arn.parse(text)
        if arn.service != "kms" or not arn.resource.startswith("key/"):
            raise ValueError("write the KMS key's full ARN (arn:aws:kms:region:account:key/id), no alias")
        return text

    @field_validator("data_uri", "runs_uri", "segments_uri", "task_logs_uri", "emr_log_uri")
    @classmethod
    def _address(cls, text: str) -> str:
        S3Uri.parse(text)
        return text

    def claims_datasource(self, datasource: str) -> bool:
        """Whether ``datasource`` belongs to this boundary by one of its name patterns."""
        return any(fnmatchcase(datasource, pattern) for pattern in self.datasources)

    def claims_uri(self, uri: S3Uri) -> bool:
        """Whether ``uri`` lies under this boundary's data."""
        return S3Uri.parse(self.data_uri).covers(uri)


class Boundaries(Frozen):
    """One deployment's boundaries; ``deployment_id`` is part of every run's identity."""

    deployment_id: UUID
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    artifacts_uri: str
    phi: Boundary
    general: Boundary

    def of(self, classification: Classification) -> Boundary:
        """The boundary of ``classification``."""
        return self.phi if classification is Classification.PHI else self.general
