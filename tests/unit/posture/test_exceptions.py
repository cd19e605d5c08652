"""The file of named exceptions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.posture.catalogue import catalogue
from druid_reindex.posture.exceptions import excusing, load_exceptions
from posture_facts import CONFIGS

TODAY = date(2026, 10, 6)
GOOD = {
    "rule": "S3-01",
    "resource": "s3://drx-phi",
    "owner": "storage",
    "reason": "the policy comes next week",
    "expires": "2026-10-06",
}


def written(folder: Path, **changes: str) -> Path:
    fields = "\n".join(f"    {name}: {value!r}" for name, value in (GOOD | changes).items() if name != "expires")
    expires = (GOOD | changes)["expires"]
    (folder / "exceptions.yaml").write_text(f"exceptions:\n  -\n{fields}\n    expires: {expires}\n")
    return folder


def test_no_file_is_no_exception(tmp_path: Path) -> None:
    assert load_exceptions(tmp_path, catalogue(), TODAY) == ()


def test_an_exception_holds_on_its_last_day(tmp_path: Path) -> None:
    found = load_exceptions(written(tmp_path), catalogue(), TODAY)
    assert excusing(found, "S3-01", "s3://drx-phi") is not None
    assert excusing(found, "S3-03", "s3://drx-phi") is None
    assert excusing(found, "S3-01", "s3://drx-general") is None


def test_a_star_stands_for_any_text(tmp_path: Path) -> None:
    found = load_exceptions(written(tmp_path, rule="ATT-03", resource="i-*"), catalogue(), TODAY)
    assert excusing(found, "ATT-03", "i-0123") is not None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expires": "2026-10-05"}, "2026-10-05, which has passed"),
        ({"rule": "S3-99"}, "S3-99"),
        ({"rule": "s3-01"}, "did you mean S3-01"),
        ({"resource": "**"}, "name the resource"),
        ({"reason": "short"}, "reason"),
        ({"owner": ""}, "owner"),
        ({"ruel": "S3-01"}, "did you mean rule"),
    ],
)
def test_what_excuses_too_much_or_nothing_is_refused(tmp_path: Path, changes: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_exceptions(written(tmp_path, **changes), catalogue(), TODAY)
    assert told in str(refused.value)
    assert "exceptions.yaml:" in str(refused.value)


def test_the_shipped_file_excuses_what_the_sandbox_cannot_have() -> None:
    found = load_exceptions(CONFIGS, catalogue(), TODAY)
    assert [each.rule for each in found] == ["ATT-03"]
