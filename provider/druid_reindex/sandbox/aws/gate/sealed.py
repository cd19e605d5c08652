"""The KMS key that Secrets Manager uses for a request, on behalf of who asks.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from druid_reindex.sandbox.aws.gate import keys
from druid_reindex.sandbox.aws.gate.operations import Check, Owner, encryption_context
from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

SERVICE = "secretsmanager"
VIA_SECRETS_MANAGER = f"secretsmanager.{REGION}.amazonaws.com"
UNDRAWN = "??????"
DECRYPT, GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
USES = {
    "GetSecretValue": (DECRYPT,),
    "PutSecretValue": (GENERATE, DECRYPT),
    "UpdateSecret": (GENERATE, DECRYPT),
    "CreateSecret": (GENERATE, DECRYPT),
}


def checks(operation: str, parameters: Mapping[str, Any]) -> Iterator[Check]:
    """Return what KMS has to allow; nothing for a secret under the account's own `aws/secretsmanager` key.

    The encryption context of a version that is there is its secret's ARN and its own id; of a new secret the ARN alone
    is known here, and of that not the six characters that Secrets Manager draws.
    """
    actions = USES.get(operation, ())
    secret = _secret(str(parameters.get("SecretId", "")))
    name = parameters.get("KmsKeyId") or (secret.kms_key_id if secret is not None else None)
    key = keys.key(str(name)) if name else None
    if key is None or key.key_manager != "CUSTOMER":
        return
    context = encryption_context(_pairs(secret) if secret is not None else _new(str(parameters.get("Name", ""))))
    about = context | {"kms:viaservice": (VIA_SECRETS_MANAGER,), "aws:viaawsservice": ("true",)}
    for action in actions:
        yield Check(action, str(key.arn), about, Owner.KEY, str(key.arn))


def _secret(name: str) -> Any:
    kept: Any = secretsmanager_backends[ACCOUNT][REGION].secrets
    return kept[name] if name and name in kept else None


def _new(name: str) -> dict[str, str]:
    return {"SecretARN": f"arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{UNDRAWN}"}


def _pairs(secret: Any) -> dict[str, str]:
    version = {"SecretVersionId": str(secret.default_version_id)} if secret.default_version_id else {}
    return {"SecretARN": str(secret.arn), **version}
