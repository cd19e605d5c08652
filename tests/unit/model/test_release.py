"""EMR's releases in their order, and what each has."""

from __future__ import annotations

import pytest

from druid_reindex.model.release import FLOORS, Release, java_of, lacks


@pytest.mark.parametrize(
    ("what", "without", "with_it"),
    [
        ("private subnets", ["emr-4.1.0"], ["emr-4.2.0", "emr-5.0.0"]),
        ("instance fleets", ["emr-4.7.2", "emr-5.0.3"], ["emr-4.8.0", "emr-5.1.0", "emr-7.2.0"]),
        ("Kerberos", ["emr-5.9.0"], ["emr-5.10.0", "emr-6.0.0"]),
        ("an external KDC", ["emr-5.19.0"], ["emr-5.20.0"]),
        ("EBS encryption", ["emr-5.23.1"], ["emr-5.24.0"]),
        ("a KMS key for the log archive", ["emr-5.29.0", "emr-6.0.0"], ["emr-5.30.0", "emr-6.1.0", "emr-7.0.0"]),
        ("auto-termination", ["emr-5.29.0", "emr-6.0.0"], ["emr-5.30.0", "emr-6.1.0"]),
        ("IMDSv2 by security configuration", ["emr-5.31.0", "emr-6.1.0"], ["emr-5.32.0", "emr-6.2.0", "emr-7.0.0"]),
        ("Ranger", ["emr-6.2.0"], ["emr-5.32.0", "emr-6.3.0"]),
        ("runtime roles", ["emr-5.36.0", "emr-6.6.0"], ["emr-6.7.0", "emr-7.0.0"]),
    ],
)
def test_floors(what: str, without: list[str], with_it: list[str]) -> None:
    floor = FLOORS[what]
    assert not any(floor.allows(Release.parse(label)) for label in without)
    assert all(floor.allows(Release.parse(label)) for label in with_it)


def test_a_label_is_read_and_written() -> None:
    assert str(Release.parse("emr-7.10.2")) == "emr-7.10.2"
    assert Release.parse("emr-7.10.0") > Release.parse("emr-7.9.0")
    assert str(FLOORS["a KMS key for the log archive"]) == "emr-5.30.0 and later, not emr-6.0.0"
    with pytest.raises(ValueError, match=r"emr-x\.y\.z"):
        Release.parse("7.2.0")


def test_what_a_release_lacks_is_told_by_name() -> None:
    assert lacks("emr-7.10.0", *FLOORS) == []
    assert lacks("emr-5.9.0", "private subnets", "Kerberos") == ["emr-5.9.0 has not: Kerberos"]
    assert lacks("emr-next", "Kerberos") == ["'emr-next' is no EMR release: write emr-x.y.z"]


@pytest.mark.parametrize(("label", "java"), [("emr-6.15.0", 8), ("emr-7.0.0", 17), ("emr-next", None)])
def test_java(label: str, java: int | None) -> None:
    assert java_of(label) == java
