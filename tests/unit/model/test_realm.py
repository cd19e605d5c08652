"""The realms of a boundary, and the boundaries that tangle them or their network."""

from __future__ import annotations

from pathlib import Path

import pytest

from changed_configs import changed_configs
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.realm import Realms
from wrong_security import BOUNDARIES, REALM, Wrong


@pytest.mark.parametrize("case", BOUNDARIES, ids=lambda case: case.what)
def test_a_wrong_boundary_is_refused_with_field_and_remedy(case: Wrong, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_boundaries(changed_configs(tmp_path, {"boundaries.yaml": case.changes}))
    told = [line for line in str(refusal.value).splitlines() if f": {case.field}: found" in line]
    assert any(case.remedy in line for line in told), str(refusal.value)
    assert "xyzzy" not in str(refusal.value)


def test_nothing_needs_to_be_said() -> None:
    assert Realms() == Realms(cluster_realm="EC2.INTERNAL", external_kdc=None, trusted_realm=None)


def test_a_trust_is_an_option(tmp_path: Path) -> None:
    configs = changed_configs(tmp_path, {"boundaries.yaml": {"phi.kerberos.trusted_realm": REALM}})
    trusted = load_boundaries(configs).phi.kerberos.trusted_realm
    assert trusted is not None
    assert (trusted.realm, trusted.join_secret_id) == ("AD.EXAMPLE.COM", None)
