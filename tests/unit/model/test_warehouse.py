"""Redshift as a boundary names it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.warehouse import StatementState, Warehouse

ROLE = "arn:aws:iam::111122223333:role/DrxRedshift"
SOUND: dict[str, Any] = {"cluster_identifier": "drx", "database": "nights", "role_arns": [ROLE]}


def test_a_cluster_or_a_workgroup_is_asked() -> None:
    cluster = Warehouse.model_validate(SOUND)
    workgroup = Warehouse.model_validate(SOUND | {"cluster_identifier": None, "workgroup_name": "nights-phi"})
    assert cluster.target == {"ClusterIdentifier": "drx", "Database": "nights"}
    assert workgroup.target == {"WorkgroupName": "nights-phi", "Database": "nights"}
    assert (str(cluster), str(workgroup)) == ("Redshift drx/nights", "Redshift nights-phi/nights")


@pytest.mark.parametrize(
    "changes",
    [{"workgroup_name": "both"}, {"cluster_identifier": None}, {"cluster_identifier": "-drx"}, {"role_arns": []},
     {"role_arns": ["DrxRedshift"]}, {"role_arns": ["arn:aws:iam::111122223333:user/x"]},
     {"role_arns": [f"{ROLE},arn:aws:iam::111122223333:role/Other"]}, {"role_arns": [f"{ROLE}' KMS"]},
     {"database": "Nights"}, {"password": "x"}],
)  # fmt: skip
def test_a_place_that_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Warehouse.model_validate(SOUND | changes)


def test_states_that_will_not_change() -> None:
    assert [state.value for state in StatementState if state.is_ended] == ["FINISHED", "FAILED", "ABORTED"]
