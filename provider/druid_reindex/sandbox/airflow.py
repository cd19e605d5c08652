"""The night's Airflow: api-server, scheduler, dag-processor and triggerer as processes, on the sandbox's PostgreSQL.

Everything listens on loopback, and the api-server, which tasks talk to as well, under TLS: the log servers of scheduler
and triggerer, which would listen on all interfaces and in clear text, are left out, because the api-server reads the
same disk. Usage pings are off. What tasks and nights tell of lineage is written to a file.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import druid_reindex
from druid_reindex.clients.airflow import AirflowApi, AirflowConfig
from druid_reindex.clients.journal import SPOOL_VARIABLE
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.pipeline import Classification
from druid_reindex.sandbox import postgres
from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.aws import service as aws
from druid_reindex.sandbox.aws.site import REGION
from druid_reindex.sandbox.druid_security import api_config
from druid_reindex.sandbox.home import SandboxHome, replace
from druid_reindex.sandbox.pki import server_certificate
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec, answers
from druid_reindex.sandbox.state import Endpoints, endpoints

DAGS_VARIABLE = "DRUID_REINDEX_DAGS"
USER = "admin"
PASSWORD_SECRET = "airflow_admin_password"  # noqa: S105
CERTIFICATE = "airflow"
BOUNDARIES = ("phi", "general")
LINEAGE_NAMESPACE = "sandbox"
TASKS_AT_ONCE = 4
READY_SECONDS = 180.0
MIGRATE_SECONDS = 300.0


def airflow_services(home: SandboxHome) -> list[ServiceSpec]:
    """Airflow's services on a database that is migrated first, which takes a while. Raises SandboxStartError."""
    found = endpoints(home)
    env = _environment(home, found)
    migrate = OwnedProcess.start(_service(home, env, "airflow-migrate", "db", "migrate"))
    if migrate.wait(MIGRATE_SECONDS) != 0:
        raise migrate.failure("the database could not be migrated")
    health = answers(f"{found.airflow}/api/v2/monitor/health", home.ca_file)
    return [
        _service(home, env, "airflow-api-server", "api-server", ready=health),
        _service(home, env, "airflow-scheduler", "scheduler", "--skip-serve-logs"),
        _service(home, env, "airflow-dag-processor", "dag-processor"),
        _service(home, env, "airflow-triggerer", "triggerer", "--skip-serve-logs"),
    ]


def settle(home: SandboxHome, url: str) -> None:
    """Make the boundaries' pools, once the api-server answers."""
    with api(home, url) as airflow:
        for name in BOUNDARIES:
            airflow.ensure_pool(f"druid_reindex_{name}", slots=TASKS_AT_ONCE, description=f"nights of {name} pipelines")


def api(home: SandboxHome, url: str) -> AirflowApi:
    """A client of the running Airflow, signed in as the sandbox's user."""
    return AirflowApi(AirflowConfig(url, user=USER, password=home.secret(PASSWORD_SECRET), ca_file=home.ca_file))


def dags_folder() -> Path:
    """The folder of DAG files: `DRUID_REINDEX_DAGS` or the checkout's. Raises ConfigurationError when it is missing."""
    named = Path(os.environ.get(DAGS_VARIABLE) or Path(druid_reindex.__file__).parents[2] / "dags")
    if not named.is_dir():
        raise ConfigurationError(
            "Looking for the DAG files",
            resource=str(named),
            came_back="there is no such directory",
            remedy=f"set {DAGS_VARIABLE} to the `dags` directory of your checkout",
        )
    return named.absolute()


def lineage_file(home: SandboxHome) -> Path:
    """Where the events of lineage are, one of OpenLineage's in each line; there from the first task on."""
    return home.data("airflow") / "lineage.jsonl"


def lineage_environment(home: SandboxHome) -> dict[str, str]:
    """The variables by which OpenLineage's own client, without Airflow, writes to that file.

    Source: https://openlineage.io/docs/client/python/configuration
    """
    return {"OPENLINEAGE__TRANSPORT": json.dumps(_transport(home)), "OPENLINEAGE_NAMESPACE": LINEAGE_NAMESPACE}


def _transport(home: SandboxHome) -> dict[str, object]:
    return {"type": "file", "log_file_path": str(lineage_file(home)), "append": True}


def _service(
    home: SandboxHome, env: dict[str, str], name: str, *command: str, ready: Callable[[], bool] | None = None
) -> ServiceSpec:
    return ServiceSpec(
        name=name,
        argv=(sys.executable, "-m", "airflow", *command),
        env=env,
        cwd=home.data("airflow"),
        log=home.logs() / f"{name}.log",
        ready_seconds=READY_SECONDS,
        stop_seconds=30.0,
        ready=ready,
    )


def _environment(home: SandboxHome, found: Endpoints) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "USER") if name in os.environ}
    return kept | aws.user_environment(home, "airflow") | _configuration(home, found) | connections(home, found)


def _configuration(home: SandboxHome, found: Endpoints) -> dict[str, str]:
    """Airflow's settings. Source: https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html"""
    port = str(urlsplit(found.airflow or "").port)
    passwords = home.data("airflow") / "passwords.json"
    replace(passwords, json.dumps({USER: home.secret(PASSWORD_SECRET)}))
    certificate = server_certificate(home, CERTIFICATE)
    settings = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(TASKS_AT_ONCE),
        "CORE__DAGS_FOLDER": str(dags_folder()),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(home.secret("airflow_fernet").encode()[:32]).decode(),
        "CORE__EXECUTION_API_SERVER_URL": f"{found.airflow}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "DATABASE__SQL_ALCHEMY_CONN": postgres.database(home, found.postgres_port, "airflow").sqlalchemy_url,
        "API__HOST": LOOPBACK,
        "API__PORT": port,
        # Tasks trust what they find in the same file, which the CA's certificate ends.
        "API__SSL_CERT": str(certificate.certificate),
        "API__SSL_KEY": str(certificate.key),
        "API__CLIENT_USE_PUBLIC_CERTS": "False",
        "API__WORKERS": "1",
        "API__BASE_URL": str(found.airflow),
        "API__SECRET_KEY": home.secret("airflow_secret_key"),
        "API_AUTH__JWT_ALGORITHM": "HS256",
        "API_AUTH__JWT_SECRET": home.secret("airflow_jwt_secret"),
        "CORE__TEST_CONNECTION": "Enabled",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # For so long a task's supervisor may not see that the task has ended ("tried again", in docs/runbook.md).
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "CORE__DEFAULT_TASK_RETRY_DELAY": "30",
        "OPENLINEAGE__NAMESPACE": LINEAGE_NAMESPACE,
        "OPENLINEAGE__TRANSPORT": json.dumps(_transport(home)),
        "OPENLINEAGE__EXECUTION_TIMEOUT": "30",
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {
        "AIRFLOW_HOME": str(home.data("airflow")),
        SPOOL_VARIABLE: str(home.data("airflow") / "spool"),
        **postgres.client_environment(home),
        "SCARF_ANALYTICS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "no_proxy": "127.0.0.1,localhost",
    }


def connections(home: SandboxHome, found: Endpoints) -> dict[str, str]:
    """The variables that give an Airflow the connections of both boundaries."""
    key = aws.access_key(home, "airflow")
    made: dict[str, object] = {f"DRUID_{kind.name}": _druid(home, found, kind) for kind in Classification}
    made |= {
        f"AWS_{kind.name}": {
            "conn_type": "aws",
            "login": key.id,
            "password": key.secret,
            "extra": {"region_name": REGION, "role_arn": aws.airflow_role_arn(kind.value)},
        }
        for kind in Classification
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in made.items()}


def _druid(home: SandboxHome, found: Endpoints, kind: Classification) -> dict[str, object]:
    config = api_config(home, found, kind)
    servers = {
        "overlord_url": config.overlord_url,
        "coordinator_url": config.coordinator_url,
        "broker_url": config.broker_url,
    }
    extra = servers | {"ca_file": str(config.ca_file)}
    return {"conn_type": "druid_reindex_druid", "login": config.user, "password": config.password, "extra": extra}
