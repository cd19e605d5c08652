"""The boundary between protected and general data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.boundary import Boundaries, Boundary, refuse_phi_names
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
PHI = BOUNDARIES.phi


def changed(**changes: Any) -> Boundary:
    return Boundary.model_validate(PHI.model_dump() | changes)


def test_a_classification_picks_its_side() -> None:
    assert BOUNDARIES.of(Classification.PHI) is BOUNDARIES.phi
    assert BOUNDARIES.of(Classification.GENERAL) is BOUNDARIES.general


def test_what_a_replica_has_is_claimed_as_what_it_copies() -> None:
    copied = changed(replica={"bucket": "drx-phi-replica-111122223333", "region": "us-west-2"})
    copy = S3Uri.parse("s3://drx-phi-replica-111122223333/druid/segments/patient_vitals")
    assert copied.claims_uri(copy)
    assert not PHI.claims_uri(copy)
    assert copied.replica is not None
    assert copied.replica.copy_of(S3Uri.parse(PHI.segments_uri)).bucket == copy.bucket


def test_names_are_claimed_by_pattern_whatever_the_case() -> None:
    assert PHI.claims_datasource("patient_vitals")
    assert PHI.claims_datasource("PATIENT_vitals")
    assert not PHI.claims_datasource("outpatient_vitals")
    assert changed(datasources=["Claims*"]).claims_datasource("claims_2026")


@pytest.mark.parametrize(
    ("uri", "claimed"),
    [
        ("s3://shared/phi/x", True),
        ("s3://shared/phi", True),
        ("s3://shared/", True),
        ("s3://shared/general/x", False),
        ("s3://shared/phi-like/x", False),
        ("s3://shared/*/x", True),
        ("s3://shared/[op]hi/x", True),
        ("s3://shared/general/*/x", False),
        ("s3://shared/runs/1", True),
        ("s3://other/phi/x", False),
    ],
)
def test_prefixes_are_claimed_with_what_is_above_and_below(uri: str, claimed: bool) -> None:
    boundary = changed(data_uri="s3://shared/phi/", runs_uri="s3://shared/runs")
    assert boundary.claims_uri(S3Uri.parse(uri)) is claimed


@pytest.mark.parametrize(
    "names",
    [
        {"datasources": ["shop", "patient_vitals"]},
        {"connection_ids": ["aws_phi"]},
        {"uris": [S3Uri("drx-phi-111122223333", "runs/1/plan.json")]},
    ],
)
def test_a_general_workflow_names_nothing_protected(names: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"DAG shop.* protected health information.*classify the workflow"):
        refuse_phi_names(BOUNDARIES, Classification.GENERAL, resource="DAG shop", **names)
    refuse_phi_names(BOUNDARIES, Classification.PHI, resource="DAG shop", **names)


def test_a_general_workflow_names_what_is_general() -> None:
    refuse_phi_names(
        BOUNDARIES, Classification.GENERAL, resource="DAG shop", datasources=["shop"], connection_ids=["aws_general"],
        uris=[S3Uri("drx-general-111122223333", "in/")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"replica": {"bucket": "s3://copies", "region": "us-west-2"}},
        {"replica": {"bucket": "copies", "region": "oregon"}},
        {"kms_key_arn": "alias/phi"},
        {"kms_key_arn": "arn:aws:kms:us-east-1:111122223333:alias/phi"},
        {"emr_log_kms_key_arn": "arn:aws:s3:us-east-1:111122223333:key/1"},
        {"data_uri": "drx-phi"},
        {"pool": ""},
        {"datasources": []},
        {"network": PHI.network.model_dump() | {"subnet_ids": ["vpc-1"]}},
        {"network": PHI.network.model_dump() | {"core_security_group": "default"}},
        {"secret": "x"},
    ],
)
def test_wrong_values_are_refused(changes: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        changed(**changes)


def test_the_artifacts_have_an_address() -> None:
    with pytest.raises(ValidationError, match="artifacts_uri"):
        Boundaries.model_validate(BOUNDARIES.model_dump() | {"artifacts_uri": "drx-artifacts"})
