"""Makes the boto3 session and says how every AWS client behaves: time-outs, repetition, and our name.

Source: https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from druid_reindex import __version__
from druid_reindex.clients.aws_errors import translated

CONNECT_SECONDS = 10
READ_SECONDS = 60
ATTEMPTS = 8


def build_session(existing: boto3.Session | None = None, *, region: str | None = None) -> boto3.Session:
    """``existing`` (Airflow's Amazon hook gives one) or a session from the environment, as the command line needs it.

    Raises ConfigurationError or NotAuthorizedError when profile or credentials cannot be found.
    """
    if existing is not None:
        return existing
    with translated("start an AWS session", region or "the environment's Region"):
        return boto3.Session(region_name=region)


def client_config(*, attempts: int = ATTEMPTS) -> Config:
    """Each client's configuration: standard retry mode, time-outs, ``druid-reindex/<version>`` in the user agent.

    ``attempts=1`` is for requests that must not be repeated unseen, because AWS has no idempotency token for them.
    """
    return Config(**client_arguments(attempts=attempts))


def client_arguments(*, attempts: int = ATTEMPTS) -> dict[str, Any]:
    """What ``client_config`` is made of, for boto3's and aiobotocore's Config alike."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
        "user_agent_extra": f"druid-reindex/{__version__}",
    }
