"""Event selectors, basic and advanced."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.clients.trail_selectors import OBJECT, read_selectors
from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.selectors import Selectors
from trail_runs import call

BUCKET = "arn:aws:s3:::nights/"


def basic(**fields: Any) -> Selectors:
    whole = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []} | fields
    return read_selectors({"EventSelectors": [whole]}, "drx")


def advanced(*fields: dict[str, Any]) -> Selectors:
    return read_selectors({"AdvancedEventSelectors": [{"Name": "x", "FieldSelectors": [*fields]}]}, "drx")


def equals(field: str, value: str) -> dict[str, Any]:
    return {"Field": field, "Equals": [value]}


DATA = (equals("eventCategory", "Data"), equals("resources.type", OBJECT))


def test_basic_selectors() -> None:
    found = basic(
        DataResources=[{"Type": OBJECT, "Values": [BUCKET]}, {"Type": "AWS::Lambda::Function", "Values": ["arn:aws"]}],
        ExcludeManagementEventSources=["kms.amazonaws.com"],
    )
    assert found == Selectors(management=True, excluded_sources=frozenset({"kms.amazonaws.com"}), s3_prefixes=(BUCKET,))
    assert not basic(IncludeManagementEvents=False).management


def test_advanced_selectors() -> None:
    assert advanced(equals("eventCategory", "Management")) == Selectors()
    assert advanced(*DATA) == Selectors(management=False, s3_prefixes=("arn:aws:s3:::",))
    below = advanced(*DATA, {"Field": "resources.ARN", "StartsWith": [BUCKET]})
    assert below.s3_prefixes == (BUCKET,)
    excluding = advanced(
        equals("eventCategory", "Management"), {"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}
    )
    assert excluding.excluded_sources == {"kms.amazonaws.com"}
    assert advanced(equals("eventCategory", "Data"), equals("resources.type", "AWS::DynamoDB::Table")) == Selectors(
        management=False
    )


def test_an_event_is_recorded_when_any_selector_chooses_it() -> None:
    one = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }
    two = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    assert read_selectors({"EventSelectors": [one, two]}, "drx").excluded_sources == frozenset()
    nothing = read_selectors({}, "drx")
    assert (nothing.management, nothing.s3_prefixes) == (False, ())


def test_every_bucket_is_every_bucket() -> None:
    found = basic(DataResources=[{"Type": OBJECT, "Values": ["arn:aws:s3"]}])
    assert found.records(call(1, operation="GetObject", resources=("arn:aws:s3:::any/where",)))


@pytest.mark.parametrize("named", [
    lambda: basic(ReadWriteType="WriteOnly"),
    lambda: advanced(equals("eventCategory", "Management"), equals("readOnly", "true")),
    lambda: advanced(*DATA, equals("eventName", "GetObject")),
    lambda: advanced(*DATA, {"Field": "resources.ARN", "NotStartsWith": [BUCKET]}),
    lambda: advanced(*DATA, {"Field": "resources.ARN", "StartsWith": [BUCKET], "NotEquals": [f"{BUCKET}x"]}),
    lambda: advanced(
        equals("eventCategory", "Management"), {"Field": "eventSource", "NotEquals": ["kms"], "Equals": ["sts"]}
    ),
])  # fmt: skip
def test_a_choice_that_cannot_be_said_of_a_call_is_refused(named: Any) -> None:
    with pytest.raises(ProtocolError, match="drx"):
        named()
