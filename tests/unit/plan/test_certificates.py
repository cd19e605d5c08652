"""Which certificate a profile's clusters present, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan.certificates import (
    GRACE,
    ROTATION,
    Wanted,
    authority_secret,
    current,
    digest_of,
    domain,
    outdated,
    wanted,
)

BOUNDARIES = load_boundaries(Path(__file__).parents[3] / "emr_configs")
NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
DIGESTS = ["a" * 64, "b" * 64, "c" * 64]


def asked(now: datetime = NOW, kind: Classification = Classification.PHI, profile: str = "small") -> Wanted:
    return wanted(BOUNDARIES, kind, profile, now)


def test_one_period_has_one_certificate_and_the_next_another() -> None:
    start = asked().expires_at - GRACE - ROTATION
    assert asked(start) == asked(start + ROTATION - timedelta(seconds=1)) == asked()
    assert asked(start + ROTATION).period == asked().period + 1
    assert asked(start - timedelta(seconds=1)).period == asked().period - 1


def test_a_cluster_of_the_last_second_may_rely_on_it_for_the_grace() -> None:
    last = asked().expires_at - GRACE - timedelta(seconds=1)
    assert asked(last).expires_at - last > GRACE


def test_profiles_and_classifications_share_nothing() -> None:
    folders = {asked(kind=kind, profile=name).folder for kind in Classification for name in ("small", "big")}
    assert len(folders) == 4
    assert asked().folder == S3Uri.parse(BOUNDARIES.phi.data_uri) / "certificates/small"
    assert asked().unmade == asked().folder / f"{asked().period}.zip"
    assert len({authority_secret(kind) for kind in Classification}) == 2


@pytest.mark.parametrize(
    ("region", "name"),
    [("us-east-1", "*.ec2.internal"), ("us-west-2", "*.us-west-2.compute.internal"),
     ("us-gov-west-1", "*.us-gov-west-1.compute.internal")],
)  # fmt: skip
def test_the_name_is_that_of_the_vpcs_instances(region: str, name: str) -> None:
    assert domain(region) == name


def test_an_address_carries_its_digest() -> None:
    uri = asked().uri(DIGESTS[0])
    assert digest_of(uri) == DIGESTS[0]
    assert digest_of(asked().folder / "notes.zip") is None


def test_of_two_made_at_once_the_first_counts() -> None:
    first, second, earlier = (asked().uri(digest) for digest in DIGESTS[::-1][:2] + DIGESTS[:1])
    previous = asked(NOW - ROTATION).uri(DIGESTS[0])
    found = [
        StoredObject(second, NOW),
        StoredObject(first, NOW - timedelta(minutes=1)),
        StoredObject(previous, NOW - ROTATION),
        StoredObject(asked().folder / "notes.zip", NOW - ROTATION),
    ]
    assert current(found, asked()) == first
    assert current([StoredObject(second, NOW), StoredObject(earlier, NOW)], asked()) == min(second, earlier)
    assert current(found[2:], asked()) is None


def test_what_no_cluster_can_rely_on_is_outdated() -> None:
    zips = [asked(NOW - ROTATION * age).uri(DIGESTS[0]) for age in range(4)]
    found = [StoredObject(uri, NOW) for uri in (*zips, asked().folder / "notes.zip")]
    assert outdated(found, asked().expires_at) == zips[1:]
    assert outdated(found, asked().expires_at + timedelta(seconds=1)) == zips
    assert outdated(found, asked().expires_at - ROTATION) == zips[2:]
