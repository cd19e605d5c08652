"""The checks of the account: who asks, what IAM allows, keys, network, buckets, artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import boto3

from druid_reindex.cli import doctor_judge as judge
from druid_reindex.cli.doctor_report import Check, Outcome
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.clients.survey import AwsSurvey
from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.errors import ConfigurationError, NotAuthorizedError, NotFoundError
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.posture.subjects import wanted_buckets

IDENTITY, SUBNETS = "AWS identity", "subnets"


@dataclass(frozen=True)
class Night:
    """What a pipeline's night uses, and who runs it when that is not the caller."""

    pipeline: Pipeline
    profile: ClusterProfile
    boundaries: Boundaries
    principal: str | None = None
    security: ClusterSecurity | None = None

    @property
    def boundary(self) -> Boundary:
        """The pipeline's side of the boundary."""
        return self.boundaries.of(self.pipeline.classification)

    @cached_property
    def session(self) -> boto3.Session:
        """The caller's session. Raises NotAuthorizedError or ConfigurationError when there can be none."""
        return build_session(region=self.boundaries.region)

    @cached_property
    def survey(self) -> AwsSurvey:
        """The caller's view of the account."""
        return AwsSurvey(self.session)

    @cached_property
    def emr_survey(self) -> EmrSurvey:
        """The caller's view of EMR, and of secrets."""
        return EmrSurvey(self.session)

    @cached_property
    def store(self) -> S3Client:
        """S3 for the caller."""
        return S3Client(self.session)

    @property
    def judged_principal(self) -> str:
        """The ARN of whose policies are asked: Airflow's role, or, where nobody named it, the caller."""
        return self.principal or self.survey.principal(self.survey.identity())


def aws_checks(night: Night) -> list[Check]:
    """The checks, in the order in which a first set-up goes wrong."""
    boundary = night.boundary
    refused = (NotAuthorizedError, NotFoundError, ConfigurationError)
    return [
        Check(IDENTITY, lambda: judge.same_account(night.survey.identity(), boundary), wrong_on=refused),
        Check("IAM of Airflow", lambda: _airflow(night), needs=IDENTITY),
        Check("IAM of the clusters", lambda: _clusters(night), needs=IDENTITY),
        Check("KMS key of the data", lambda: _key(night, boundary.kms_key_arn), needs=IDENTITY),
        Check("KMS key of the logs", lambda: _key(night, boundary.emr_log_kms_key_arn), needs=IDENTITY),
        Check(SUBNETS, lambda: _subnets(night), needs=IDENTITY),
        Check("security groups", lambda: _groups(night), needs=IDENTITY),
        Check("buckets", lambda: _buckets(night), needs=IDENTITY),
        Check("artifacts", lambda: _artifacts(night), needs=IDENTITY),
    ]


def _airflow(night: Night) -> Outcome:
    boundary, survey = night.boundary, night.survey
    principal = night.judged_principal
    roles = survey.role(boundary.emr_service_role), survey.role_of_instance_profile(boundary.emr_instance_profile)
    needs = [*judge.night_needs(night.boundaries, boundary), *judge.pass_role_needs(*roles)]
    return judge.allowed(principal, survey.permissions(principal, needs))


def _clusters(night: Night) -> Outcome:
    role = night.survey.role_of_instance_profile(night.boundary.emr_instance_profile)
    needs = judge.cluster_needs(night.boundaries, night.boundary)
    return judge.allowed(role, night.survey.permissions(role, needs))


def _key(night: Night, arn: str) -> Outcome:
    return judge.usable_key(night.survey.key(arn))


def _subnets(night: Night) -> Outcome:
    wanted = night.boundary.network.subnet_ids
    return judge.private_subnets(wanted, night.survey.subnets(wanted))


def _groups(night: Night) -> Outcome:
    network, survey = night.boundary.network, night.survey
    wanted = (network.primary_security_group, network.core_security_group, network.service_access_security_group)
    return judge.known_groups(wanted, survey.security_groups(wanted), survey.subnets(network.subnet_ids))


def _buckets(night: Night) -> Outcome:
    wanted = wanted_buckets(night.boundaries, night.boundary)
    return judge.encrypted_buckets(wanted, {bucket: night.survey.bucket_encryption(bucket) for bucket in wanted})


def _artifacts(night: Night) -> Outcome:
    wanted = judge.wanted_artifacts(night.pipeline, night.boundaries, night.profile)
    return judge.present_artifacts({uri: night.store.exists(uri) for uri in wanted})
