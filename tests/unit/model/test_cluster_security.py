"""The short file: everything is on unless it says otherwise."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from druid_reindex.model.cluster_security import ClusterSecurity, KerberosChoice


def test_the_least_is_the_strictest() -> None:
    found = ClusterSecurity.model_validate({"name": "x", "kerberos": {"kdc": "dedicated"}})
    assert (found.s3, found.local_disks, found.ebs, found.in_transit) == ("SSE-KMS", True, True, True)
    assert (found.metadata_service.version, found.metadata_service.hop_limit) == (2, 1)


def test_a_kdc_must_be_chosen() -> None:
    with pytest.raises(ValidationError, match="kerberos"):
        ClusterSecurity.model_validate({"name": "x"})


@pytest.mark.parametrize(
    ("choice", "known"),
    [
        (None, False),
        (KerberosChoice(kdc="dedicated"), False),
        (KerberosChoice(kdc="dedicated", cross_realm_trust=True), True),
        (KerberosChoice(kdc="external"), True),
    ],
)
def test_who_is_known_outside(choice: KerberosChoice | None, known: bool) -> None:
    assert ClusterSecurity(name="x", kerberos=choice).is_known_outside is known
