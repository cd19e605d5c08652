"""KMS keys as S3 and the gate see them: which key a name means, its state, its policy, its grants.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html,
https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from __future__ import annotations

from typing import Any

from moto.kms.models import kms_backends
from moto.kms.utils import KEY_ID_LEN

from druid_reindex.sandbox.aws.gate.sessions import PARTITION
from druid_reindex.sandbox.aws.iam.patterns import Context
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

ENABLED, DISABLED = "Enabled", "Disabled"


def key_arn(name: object) -> str:
    """Return the ARN of the key with the id, ARN or alias, or the one that it would have; every key's for None."""
    if name is None:
        return f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/*"
    found = key(str(name))
    if found is not None:
        return str(found.arn)
    text = str(name)
    return text if text.startswith("arn:") else f"arn:{PARTITION}:kms:{REGION}:{ACCOUNT}:key/{text}"


def ciphertext_key(blob: bytes) -> str:
    """Return the ARN of the key under which moto's KMS made the ciphertext."""
    return key_arn(blob[:KEY_ID_LEN].decode("ascii", "replace"))


def key(name: str) -> Any:
    """Return moto's key with the id, ARN or alias; None when there is none."""
    kms = kms_backends[ACCOUNT][REGION]
    plain = name.partition(":alias/")[2]
    alias = f"alias/{plain}" if plain else name
    if alias.startswith("alias/"):
        return kms.keys.get(kms.get_key_id_from_alias(alias) or "")
    return kms.keys.get(name.rpartition("/")[2])


def aliases(arn: str) -> tuple[str, ...]:
    """Return the key's aliases, `alias/` included."""
    kms = kms_backends[ACCOUNT][REGION]
    found = key(arn)
    return tuple(each.alias_name for each in kms.list_aliases(found.id)) if found is not None else ()


def policy_document(arn: str) -> str | None:
    """Return the key's policy; None when there is no such key."""
    found = key(arn)
    return None if found is None else str(found.policy)


def grants(arn: str, principal: Principal, action: str, context: Context) -> tuple[str, ...]:
    """Return the ids of the key's grants that let the principal do this under this encryption context."""
    found = key(arn)
    operation = action.partition(":")[2]
    return tuple(
        f"grant/{grant.id}"
        for grant in (found.grants.values() if found is not None else ())
        if grant.grantee_principal in {principal.arn, principal.identity}
        and operation in grant.operations
        and _constraints_hold(grant.constraints or {}, context)
    )


def _constraints_hold(constraints: dict[str, dict[str, str]], context: Context) -> bool:
    given = {
        name: values[0]
        for name, values in context.items()
        if name.startswith("kms:encryptioncontext:") and len(values) == 1
    }
    for kind, pairs in constraints.items():
        wanted = {f"kms:encryptioncontext:{name.lower()}": value for name, value in pairs.items()}
        if not wanted.items() <= given.items() or (kind == "EncryptionContextEquals" and wanted != given):
            return False
    return True
