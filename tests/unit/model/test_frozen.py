"""A frozen model keeps its values and knows its fields."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from druid_reindex.model.frozen import Frozen


class Place(Frozen):
    name: str


def test_nothing_is_changed_or_added() -> None:
    place = Place(name="here")
    with pytest.raises(ValidationError, match="frozen"):
        place.name = "there"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Place.model_validate({"name": "here", "nmae": "there"})
