"""Tests of the error tree."""

from __future__ import annotations

import inspect

import pytest

from druid_reindex import errors
from druid_reindex.errors import DruidReindexError, Terminal, Transient

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]
LEAVES = [cls for cls in CLASSES if cls not in {DruidReindexError, Terminal, Transient}]


@pytest.mark.parametrize("cls", LEAVES)
def test_each_error_is_terminal_or_transient_and_drawn_in_the_tree(cls: type[DruidReindexError]) -> None:
    assert issubclass(cls, Terminal) != issubclass(cls, Transient)
    assert cls.__name__ in (errors.__doc__ or "")


def test_a_message_has_four_parts_and_survives_pickling() -> None:
    import pickle

    error = errors.RefusedError(
        "launch a cluster", resource="EMR us-east-1", came_back="ValidationException: no subnet", remedy="name a subnet"
    )
    assert str(error) == (
        "launch a cluster on EMR us-east-1: ValidationException: no subnet. What to do: name a subnet"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
