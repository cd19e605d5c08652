"""Where the emulated account stands: its number, Region, endpoint and clients."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import boto3
from botocore.config import Config

from druid_reindex.sandbox.home import SandboxHome

ACCOUNT = "111122223333"
REGION = "us-east-1"


class Daemons(StrEnum):
    """What an emulated cluster starts: real HDFS and YARN, or (for tests of the API's shape) nothing."""

    HADOOP = "hadoop"
    NONE = "none"


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of a role, as AWS STS issues them."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expiration: str


@dataclass(frozen=True)
class Site:
    """One running account: what its clusters need to know about the machine around them.

    `postgres_port` is where the PostgreSQL listens that takes Redshift's place; None where there is none.
    """

    home: SandboxHome
    endpoint_url: str
    daemons: Daemons = Daemons.HADOOP
    postgres_port: int | None = None

    def client(self, service: str, credentials: Credentials) -> Any:
        """Return a boto3 client of this account that signs with `credentials` and trusts the sandbox's CA alone."""
        session: Any = boto3.Session(
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            region_name=REGION,
        )
        return session.client(
            service,
            endpoint_url=self.endpoint_url,
            verify=str(self.home.ca_file),
            config=Config(s3={"addressing_style": "path"}),
        )
