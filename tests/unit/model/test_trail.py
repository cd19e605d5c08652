"""Where a trail's files lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.model.trail import digest_end, is_backfill
from druid_reindex.model.uri import Arn, S3Uri
from trail_account import BUCKET, HOUR, NIGHT, SCOPE

KEY = (
    "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/21/"
    "111122223333_CloudTrail-Digest_us-east-1_drx_us-east-1_20261121T020000Z.json.gz"
)


def test_a_digests_key_is_as_aws_documents_it() -> None:
    assert SCOPE.digest_key(NIGHT) == KEY
    assert digest_end(KEY) == NIGHT
    assert not is_backfill(KEY)
    late = SCOPE.digest_key(NIGHT, backfill=True)
    assert late == KEY.replace(".json.gz", "_backfill.json.gz")
    assert is_backfill(late)
    assert digest_end(late) == NIGHT


def test_prefix_organization_and_region_are_part_of_the_address() -> None:
    theirs = replace(SCOPE, prefix="audit", organization_id="o-abcdefghij").of_region("eu-west-1")
    folder = "audit/AWSLogs/o-abcdefghij/111122223333/CloudTrail-Digest/"
    assert theirs.regions_folder == S3Uri(BUCKET, folder)
    assert theirs.digest_key(NIGHT).startswith(f"{folder}eu-west-1/2026/11/21/")
    assert "_eu-west-1_drx_us-east-1_" in theirs.digest_key(NIGHT)
    assert theirs.in_bucket("older").bucket == "older"


def test_of_an_organizations_trail_each_account_has_its_folder_and_the_trail_keeps_its_arn() -> None:
    member = SCOPE.of_member("o-abcdefghij", "444455556666").of_region("eu-west-1")
    assert member.digest_key(NIGHT) == (
        "AWSLogs/o-abcdefghij/444455556666/CloudTrail-Digest/eu-west-1/2026/11/21/"
        "444455556666_CloudTrail-Digest_eu-west-1_drx_us-east-1_20261121T020000Z.json.gz"
    )
    assert member.arn == SCOPE.arn
    assert member.of_member("o-abcdefghij", "777788889999").arn == SCOPE.arn
    assert not member.owns(SCOPE.digest_key(NIGHT))
    assert not member.owns(member.of_member("o-abcdefghij", "777788889999").digest_key(NIGHT))


@pytest.mark.parametrize(
    "other",
    [
        KEY.replace("_drx_", "_drx2_"), KEY.replace("_drx_", "_x_drx_"), KEY.replace("2026/11/21", "2026/11/22"),
        KEY.replace("T020000Z", "T029900Z"), KEY.replace("us-east-1/", "us-east-2/"), KEY + ".bak", "x/" + KEY,
    ],
)  # fmt: skip
def test_another_trails_file_is_not_its_own(other: str) -> None:
    assert SCOPE.owns(KEY)
    assert not SCOPE.owns(other)


def test_a_key_that_is_no_digests_has_no_end() -> None:
    assert digest_end("AWSLogs/x.json.gz") is None
    assert digest_end(KEY.replace("20261121T", "20261321T")) is None
    assert digest_end(SCOPE.digest_key(NIGHT + HOUR)) == NIGHT + HOUR
    assert SCOPE.of(Arn.parse("arn:aws:cloudtrail:us-east-1:111122223333:trail/drx"), BUCKET) == SCOPE
