"""What a cluster is launched under: its security configuration on EMR, and the passwords of its Kerberos attributes.

A password lives in the request alone: it is made up or read when RunJobFlow is sent, and forgotten with it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping

from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.plan.security import KerberosNeeds, Needed
from druid_reindex.ports import EmrPort, SecretsPort

PASSWORD_BYTES = 32


def ensure_configuration(emr: EmrPort, wanted: Needed, log: Callable[[str], None]) -> str:
    """The name of the security configuration, once EMR has it with this very content.

    Raises IntegrityError when what EMR gives back under the name is something else.
    """
    found = emr.security_configuration(wanted.name)
    if found is None:
        log(f"creating security configuration {wanted.name}")
        emr.create_security_configuration(wanted.name, wanted.text)
        found = emr.security_configuration(wanted.name)
    if found is None or not _equal(found.text, wanted):
        raise IntegrityError(
            "read back a security configuration",
            resource=wanted.name,
            came_back="nothing" if found is None else "another content than the one that its name stands for",
            remedy="find out in CloudTrail who made it, delete it, and clear the task: it is then made anew",
        )
    return wanted.name


def kerberos_attributes(needs: KerberosNeeds, vault: Callable[[], SecretsPort]) -> dict[str, str]:
    """RunJobFlow's KerberosAttributes: secrets are read now, and a dedicated KDC's password is made up for this one.

    Raises IntegrityError that names the secret in which something is missing, never a value.
    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_KerberosAttributes.html
    """
    made = {"Realm": needs.realm}
    if needs.admin_secret_id is None:
        made["KdcAdminPassword"] = secrets.token_urlsafe(PASSWORD_BYTES)
    else:
        made["KdcAdminPassword"] = _value(vault(), needs.admin_secret_id, "password")
    if needs.trust_secret_id is not None:
        made["CrossRealmTrustPrincipalPassword"] = _value(vault(), needs.trust_secret_id, "password")
    if needs.join_secret_id is not None:
        made["ADDomainJoinUser"] = _value(vault(), needs.join_secret_id, "user")
        made["ADDomainJoinPassword"] = _value(vault(), needs.join_secret_id, "password")
    return made


def _value(vault: SecretsPort, secret_id: str, key: str) -> str:
    found: Mapping[str, str] = vault.read(secret_id)
    if not found.get(key):
        raise NotFoundError(
            f"read {key} of a secret",
            resource=secret_id,
            came_back="no such key, or nothing in it",
            remedy=f'add "{key}" to the secret\'s JSON object',
        )
    return found[key]


def _equal(text: str, wanted: Needed) -> bool:
    try:
        return bool(json.loads(text) == wanted.content)
    except ValueError:
        return False
