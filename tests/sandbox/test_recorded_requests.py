"""What the sandbox's nights asked of AWS is in the record by which policies are tested."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.iam.decisions import Outcome
from druid_reindex.sandbox.aws.iam.replay import Recorded, read
from druid_reindex.sandbox.aws.site import ACCOUNT
from hiding_places import SEARCHES
from real_sandbox import Sandbox
from record_requests import condensed, recorded

pytestmark = pytest.mark.sandbox

# S3 asks it for whoever reads an object that is not there: here a digest of the trail, which another test removes.
ABSENT = ("s3:ListBucket", f"arn:aws:s3:::drx-trail-{ACCOUNT}")


def uses(requests: Iterable[Recorded]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Who asked for which action, and which statements allowed it."""
    return {(each.request.principal.identity, each.request.action, each.statements) for each in requests}


def test_the_record_has_what_these_nights_asked_for(sandbox: Sandbox) -> None:
    asked = read(records.file(sandbox.home)).decisions
    searched = f"/{SEARCHES}"  # whoever searches the sandbox becomes the auditor for that, and may do everything
    now = condensed(each for each in asked if not each.request.principal.arn.endswith(searched))
    assert len({principal for principal, _, _ in uses(now.values())}) >= 4
    assert uses(now.values()) - uses(recorded().values()) == set()


def test_nothing_of_these_nights_was_refused(sandbox: Sandbox) -> None:
    decisions = read(records.file(sandbox.home)).decisions
    refused = [each for each in decisions if each.outcome is not Outcome.ALLOWED]
    assert sorted({each.said for each in refused if (each.request.action, each.request.resource) != ABSENT}) == []
