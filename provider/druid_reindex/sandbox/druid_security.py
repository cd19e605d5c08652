"""TLS and users on every Druid process: what a production site sets, with the sandbox's CA and generated passwords.

Plain ports are off, peons included; each process checks the other's certificate and name, and logs in as the internal
user. Passwords stand in the secrets file and in the JVMs' environment, which peons inherit; the properties name the
variables.

Sources: https://druid.apache.org/docs/25.0.0/operations/tls-support.html,
https://druid.apache.org/docs/25.0.0/development/extensions-core/simple-client-sslcontext.html,
https://druid.apache.org/docs/25.0.0/development/extensions-core/druid-basic-security.html
"""

from __future__ import annotations

from pathlib import Path

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.model.pipeline import Classification
from druid_reindex.plan.druid_access import api_user
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.pki import KEYSTORE_SECRET, TRUSTSTORE_PASSWORD
from druid_reindex.sandbox.state import Endpoints

EXTENSIONS = ("druid-basic-security", "simple-client-sslcontext")
CERTIFICATE = "druid"
AUTHENTICATOR = AUTHORIZER = "basic"
# Druid's own names of its administrator and of the user that its processes are to each other.
ADMIN, INTERNAL = "admin", "druid_system"
ADMIN_SECRET, INTERNAL_SECRET = "druid_admin_password", "druid_internal_password"
_VARIABLES = {
    "DRUID_ADMIN_PASSWORD": ADMIN_SECRET,
    "DRUID_INTERNAL_PASSWORD": INTERNAL_SECRET,
    "DRUID_KEYSTORE_PASSWORD": KEYSTORE_SECRET,
}
_PROTOCOLS = ["TLSv1.2", "TLSv1.3"]


def properties(home: SandboxHome) -> dict[str, object]:
    """Return what every process, peons included, reads of TLS and of users; no secret among it."""
    return {**_server(home.pki() / f"{CERTIFICATE}.p12"), **_client(home.truststore), **_users()}


def environment(home: SandboxHome) -> dict[str, str]:
    """Return the variables that the properties name, with their secrets."""
    return {name: home.secret(secret) for name, secret in _VARIABLES.items()}


def api_secret(user: str) -> str:
    """Return the name, among the sandbox's secrets, of the password of an Airflow connection's user."""
    return f"druid_{user}_password"


def admin_config(home: SandboxHome, found: Endpoints) -> DruidConfig:
    """Return Druid as its administrator sees it."""
    return _config(home, found, ADMIN, ADMIN_SECRET)


def api_config(home: SandboxHome, found: Endpoints, kind: Classification) -> DruidConfig:
    """Return Druid as the user of the classification's Airflow connection sees it."""
    user = api_user(kind, ()).name
    return _config(home, found, user, api_secret(user))


def _config(home: SandboxHome, found: Endpoints, user: str, secret: str) -> DruidConfig:
    return DruidConfig(found.overlord, found.coordinator, found.druid, user, home.secret(secret), home.ca_file)


def _server(keystore: Path) -> dict[str, object]:
    return {
        "druid.enablePlaintextPort": "false",
        "druid.enableTlsPort": "true",
        "druid.server.https.keyStorePath": keystore,
        "druid.server.https.keyStoreType": "PKCS12",
        "druid.server.https.keyStorePassword": _variable("DRUID_KEYSTORE_PASSWORD"),
        "druid.server.https.certAlias": CERTIFICATE,
        "druid.server.https.includeProtocols": _PROTOCOLS,
    }


def _client(truststore: Path) -> dict[str, object]:
    return {
        # Its highest version: with 1.3 some handshakes of Druid's own HTTP client (Netty 3) never end.
        "druid.client.https.protocol": "TLSv1.2",
        "druid.client.https.trustStorePath": truststore,
        "druid.client.https.trustStoreType": "PKCS12",
        "druid.client.https.trustStorePassword": TRUSTSTORE_PASSWORD,
        "druid.client.https.validateHostnames": "true",
    }


def _users() -> dict[str, object]:
    return {
        "druid.auth.authenticatorChain": [AUTHENTICATOR],
        "druid.auth.authenticator.basic.type": "basic",
        "druid.auth.authenticator.basic.initialAdminPassword": _variable("DRUID_ADMIN_PASSWORD"),
        "druid.auth.authenticator.basic.initialInternalClientPassword": _variable("DRUID_INTERNAL_PASSWORD"),
        "druid.auth.authenticator.basic.credentialsValidator.type": "metadata",
        "druid.auth.authenticator.basic.skipOnFailure": "false",
        "druid.auth.authenticator.basic.authorizerName": AUTHORIZER,
        "druid.auth.authorizers": [AUTHORIZER],
        # How soon a server knows a new user or permission; a minute by default.
        "druid.auth.basic.common.pollingPeriod": 2000,
        "druid.auth.basic.common.maxRandomDelay": 500,
        "druid.auth.authorizer.basic.type": "basic",
        "druid.escalator.type": "basic",
        "druid.escalator.internalClientUsername": INTERNAL,
        "druid.escalator.internalClientPassword": _variable("DRUID_INTERNAL_PASSWORD"),
        "druid.escalator.authorizerName": AUTHORIZER,
    }


def _variable(name: str) -> dict[str, str]:
    """Return Druid's way to take a password from the environment.

    Source: https://druid.apache.org/docs/25.0.0/operations/password-provider.html
    """
    return {"type": "environment", "variable": name}
