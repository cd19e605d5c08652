"""Names that somebody else wrote."""

from __future__ import annotations

import pytest

from druid_reindex.evidence.witness_act import name_of, without_host


@pytest.mark.parametrize(
    ("principal", "told"),
    [
        ("yarn/ip-10-0-0-5.ec2.internal@EC2.INTERNAL", "yarn@EC2.INTERNAL"),
        ("jo@AD.EXAMPLE.COM", "jo@AD.EXAMPLE.COM"),
        ("hadoop", "hadoop"),
        ("krbtgt/EC2.INTERNAL@EC2.INTERNAL", "krbtgt@EC2.INTERNAL"),
        ("@", "@"),
    ],
)
def test_a_principal_is_told_without_its_host(principal: str, told: str) -> None:
    assert without_host(principal) == told


def test_a_name_is_short_and_shows_no_control_characters() -> None:
    assert name_of("jo\x1b[31m\u202e ") == "jo?[31m?"
    assert len(name_of("x" * 10_000)) == 128
