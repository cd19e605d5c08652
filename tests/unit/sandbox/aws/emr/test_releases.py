"""The releases that the sandbox can run."""

from __future__ import annotations

import pytest

from druid_reindex.sandbox.aws.emr.releases import HADOOP_VERSIONS, hadoop_version


@pytest.mark.parametrize(
    ("label", "version"),
    [
        ("emr-7.2.0", "3.3.6"),
        ("emr-7.3.0", "3.3.6"),
        ("emr-7.4.0", "3.4.0"),
        ("emr-7.9.0", "3.4.1"),
        ("emr-7.99.0", None),
        ("7.2.0", None),
    ],
)
def test_a_release_carries_its_hadoop(label: str, version: str | None) -> None:
    assert hadoop_version(label) == version


def test_each_label_is_well_formed() -> None:
    assert all(label.startswith("emr-7.") and label.endswith(".0") for label in HADOOP_VERSIONS)
