"""Where records beside CloudTrail lie, and whom they may name."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from druid_reindex.model.witness import KnownIdentity, Witness, WitnessPlaces

LAST = date(2026, 12, 31)
KNOWN = KnownIdentity(
    witness=Witness.DRUID, identity="druid_system", owner="druid", purpose="Druid's own servers ask each other.",
    expires=LAST,
)  # fmt: skip


def test_an_identity_is_known_to_one_record_until_a_day() -> None:
    places = WitnessPlaces(known=(KNOWN,))
    assert places.declares(Witness.DRUID, ["druid_system"], LAST)
    assert not places.declares(Witness.DRUID, ["druid_system"], date(2027, 1, 1))
    assert not places.declares(Witness.HDFS, ["druid_system"], LAST)
    assert not places.declares(Witness.DRUID, ["druid_system", "jo"], LAST)


def test_an_address_in_s3_is_asked_for() -> None:
    with pytest.raises(ValidationError, match="s3://"):
        WitnessPlaces(druid_requests_uri="/var/log/druid")
