"""What instances cost, from ``emr_configs/prices.yaml``: the user's own table, which no estimate goes without."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from druid_reindex.model.field_errors import load
from druid_reindex.model.frozen import Frozen
from druid_reindex.model.yaml_file import read_yaml


class InstancePrice(Frozen):
    """One instance's price for an hour, in US dollars."""

    ec2_usd_per_hour: float = Field(gt=0, strict=True, description="US dollars for an hour of the instance")
    emr_usd_per_hour: float = Field(gt=0, strict=True, description="US dollars that EMR adds for that hour")
    ebs_usd_per_hour: float | None = Field(
        None, gt=0, strict=True, description="US dollars for an hour of its volumes; left out, they are not counted"
    )

    @property
    def usd_per_hour(self) -> float:
        """All that is counted, for an hour."""
        return self.ec2_usd_per_hour + self.emr_usd_per_hour + (self.ebs_usd_per_hour or 0.0)


class PriceTable(Frozen):
    """Prices by instance type, where they come from, and as of when."""

    source: str = Field(min_length=1, description="where the prices come from, such as your contract")
    as_of: date = Field(description="the day on which they were looked up, such as 2026-11-01")
    instance_types: dict[Annotated[str, Field(min_length=1)], InstancePrice] = Field(
        description="for each instance type {ec2_usd_per_hour, emr_usd_per_hour, ebs_usd_per_hour}"
    )


def load_prices(configs: Path) -> PriceTable | None:
    """The prices in ``configs/prices.yaml``; None where there is no such file.

    Raises ConfigurationError that names every wrong field.
    """
    path = configs / "prices.yaml"
    return load(read_yaml(path), PriceTable) if path.is_file() else None
