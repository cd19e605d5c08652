"""AWS Secrets Manager as ``ports.SecretsPort``: read at the moment of use, kept nowhere, told to nobody.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html,
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import ConflictError, IntegrityError, NotFoundError


class SecretsClient:
    """Secrets Manager in one account and Region."""

    def __init__(self, session: boto3.Session, *, attempts: int = ATTEMPTS) -> None:
        with translated("make a Secrets Manager client", "Secrets Manager"):
            self._secrets = session.client("secretsmanager", config=client_config(attempts=attempts))

    def text(self, secret_id: str) -> str | None:
        """The secret's text; None when there is no such secret. Raises NotAuthorizedError, also for its key."""
        try:
            return self._text(secret_id)
        except NotFoundError:
            return None

    def read(self, secret_id: str) -> Mapping[str, str]:
        """The secret's JSON object of texts. Raises NotFoundError; IntegrityError when it is no such object."""
        found = _parsed(self._text(secret_id))
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
        raise IntegrityError(
            "read a secret",
            resource=secret_id,
            came_back="something else than a JSON object of texts",
            remedy='store it as {"password": "…"}, with "user" where a user is meant',
        )

    def password(self, secret_id: str) -> str:
        """The password that the secret is, or holds as the JSON key ``password``, as RDS's and Druid's secrets do.

        Raises NotFoundError; IntegrityError for JSON without one.
        """
        found = self._text(secret_id)
        held = _parsed(found)
        if held is None:
            return found
        if isinstance(held, dict) and isinstance(held.get("password"), str):
            return str(held["password"])
        raise IntegrityError(
            "read a password",
            resource=secret_id,
            came_back="JSON without a text `password`",
            remedy='store the password alone, or {"password": "…"}',
        )

    def make(self, name: str, text: str, *, kms_key_arn: str, description: str) -> str:
        """The text of the secret ``name``: ``text`` where this made it, another's where that one was first."""
        try:
            with translated("make a secret", name):
                self._secrets.create_secret(Name=name, SecretString=text, KmsKeyId=kms_key_arn, Description=description)
        except ConflictError:
            return self.text(name) or text
        return text

    def _text(self, secret_id: str) -> str:
        with translated("read a secret", secret_id):
            return str(self._secrets.get_secret_value(SecretId=secret_id).get("SecretString", ""))


def _parsed(text: str) -> object:
    """The JSON in ``text``; None when it is none. What a parser says of it would quote the secret."""
    try:
        return json.loads(text)
    except ValueError:
        return None
