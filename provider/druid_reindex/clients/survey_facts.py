"""Gathers the facts that `posture` judges, each read by itself: what cannot be read is Unread, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeVar

import boto3

from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.survey import AwsSurvey
from druid_reindex.clients.survey_bucket import BucketSurvey
from druid_reindex.clients.survey_druid import DruidSurvey
from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.clients.survey_entry import EntrySurvey, handshake
from druid_reindex.clients.survey_pem import PemSurvey
from druid_reindex.errors import DruidReindexError
from druid_reindex.model.account import Need, Permission
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.plan import emr as payloads
from druid_reindex.plan.security import Needed, kerberos_needs
from druid_reindex.posture.facts import (
    Bucket,
    Druid,
    Fact,
    Facts,
    Intent,
    Key,
    KeyUse,
    Secret,
    Security,
    Unread,
)
from druid_reindex.posture.rules.emr_configuration import certificates
from druid_reindex.posture.subjects import WantedUse, intent_of, wanted_buckets, wanted_uses

T = TypeVar("T")


@dataclass(frozen=True)
class Night:
    """A pipeline's night: where its data lie, on which clusters it runs, and under which security."""

    pipeline: Pipeline
    boundaries: Boundaries
    profile: ClusterProfile
    security: Security | None

    @property
    def boundary(self) -> Boundary:
        """The pipeline's side of the boundary."""
        return self.boundaries.of(self.pipeline.classification)

    def intent(self, run_id: RunId) -> Intent:
        """What the night of ``run_id`` would do."""
        request = payloads.run_job_flow(self.pipeline, self.boundaries, self.boundary, self.profile, run_id)
        if self.security is not None:
            request = payloads.secured(request, self.security.name)
        return intent_of(self.pipeline, self.boundaries, request, self.security)


def security_of(wanted: Needed | None, security: ClusterSecurity | None, boundary: Boundary) -> Security | None:
    """The security configuration ``wanted``, as facts; None where the clusters' profile names no security."""
    if wanted is None:
        return None
    kerberos = kerberos_needs(security, boundary)
    if kerberos is None:
        return Security(wanted.name, wanted.content)
    secret_ids = (kerberos.admin_secret_id, kerberos.trust_secret_id, kerberos.join_secret_id)
    return Security(wanted.name, wanted.content, kerberos.realm, tuple(filter(None, secret_ids)))


def read(ask: Callable[[], T]) -> T | Unread:
    """The fact, or why it could not be read."""
    try:
        return ask()
    except DruidReindexError as error:
        return Unread(f"{error.attempted} on {error.resource}: {error.came_back}")


@dataclass
class Gathering:
    """One survey of one night; ``session`` and ``druid`` are those of the night's connections.

    ``asking`` is told what is looked at next.
    """

    night: Night
    intent: Intent
    session: boto3.Session
    druid: Callable[[], DruidConfig]
    asking: Callable[[str], None] = lambda _what: None
    _keys: dict[str, Key] = field(default_factory=dict)

    def facts(self) -> Facts:
        """Everything that the rules before a launch judge."""
        intent, emr = self.intent, self._emr
        label = intent.release_label
        security = intent.security
        return Facts(
            at=datetime.now(UTC),
            intent=intent,
            buckets=tuple(self._bucket(*each) for each in self._wanted_buckets.items()),
            keys=tuple(self._key(arn) for arn in dict.fromkeys((intent.data_key, intent.disk_key, intent.log_key))),
            key_uses=tuple(self._use(wanted) for wanted in wanted_uses(intent)),
            stored_configuration=read(lambda: emr.security_configuration(security.name)) if security else None,
            pem=self._pem(),
            subnets={each: self._subnet(each) for each in intent.subnet_ids},
            groups={each: self._group(each) for each in intent.group_ids},
            block_public_access=read(emr.block_public_access),
            release_labels=read(emr.release_labels),
            release_applications=read(lambda: emr.applications(label)),
            secrets=tuple(self._secrets()),
            druid=self._druid(),
        )

    @cached_property
    def _aws(self) -> AwsSurvey:
        return AwsSurvey(self.session)

    @cached_property
    def _emr(self) -> EmrSurvey:
        return EmrSurvey(self.session)

    @property
    def _wanted_buckets(self) -> dict[str, str]:
        return wanted_buckets(self.night.boundaries, self.night.boundary)

    def _bucket(self, name: str, wanted_key: str) -> Bucket:
        self.asking(f"s3://{name}")
        s3 = BucketSurvey(self.session)
        encryption = read(lambda: self._aws.bucket_encryption(name))
        named = "" if isinstance(encryption, Unread) else encryption.key_arn
        return Bucket(
            name,
            wanted_key,
            read(lambda: s3.region(name)),
            encryption,
            self._key(named).description if named else None,
            read(lambda: s3.policy(name)),
            read(lambda: s3.public_access_block(name)),
            read(lambda: s3.is_public(name)),
        )

    def _key(self, arn: str) -> Key:
        if arn not in self._keys:
            self.asking(arn)
            self._keys[arn] = Key(arn, read(lambda: self._aws.key(arn)), read(lambda: self._aws.key_policy(arn)))
        return self._keys[arn]

    def _use(self, wanted: WantedUse) -> KeyUse:
        self.asking(f"{wanted.role} role: {wanted.purpose}")
        role = self._roles[wanted.role]
        need = Need(wanted.actions, wanted.key_arn, conditions=wanted.conditions)
        permissions: Fact[tuple[Permission, ...]] = (
            role if isinstance(role, Unread) else read(lambda: tuple(self._aws.permissions(role, [need])))
        )
        conditions = {name.lower(): value for name, value in wanted.conditions.items()}
        purpose = f"{wanted.purpose} ({wanted.role} role)"
        return KeyUse(wanted.rule, purpose, role, self._key(wanted.key_arn), wanted.actions, permissions, conditions)

    @cached_property
    def _roles(self) -> Mapping[str, Fact[str]]:
        boundary = self.night.boundary
        return {
            "instance": read(lambda: self._aws.role_of_instance_profile(boundary.emr_instance_profile)),
            "service": read(lambda: self._aws.role(boundary.emr_service_role)),
        }

    def _pem(self) -> Any:
        document = self.intent.security.document if self.intent.security else {}
        uri = str(certificates(document).get("S3Object", ""))
        return read(lambda: PemSurvey(self.session).bundle(uri)) if uri.startswith("s3://") else None

    def _subnet(self, subnet_id: str) -> Any:
        return read(lambda: next(iter(self._aws.subnets([subnet_id])), None))

    def _group(self, group_id: str) -> Any:
        return read(lambda: next(iter(self._aws.security_groups([group_id])), None))

    def _secrets(self) -> Iterator[Secret]:
        for secret_id in self.intent.security.secret_ids if self.intent.security else ():
            yield Secret(secret_id, _secret(self._emr, secret_id))

    def _druid(self) -> Druid:
        config = read(self.druid)
        if isinstance(config, Unread):
            unread = dict.fromkeys(("Overlord", "Coordinator", "Broker"), config)
            return Druid((), config, {"Druid": config}, unread, unread, config, config, config)
        self.asking("Druid")
        survey = DruidSurvey(config)
        urls = tuple(dict.fromkeys(config.urls))
        return Druid(
            urls=urls,
            servers=read(survey.known_servers),
            handshakes={url: _handshake(url, config) for url in urls},
            answers_strangers={server: read(partial(survey.answers_strangers, server)) for server in survey.servers},
            properties={server: _properties(survey, server) for server in survey.servers},
            version=read(survey.version),
            load_specs=read(lambda: self._load_specs(config)),
            load_balancers=read(lambda: EntrySurvey(self.session).load_balancers(urls)),
        )

    def _load_specs(self, config: DruidConfig) -> tuple[Mapping[str, Any], ...]:
        """Those of the segments within the pipeline's lookback."""
        now = datetime.now(UTC).replace(microsecond=0)
        window = Interval(now - self.night.pipeline.lookback, now + timedelta(days=1))
        with DruidClient(config) as druid:
            segments = druid.used_segments(self.night.pipeline.datasource, [window])
        return tuple(segment.payload.get("loadSpec", {}) for segment in segments)


def _secret(emr: EmrSurvey, secret_id: str) -> Fact[bool]:
    return read(lambda: emr.secret_exists(secret_id))


def _handshake(url: str, config: DruidConfig) -> Any:
    return read(lambda: handshake(url, ca_file=config.ca_file))


def _properties(survey: DruidSurvey, server: str) -> Fact[Mapping[str, str]]:
    return read(lambda: survey.properties(server))
