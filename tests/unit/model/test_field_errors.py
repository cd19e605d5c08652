"""What pydantic refuses, told by field, value found and what works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.field_errors import defects, did_you_mean, load
from druid_reindex.model.yaml_file import dotted, read_yaml


class Cat(BaseModel):
    """A member of a union."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["cat"] = Field(description="cat or dog")
    lives: int = Field(description="a number of lives")


class Dog(BaseModel):
    """Another member."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["dog"] = Field(description="cat or dog")
    name: str = Field(description="what it hears to")


class Home(BaseModel):
    """A model with every kind of field."""

    model_config = ConfigDict(extra="forbid")
    pets: tuple[Annotated[Cat | Dog, Field(discriminator="type")], ...] = Field((), description="a list of pets")
    favourite: Dog | None = Field(None, description="one dog")
    tags: dict[str, str] = Field(default_factory=dict, description="words by word")
    rooms: tuple[str, ...] = Field(("kitchen",), min_length=1, description="a list of rooms")


def told(content: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as refusal:
        Home.model_validate(content)
    return {dotted(each.field): f"{each.found}; {each.remedy}" for each in defects(Home, content, refusal.value)}


@pytest.mark.parametrize(
    ("content", "field", "text"),
    [
        ({"pets": [{"type": "cat"}]}, "pets[0].lives", "nothing; add it: a number of lives"),
        ({"pets": [{"type": "cat", "lives": "many"}]}, "pets[0].lives", "'many'; "),
        ({"pets": [{"type": "dog", "nam": "Rex", "name": "Rex"}]}, "pets[0].nam", "did you mean name?"),
        ({"pets": [{"type": "dog", "lives": 9, "name": "Rex"}]}, "pets[0].lives", "known here: name, type"),
        ({"pets": [{"type": "dgo"}]}, "pets[0].type", "'dgo'; did you mean dog?; write cat or dog"),
        ({"pets": [{"name": "Rex"}]}, "pets[0].type", "nothing; write cat or dog"),
        ({"pets": ["Rex"]}, "pets[0]", "'Rex'; "),
        ({"pets": "Rex"}, "pets", "'Rex'; it is a list, one item a line after `- `; write a list of pets"),
        ({"favourite": {"type": "dog"}}, "favourite.name", "nothing; add it: what it hears to"),
        ({"favourite": 3}, "favourite", "3; it is a mapping of `field: value` lines; write one dog"),
        ({"tags": {"a": 1}}, "tags.a", "1; it is text; put it in quotes, if it is meant; write words by word"),
        ({"rooms": []}, "rooms", "an empty list; it has no item; write a list of rooms"),
        ({"room": []}, "room", "an empty list in a field that does not exist; did you mean rooms?"),
        ({"api_token": "hunter2"}, "api_token", "a value that is not shown in a field that does not exist; known"),
    ],
)
def test_a_defect_names_field_value_and_remedy(content: dict[str, Any], field: str, text: str) -> None:
    found = told(content)
    assert list(found) == [field]
    assert text in found[field]
    assert "hunter2" not in found[field]


def test_wrong_items_do_not_make_a_list_too_short() -> None:
    assert list(told({"rooms": [1, 2]})) == ["rooms[0]", "rooms[1]"]


def test_a_file_is_loaded_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_text("rooms: [attic]\n")
    assert load(read_yaml(path), Home).rooms == ("attic",)
    path.write_text("tags: {}\nrooms: attic\n")
    with pytest.raises(ConfigurationError, match=r"home\.yaml:2: rooms: found 'attic'"):
        load(read_yaml(path), Home)


def test_did_you_mean_ignores_case_and_says_nothing_for_what_is_far() -> None:
    assert did_you_mean("LONGsum", ["longSum", "count"]) == "did you mean longSum?"
    assert did_you_mean("zzzz", ["longSum"]) == ""
