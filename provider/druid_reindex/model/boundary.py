"""The logical boundary between protected and general data: what a classification gives a pipeline.

Read from ``emr_configs/boundaries.yaml``: account-level values, once per classification, never in a pipeline file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.database import DATABASE_NAME, Database
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.frozen import Frozen
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.realm import Realms
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.model.warehouse import Warehouse

_REGION = r"^[a-z]{2}(-[a-z]+)+-\d$"
_GROUP = r"^sg-[0-9a-f]{8,17}$"
DatabaseName = Annotated[str, Field(pattern=DATABASE_NAME)]
SubnetId = Annotated[str, Field(pattern=r"^subnet-[0-9a-f]{8,17}$")]


class Network(Frozen):
    """Where clusters run: private subnets, and EMR's managed and service-access security groups."""

    subnet_ids: tuple[SubnetId, ...] = Field(min_length=1, description="a list of private subnets: subnet-…")
    primary_security_group: str = Field(pattern=_GROUP, description="a security group: sg- and its hexadecimal id")
    core_security_group: str = Field(pattern=_GROUP, description="a security group: sg- and its hexadecimal id")
    service_access_security_group: str = Field(
        pattern=_GROUP, description="a security group: sg- and its hexadecimal id"
    )
    tenancy: Literal["default", "dedicated"] = Field(
        "default", description="default or dedicated: the InstanceTenancy of the subnets' VPC"
    )


class Replica(Frozen):
    """Where S3 copies the bucket of a classification's data to, under the same keys of objects."""

    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="the bucket of the copies")
    region: str = Field(pattern=_REGION, description="its AWS Region, such as us-west-2")

    def copy_of(self, uri: S3Uri) -> S3Uri:
        """Where the copy of what lies at ``uri`` lies."""
        return S3Uri(self.bucket, uri.key)


class Boundary(Frozen):
    """What one classification's pipelines share: Airflow's pool, queue, connections; AWS's roles, key, prefixes."""

    datasources: tuple[str, ...] = Field(min_length=1, description='a list of name patterns such as "patient_*"')
    pool: str = Field(min_length=1, description="the Airflow pool of these pipelines")
    queue: str = Field(min_length=1, description="the Airflow queue of these pipelines")
    druid_conn_id: str = Field(min_length=1, description="the Airflow connection to Druid")
    aws_conn_id: str = Field(min_length=1, description="the Airflow connection to AWS")
    kms_key_arn: str = Field(description="the full ARN of the KMS key that these data are encrypted with")
    disk_kms_key_arn: str | None = Field(
        None, description="the full ARN of the KMS key of clusters' disks; left out, kms_key_arn"
    )
    kerberos: Realms = Field(Realms(), description="the realms that clusters belong to and trust")
    data_uri: str = Field(description="s3://bucket/prefix that all of these data lie under")
    runs_uri: str = Field(description="s3://bucket/prefix of the nights' own files, under data_uri")
    segments_uri: str = Field(description="s3://bucket/prefix of Druid's deep storage, under data_uri")
    task_logs_uri: str = Field(description="s3://bucket/prefix of Druid's task logs, under data_uri")
    emr_log_uri: str = Field(description="s3://bucket/prefix of the clusters' logs")
    emr_log_kms_key_arn: str = Field(
        description="the full ARN of the KMS key that the clusters' logs are encrypted with"
    )
    emr_service_role: str = Field(min_length=1, description="the name of EMR's service role")
    emr_instance_profile: str = Field(min_length=1, description="the name of the clusters' instance profile")
    metadata_secret_id: str = Field(min_length=1, description="the Secrets Manager secret of Druid's metadata store")
    network: Network = Field(description="subnet_ids and the three security groups")
    redshift: Warehouse | None = Field(
        None, description="cluster_identifier or workgroup_name, database and role_arns of Redshift; or null"
    )
    replica: Replica | None = Field(
        None, description="bucket and region of the copies that S3 makes of data_uri's bucket; or null"
    )
    evidence: EvidencePlace | None = Field(
        None, description="uri, keys, lock of the nights' evidence; or null: they leave no pack"
    )
    databases: Mapping[DatabaseName, Database] = Field(
        {}, description="databases outside AWS by a word of yours: host, database, secret_id, ca_file, jars"
    )

    @field_validator("kms_key_arn", "emr_log_kms_key_arn", "disk_kms_key_arn")
    @classmethod
    def _full_arn(cls, text: str | None) -> str | None:
        if text is None:
            return None
        arn = Arn.parse(text)
        if arn.service != "kms" or not arn.resource.startswith("key/"):
            raise ValueError("write the KMS key's full ARN (arn:aws:kms:region:account:key/id), no alias")
        return text

    @property
    def disk_key_arn(self) -> str:
        """The ARN of the KMS key that clusters' disks are encrypted with."""
        return self.disk_kms_key_arn or self.kms_key_arn

    @field_validator("data_uri", "runs_uri", "segments_uri", "task_logs_uri", "emr_log_uri")
    @classmethod
    def _address(cls, text: str) -> str:
        S3Uri.parse(text)
        return text

    def claims_datasource(self, datasource: str) -> bool:
        """Whether ``datasource`` belongs to this boundary by one of its name patterns, whatever the case."""
        return any(fnmatchcase(datasource.casefold(), pattern.casefold()) for pattern in self.datasources)

    def claims_connection(self, conn_id: str) -> bool:
        """Whether ``conn_id`` is one of this boundary's Airflow connections."""
        return conn_id in {self.druid_conn_id, self.aws_conn_id}

    def claims_uri(self, uri: S3Uri) -> bool:
        """Whether ``uri``, what lies below it, or what its glob may match, is under one of this boundary's prefixes."""
        reach = _before_any_glob(uri)
        own = [S3Uri.parse(text) for text in (self.data_uri, self.runs_uri, self.segments_uri, self.task_logs_uri)]
        own += [self.replica.copy_of(prefix) for prefix in own] if self.replica else []
        return any(prefix.covers(uri) or reach.covers(prefix) for prefix in (*own, S3Uri.parse(self.emr_log_uri)))


def _before_any_glob(uri: S3Uri) -> S3Uri:
    """``uri``, or the folder above its first part that has a Hadoop glob."""
    glob = re.search(r"[*?\[{]", uri.key)
    return uri if glob is None else S3Uri(uri.bucket, uri.key[: glob.start()].rpartition("/")[0])


class Boundaries(Frozen):
    """One deployment's boundaries; ``deployment_id`` is part of every run's identity."""

    deployment_id: UUID = Field(
        description="a UUID of your own, made once: python -c 'import uuid; print(uuid.uuid4())'"
    )
    region: str = Field(pattern=_REGION, description="an AWS Region such as us-east-1")
    artifacts_uri: str = Field(description="s3://bucket/prefix of bootstrap scripts and Druid's jars")
    phi: Boundary = Field(description="what pipelines of protected health information share")
    general: Boundary = Field(description="what all other pipelines share")

    @field_validator("artifacts_uri")
    @classmethod
    def _address(cls, text: str) -> str:
        S3Uri.parse(text)
        return text

    def of(self, classification: Classification) -> Boundary:
        """The boundary of ``classification``."""
        return self.phi if classification is Classification.PHI else self.general


def refuse_phi_names(
    boundaries: Boundaries,
    classification: Classification,
    *,
    resource: str,
    datasources: Iterable[str] = (),
    connection_ids: Iterable[str] = (),
    uris: Iterable[S3Uri] = (),
) -> None:
    """Raise ConfigurationError when ``resource`` (a DAG, a task), being general, names anything of the PHI boundary."""
    if classification is Classification.PHI:
        return
    phi = boundaries.phi
    named = [f"datasource {name}" for name in datasources if phi.claims_datasource(name)]
    named += [f"connection {name}" for name in connection_ids if phi.claims_connection(name)]
    named += [str(uri) for uri in uris if phi.claims_uri(uri)]
    refuse_named(named, resource=resource)


def refuse_named(named: Sequence[str], *, resource: str) -> None:
    """Raise ConfigurationError when ``resource``, being general, names any: what is ``named`` is protected."""
    if named:
        raise ConfigurationError(
            "name data in a general workflow",
            resource=resource,
            came_back=f"{', '.join(named)}: within the boundary of protected health information",
            remedy="classify the workflow as phi, or name something general",
        )
