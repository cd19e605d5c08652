"""AWS Secrets Manager: secrets under a KMS key of ours, made once and then only read.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
"""

from __future__ import annotations

import json

import boto3

from druid_reindex.clients.aws_errors import translated
from druid_reindex.clients.session import ATTEMPTS, client_config
from druid_reindex.errors import ConfigurationError, ConflictError, NotFoundError


class SecretsClient:
    """Secrets Manager in one account."""

    def __init__(self, session: boto3.Session, *, attempts: int = ATTEMPTS) -> None:
        with translated("make a Secrets Manager client", "Secrets Manager"):
            self._secrets = session.client("secretsmanager", config=client_config(attempts=attempts))

    def text(self, secret_id: str) -> str | None:
        """The secret's text; None when there is no such secret. Raises NotAuthorizedError, also for its key."""
        try:
            with translated("read a secret", secret_id):
                return str(self._secrets.get_secret_value(SecretId=secret_id)["SecretString"])
        except NotFoundError:
            return None

    def password(self, secret_id: str) -> str:
        """The password that the secret is, or holds as the JSON key ``password``, as RDS's and Druid's secrets do.

        Raises NotFoundError, ConfigurationError.
        """
        found = self.text(secret_id)
        if found is None:
            raise NotFoundError(
                "read a secret", resource=secret_id, came_back="there is none", remedy="name one that there is"
            )
        try:
            held = json.loads(found)
        except ValueError:
            return found
        if isinstance(held, dict) and isinstance(held.get("password"), str):
            return str(held["password"])
        raise ConfigurationError(
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
