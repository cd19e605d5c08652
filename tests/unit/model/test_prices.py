"""The price table."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_profile, profile_names
from druid_reindex.model.prices import load_prices

CONFIGS = Path(__file__).parents[3] / "emr_configs"
TABLE = """\
source: our contract
as_of: 2026-11-01
instance_types:
  m6g.xlarge: {ec2_usd_per_hour: 0.5, emr_usd_per_hour: 0.25, ebs_usd_per_hour: 0.125}
  r6g.xlarge:
    ec2_usd_per_hour: 1
    emr_usd_per_hour: 0.5
"""


def written(folder: Path, text: str) -> Path:
    (folder / "prices.yaml").write_text(text)
    return folder


def test_the_shipped_table_says_that_it_is_no_price_list_and_has_each_shipped_profiles_types() -> None:
    prices = load_prices(CONFIGS)
    assert prices is not None
    assert "placeholders" in prices.source
    types = {g.instance_type for name in profile_names(CONFIGS) for g in load_profile(CONFIGS, name).instance_groups}
    assert types <= prices.instance_types.keys()


def test_an_hour_is_the_sum_of_what_is_named(tmp_path: Path) -> None:
    prices = load_prices(written(tmp_path, TABLE))
    assert prices is not None
    assert {name: price.usd_per_hour for name, price in prices.instance_types.items()} == {
        "m6g.xlarge": 0.875,
        "r6g.xlarge": 1.5,
    }


def test_no_file_is_no_table(tmp_path: Path) -> None:
    assert load_prices(tmp_path) is None


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("source: our contract\n", "", 1, "where the prices come from"),
        ("as_of: 2026-11-01\n", "", 1, "the day on which they were looked up"),
        ("as_of: 2026-11-01", "as_of: lately", 2, "found 'lately'"),
        ("    ec2_usd_per_hour: 1", "    ec2_usd_per_hour: 0", 6, "found 0"),
        ("    ec2_usd_per_hour: 1", "    ec2_usd_per_hour: '1'", 6, "without quotes"),
        ("    emr_usd_per_hour: 0.5\n", "", 5, "US dollars that EMR adds"),
        ("    emr_usd_per_hour: 0.5", "    emr_usd_per_houe: 0.5", 7, "did you mean emr_usd_per_hour"),
    ],
)
def test_a_wrong_table_names_line_and_field(tmp_path: Path, before: str, after: str, line: int, told: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_prices(written(tmp_path, TABLE.replace(before, after)))
    assert f"prices.yaml:{line}: " in str(refused.value)
    assert told in str(refused.value)
