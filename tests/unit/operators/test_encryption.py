"""Objects under another key than the boundary's are refused by address."""

from __future__ import annotations

import pytest

from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.encryption import refuse_other_keys
from twins import FakeStore

A, B = S3Uri.parse("s3://drx-phi-111122223333/a"), S3Uri.parse("s3://drx-phi-111122223333/b")


def test_keys_that_are_the_boundary_s() -> None:
    store = FakeStore({A: (b"", "k"), B: (b"", "k")})
    assert refuse_other_keys(store, [A, B], "k", remedy="r") == ["k"]
    assert refuse_other_keys(store, [], "k", remedy="r") == []


@pytest.mark.parametrize(("key", "told"), [("other", "encrypted with other"), ("", "encrypted with no KMS key")])
def test_another_key_is_told(key: str, told: str) -> None:
    with pytest.raises(IntegrityError, match=told) as error:
        refuse_other_keys(FakeStore({A: (b"", "k"), B: (b"", key)}), [A, B], "k", remedy="look")
    assert error.value.resource.startswith(str(B))
    assert error.value.remedy == "look"


def test_an_object_that_is_not_there() -> None:
    with pytest.raises(NotFoundError):
        refuse_other_keys(FakeStore(), [A], "k", remedy="r")
