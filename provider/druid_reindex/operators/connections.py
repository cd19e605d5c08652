"""Airflow connections as clients. Imported clients stay inside the functions: a DAG file is parsed without them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, Connection

from druid_reindex.errors import ConfigurationError

if TYPE_CHECKING:
    import boto3

    from druid_reindex.clients.cloudtrail import CloudTrailClient
    from druid_reindex.clients.druid import DruidClient
    from druid_reindex.clients.druid_async import AsyncDruid
    from druid_reindex.clients.druid_http import DruidConfig
    from druid_reindex.clients.emr import EmrClient
    from druid_reindex.clients.emr_async import AsyncEmr
    from druid_reindex.clients.expectations import ExpectationsClient
    from druid_reindex.clients.locked_store import LockedStore
    from druid_reindex.clients.log_files import LogFiles
    from druid_reindex.clients.redshift import RedshiftClient
    from druid_reindex.clients.redshift_async import AsyncRedshift
    from druid_reindex.clients.s3 import S3Client
    from druid_reindex.clients.secrets import SecretsClient
    from druid_reindex.clients.signing import KmsSigner
    from druid_reindex.clients.survey_emr import EmrSurvey
    from druid_reindex.clients.survey_facts import Night
    from druid_reindex.model.warehouse import Warehouse
    from druid_reindex.ports import ObjectVersionsPort
    from druid_reindex.posture.facts import Facts, Intent

_PORTS = {"https": 443, "http": 80}


def druid_client(conn_id: str, *, protected: bool) -> DruidClient:
    """Druid by the connection. Raises ConfigurationError for plain http to ``protected`` data."""
    from druid_reindex.clients.druid import DruidClient  # noqa: PLC0415

    return DruidClient(druid_config(BaseHook.get_connection(conn_id), protected=protected))


def expectations_client(conn_id: str, *, protected: bool) -> ExpectationsClient:
    """Great Expectations over Druid by the connection; refuses as ``druid_client`` does."""
    from druid_reindex.clients.expectations import ExpectationsClient  # noqa: PLC0415

    return ExpectationsClient(druid_config(BaseHook.get_connection(conn_id), protected=protected))


@asynccontextmanager
async def async_druid(conn_id: str, *, protected: bool) -> AsyncIterator[AsyncDruid]:
    """Druid by the connection, on asyncio, until the block ends; refuses as ``druid_client`` does."""
    from druid_reindex.clients.druid_async import open_druid  # noqa: PLC0415

    config = druid_config(await BaseHook.aget_connection(conn_id), protected=protected)
    async with open_druid(config) as druid:
        yield druid


def druid_config(connection: Connection, *, protected: bool) -> DruidConfig:
    """Where Druid is: host and port of the Router, or each server's URL in the extras.

    The extras ``overlord_url``, ``coordinator_url``, ``broker_url`` and ``ca_file`` are read, no others.
    Raises ConfigurationError that lists every place looked, or for plain http to ``protected`` data.
    """
    from druid_reindex.clients.druid_http import DruidConfig  # noqa: PLC0415

    extra = connection.extra_dejson
    return DruidConfig(
        overlord_url=server_url(connection, "overlord_url"),
        coordinator_url=server_url(connection, "coordinator_url"),
        broker_url=server_url(connection, "broker_url"),
        user=connection.login or "",
        password=connection.password or "",
        ca_file=Path(extra["ca_file"]) if extra.get("ca_file") else None,
        protected=protected,
    )


def server_url(connection: Connection, name: str) -> str:
    """The URL of one of Druid's servers: the extra ``name``, else the connection's own host and port."""
    named = connection.extra_dejson.get(name)
    if named:
        return str(named)
    if connection.host:
        port = f":{connection.port}" if connection.port else ""
        return f"{connection.schema or 'https'}://{connection.host}{port}"
    raise ConfigurationError(
        "connect to Druid",
        resource=f"Airflow connection {connection.conn_id}",
        came_back=f"no URL: looked at the extra {name}, then at host",
        remedy=f"set the host and port of Druid's Router, or the extra {name}",
    )


def druid_address(conn_id: str) -> tuple[str, int]:
    """Host and port by which the connection's Druid is named: the Router's, else the Broker's.

    Raises ConfigurationError as ``server_url`` does.
    """
    connection = BaseHook.get_connection(conn_id)
    if connection.host and connection.port:
        return connection.host, connection.port
    parts = urlsplit(server_url(connection, "broker_url"))
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def emr_client(conn_id: str, region: str) -> EmrClient:
    """EMR by the connection."""
    from druid_reindex.clients.emr import EmrClient  # noqa: PLC0415

    return EmrClient(aws_session(conn_id, region))


@asynccontextmanager
async def async_emr(conn_id: str, region: str) -> AsyncIterator[AsyncEmr]:
    """EMR by the connection, on asyncio, until the block ends."""
    from druid_reindex.clients.emr_async import open_emr  # noqa: PLC0415

    async with open_emr(lambda: _aio_session(conn_id, region), region) as emr:
        yield emr


def redshift_client(conn_id: str, region: str, warehouse: Warehouse) -> RedshiftClient:
    """The boundary's Redshift by the connection."""
    from druid_reindex.clients.redshift import RedshiftClient  # noqa: PLC0415

    return RedshiftClient(aws_session(conn_id, region), warehouse)


@asynccontextmanager
async def async_redshift(conn_id: str, region: str) -> AsyncIterator[AsyncRedshift]:
    """Redshift's Data API by the connection, on asyncio, until the block ends."""
    from druid_reindex.clients.redshift_async import open_redshift  # noqa: PLC0415

    async with open_redshift(lambda: _aio_session(conn_id, region), region) as redshift:
        yield redshift


def s3_client(conn_id: str, region: str) -> S3Client:
    """S3 by the connection."""
    from druid_reindex.clients.s3 import S3Client  # noqa: PLC0415

    return S3Client(aws_session(conn_id, region))


def s3_versions(conn_id: str, region: str) -> ObjectVersionsPort:
    """S3 with the versions that it keeps of deleted and replaced objects, by the connection."""
    return s3_client(conn_id, region)


def cluster_survey(conn_id: str, region: str) -> EmrSurvey:
    """Read-only looks at live clusters by the connection."""
    from druid_reindex.clients.survey_emr import EmrSurvey  # noqa: PLC0415

    return EmrSurvey(aws_session(conn_id, region))


def posture_facts(conn_id: str, druid_conn_id: str, night: Night, intent: Intent) -> Facts:
    """What a read-only survey of ``night`` finds by the connections."""
    from druid_reindex.clients.survey_facts import Gathering  # noqa: PLC0415

    session = aws_session(conn_id, intent.region)

    def config() -> DruidConfig:
        return druid_config(BaseHook.get_connection(druid_conn_id), protected=False)  # plain http is a finding

    return Gathering(night, intent, session, config).facts()


def secrets_client(conn_id: str, region: str) -> SecretsClient:
    """Secrets Manager by the connection."""
    from druid_reindex.clients.secrets import SecretsClient  # noqa: PLC0415

    return SecretsClient(aws_session(conn_id, region))


def locked_store(conn_id: str, region: str) -> LockedStore:
    """S3 with its objects' locks, by the connection."""
    from druid_reindex.clients.locked_store import LockedStore  # noqa: PLC0415

    return LockedStore(aws_session(conn_id, region))


def log_files(conn_id: str, region: str) -> LogFiles:
    """Log files in S3, by the connection."""
    from druid_reindex.clients.log_files import LogFiles  # noqa: PLC0415

    return LogFiles(aws_session(conn_id, region))


def signer(conn_id: str, region: str, key_arn: str) -> KmsSigner:
    """The signing key of that ARN, by the connection."""
    from druid_reindex.clients.signing import KmsSigner  # noqa: PLC0415

    return KmsSigner(aws_session(conn_id, region), key_arn)


def trail(conn_id: str, region: str) -> CloudTrailClient:
    """CloudTrail and what it has delivered, by the connection."""
    from druid_reindex.clients.cloudtrail import CloudTrailClient  # noqa: PLC0415

    return CloudTrailClient(aws_session(conn_id, region))


def aws_session(conn_id: str, region: str) -> boto3.Session:
    """The session that the Amazon provider makes of the connection; in a task it bears the try's name and marks.

    A connection that names a role becomes it as this try, and again before the session expires; one that names none
    asks as itself. Both are journalled, the becoming too.
    """
    from druid_reindex.clients.calls import counting  # noqa: PLC0415
    from druid_reindex.clients.session import recorded  # noqa: PLC0415

    session: boto3.Session = _session(conn_id, region, deferrable=False)
    return recorded(counting(session))


def _aio_session(conn_id: str, region: str) -> Any:
    """The same on aiobotocore."""
    return _session(conn_id, region, deferrable=True)


def _session(conn_id: str, region: str, *, deferrable: bool) -> Any:
    """What the Amazon provider's own factory (the deployment's, where it has one) makes of the connection.

    Source: https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/connections/aws.html
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook, SessionFactory  # noqa: PLC0415

    from druid_reindex.clients.aws_errors import translated  # noqa: PLC0415
    from druid_reindex.clients.session import record, role_session  # noqa: PLC0415

    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=conn_id, region_name=region)
    found = hook.conn_config
    found.assume_role_kwargs = {**found.assume_role_kwargs, **role_session(found.assume_role_method)}
    factory = SessionFactory(conn=found, region_name=region, config=hook.config)
    with translated("start an AWS session", f"Airflow connection {conn_id}"):
        record(factory.basic_session.events)
        return factory.create_session(deferrable=deferrable)
