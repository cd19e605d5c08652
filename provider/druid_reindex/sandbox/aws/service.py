"""What the rest of the sandbox needs to run and use the account, without loading moto."""

from __future__ import annotations

import json
import os
import secrets
import string
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import druid_reindex
from druid_reindex.errors import ConfigurationError
from druid_reindex.sandbox.addresses import LOOPBACK, free_port
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Daemons
from druid_reindex.sandbox.home import CACHE_VARIABLE, HOME_VARIABLE, SandboxHome, replace
from druid_reindex.sandbox.processes import ServiceSpec, listens

NAME = "aws"
EMR_CONFIGS_VARIABLE = "DRUID_REINDEX_EMR_CONFIGS"
METADATA_SECRET = "druid-reindex/metadata"  # noqa: S105
USERS = ("airflow", "druid", "operator", "owner")
READY_SECONDS = 60.0
# Every cluster's daemons are stopped first.
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class AccessKey:
    """The access key of an IAM user."""

    id: str
    secret: str = field(repr=False)


def aws_service(
    home: SandboxHome,
    port: int | None = None,
    daemons: Daemons = Daemons.HADOOP,
    *,
    enforcing: bool = False,
    postgres_port: int | None = None,
) -> ServiceSpec:
    """Return the account as a service at `https://127.0.0.1:<port>` (a free port by default; see `endpoint_url`).

    Enforcing, it refuses what policies do not allow; else it records its decisions and refuses nothing. Its Redshift
    runs on the PostgreSQL at `postgres_port`; without one each statement fails and says so.
    """
    chosen = port or free_port()
    gate = "--enforce" if enforcing else "--observe"
    command = (sys.executable, "-m", "druid_reindex.sandbox.aws.server")
    redshift = () if postgres_port is None else ("--postgres-port", str(postgres_port))
    replace(_endpoint_file(home), f"https://{LOOPBACK}:{chosen}")
    return ServiceSpec(
        name=NAME,
        argv=(*command, "--port", str(chosen), "--daemons", daemons, gate, *redshift),
        env=_environment(home),
        cwd=home.data(NAME),
        log=home.logs() / f"{NAME}.log",
        ready=listens(LOOPBACK, chosen),
        ready_seconds=READY_SECONDS,
        stop_seconds=STOP_SECONDS,
    )


def endpoint_url(home: SandboxHome) -> str:
    """Return the URL of the account's endpoint. Raises ConfigurationError when no account was started in `home`."""
    try:
        return _endpoint_file(home).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            "Looking for the emulated account's endpoint",
            resource=str(_endpoint_file(home)),
            came_back="there is no such file",
            remedy="run `druid-reindex sandbox up` first",
        ) from error


def endpoint_port(home: SandboxHome) -> int:
    """Return the port of the account's endpoint."""
    return int(urlsplit(endpoint_url(home)).port or 0)


def access_key(home: SandboxHome, user: str) -> AccessKey:
    """Return the access key of the IAM user `user`, made the first time it is asked for and kept in the secrets file.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (the form of the id)
    """
    names = (f"aws_{user}_access_key_id", f"aws_{user}_secret_access_key")
    known = home.known_secrets()
    if names[0] not in known:
        made = (f"AKIA{_characters(string.ascii_uppercase + '234567', 16)}", _characters(string.ascii_letters, 40))
        home.keep_secrets(dict(zip(names, made, strict=True)))
        return AccessKey(*made)
    return AccessKey(known[names[0]], known[names[1]])


def user_environment(home: SandboxHome, user: str) -> dict[str, str]:
    """Return the environment with which boto3, the `aws` CLI and the Java SDKs act as `user` in the account."""
    key = access_key(home, user)
    return {
        "AWS_ENDPOINT_URL": endpoint_url(home),
        "AWS_CA_BUNDLE": str(home.ca_file),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def airflow_role_arn(side: str) -> str:
    """Return the ARN of the role that Airflow's connection of one side, phi or general, takes on."""
    return f"arn:aws:iam::{ACCOUNT}:role/DrxAirflow{side.capitalize()}"


def keep_metadata_secret(home: SandboxHome, user: str, password: str, connect_uri: str) -> None:
    """Keep what the account's secret `druid-reindex/metadata` will say; to be called before the account starts."""
    value = {"user": user, "password": password, "connect_uri": connect_uri}
    home.keep_secrets({METADATA_SECRET: json.dumps(value)})


def emr_configs() -> Path:
    """Return the directory with cluster profiles and bootstrap scripts: `DRUID_REINDEX_EMR_CONFIGS` or the checkout's.

    Raises ConfigurationError when neither exists.
    """
    checkout = Path(druid_reindex.__file__).parents[2] / "emr_configs"
    named = Path(os.environ.get(EMR_CONFIGS_VARIABLE) or checkout)
    if not named.is_dir():
        raise ConfigurationError(
            "Looking for the EMR configuration files",
            resource=str(named),
            came_back="there is no such directory",
            remedy=f"set {EMR_CONFIGS_VARIABLE} to the `emr_configs` directory of your checkout",
        )
    return named


def _environment(home: SandboxHome) -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "USER", "TMPDIR", "JAVA_HOME", "PYTHONPATH", "DRX_MAVEN_REPOSITORY")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        HOME_VARIABLE: str(home.root),
        CACHE_VARIABLE: str(home.cache),
        EMR_CONFIGS_VARIABLE: str(emr_configs()),
        "PYTHONUNBUFFERED": "1",
    }


def _endpoint_file(home: SandboxHome) -> Path:
    return home.data(NAME) / "endpoint"


def _characters(alphabet: str, count: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(count))
