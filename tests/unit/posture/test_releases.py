"""What EMR releases can do."""

from __future__ import annotations

import pytest

from druid_reindex.posture.releases import FLOORS, java_of, lacks


@pytest.mark.parametrize(
    ("label", "feature", "has"),
    [
        ("emr-5.9.0", "Kerberos", False),
        ("emr-5.10.0", "Kerberos", True),
        ("emr-5.19.0", "an external KDC", False),
        ("emr-5.20.0", "an external KDC", True),
        ("emr-5.23.0", "EBS encryption", False),
        ("emr-5.24.0", "EBS encryption", True),
        ("emr-5.29.0", "encrypted logs", False),
        ("emr-5.30.0", "encrypted logs", True),
        ("emr-6.0.0", "encrypted logs", False),
        ("emr-5.31.0", "IMDSv2", False),
        ("emr-5.32.0", "IMDSv2", True),
        ("emr-6.1.0", "IMDSv2", False),
        ("emr-6.2.0", "IMDSv2", True),
    ],
)
def test_floors(label: str, feature: str, *, has: bool) -> None:
    assert lacks(label, feature) == ([] if has else [f"{label} has no {feature}"])


def test_a_current_release_has_all() -> None:
    assert lacks("emr-7.10.0", *FLOORS) == []
    assert lacks("emr-next", "Kerberos") == ["'emr-next' is no release label"]


@pytest.mark.parametrize(("label", "java"), [("emr-6.15.0", 8), ("emr-7.0.0", 17), ("emr-next", None)])
def test_java(label: str, java: int | None) -> None:
    assert java_of(label) == java
