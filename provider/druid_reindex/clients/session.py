"""Makes the boto3 session and says how every AWS client behaves: time-outs, repetition, our name, and the journal.

Source: https://docs.aws.amazon.com/boto3/latest/guide/retries.html
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from druid_reindex import __version__
from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.journal import current
from druid_reindex.clients.journal_aws import Recorder

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
        return recorded(boto3.Session(region_name=region))


def recorded(session: boto3.Session) -> boto3.Session:
    """``session``, whose clients, those that are made from now on, write each request into the present journal."""
    record(session.events)
    return session


def record(events: Any) -> None:
    """Write what a session's (boto3's or aiobotocore's) clients ask into the present journal, where there is one."""
    journal = current()
    if journal is not None:
        Recorder(journal).register(events)


def client_config(*, attempts: int = ATTEMPTS) -> Config:
    """Each client's configuration: standard retry mode, time-outs, and in the user agent our name and the task's mark.

    ``attempts=1`` is for requests that must not be repeated unseen, because AWS has no idempotency token for them.
    """
    return Config(**client_arguments(attempts=attempts))


def client_arguments(*, attempts: int = ATTEMPTS) -> dict[str, Any]:
    """What ``client_config`` is made of, for boto3's and aiobotocore's Config alike."""
    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
        "user_agent_extra": user_agent(),
    }


def user_agent() -> str:
    """``druid-reindex/<version>``, and the mark of the task that asks where there is a journal."""
    journal = current()
    return f"druid-reindex/{__version__}" + (f" {journal.attempt.agent}" if journal else "")


def role_session(method: str | None) -> dict[str, Any]:
    """What STS is told of a role's session beside the role: the present try's name, source identity and tags.

    Only AssumeRole (``assume_role``) takes all of them, AssumeRoleWithWebIdentity the name alone, and with SAML the
    identity provider says them. Nothing without a journal.
    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
    """
    journal = current()
    if journal is None or method not in {"assume_role", "assume_role_with_web_identity"}:
        return {}
    told = journal.attempt.role_session
    return told if method == "assume_role" else {"RoleSessionName": told["RoleSessionName"]}
