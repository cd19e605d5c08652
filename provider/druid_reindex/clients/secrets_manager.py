"""AWS Secrets Manager as ``ports.SecretsPort``: read at the moment of use, kept nowhere, told to nobody.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import IntegrityError


class SecretsManagerClient:
    """Secrets Manager in one account and Region."""

    def __init__(self, session: boto3.Session, *, attempts: int = ATTEMPTS) -> None:
        with translated("make a Secrets Manager client", "Secrets Manager"):
            self._secrets = session.client("secretsmanager", config=client_config(attempts=attempts))

    def read(self, secret_id: str) -> Mapping[str, str]:
        """The secret's JSON object of texts. Raises NotFoundError; IntegrityError when it is no such object."""
        with translated("read a secret", secret_id):
            text = self._secrets.get_secret_value(SecretId=secret_id).get("SecretString", "")
        found = _parsed(text)
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise IntegrityError(
                "read a secret",
                resource=secret_id,
                came_back="something else than a JSON object of texts",
                remedy='store it as {"password": "…"}, with "user" where a user is meant',
            )
        return found


def _parsed(text: str) -> object:
    """The JSON in ``text``; None when it is none. What a parser says of it would quote the secret."""
    try:
        return json.loads(text)
    except ValueError:
        return None
