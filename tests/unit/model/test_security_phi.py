"""What EMR would accept and protected health information must not run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_file import judged
from druid_reindex.model.security_phi import phi_rules
from druid_reindex.model.yaml_file import dotted
from emr_documents import FULL, OTHER_KEY, changed, path
from wrong_security import UNSAFE, Wrong

BOUNDARY = load_boundaries(Path(__file__).parents[3] / "emr_configs").phi
RULES = phi_rules(BOUNDARY)


def test_the_full_document_is_safe() -> None:
    assert judged(FULL, RULES)[1] == []


@pytest.mark.parametrize("case", UNSAFE, ids=lambda case: case.what)
def test_what_is_weaker_is_refused_by_these_rules_alone(case: Wrong) -> None:
    weaker = changed(FULL, case.changes)
    assert judged(weaker)[1] == []
    (found,) = [each for each in judged(weaker, RULES)[1] if dotted(each.field) == path(case.field)]
    assert case.remedy in found.remedy


def test_disks_may_have_a_key_of_their_own() -> None:
    own = phi_rules(BOUNDARY.model_copy(update={"disk_kms_key_arn": OTHER_KEY}))
    assert judged(changed(FULL, {"DISK.AwsKmsKey": OTHER_KEY}), own)[1] == []
    assert [dotted(each.field) for each in judged(FULL, own)[1]] == [path("DISK.AwsKmsKey")]
