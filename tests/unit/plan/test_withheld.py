"""Which keys' rows are kept out of what nights unload."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.plan.purge import KeyFile
from druid_reindex.plan.withheld import from_json, lifted, to_json, withholding

ONE = KeyFile("s3://drx-phi-111122223333/runs/keys/one.txt", "etag", "patient_token")
OTHER = replace(ONE, uri="s3://drx-phi-111122223333/runs/keys/another.txt")


def test_each_file_is_withheld_once_whatever_the_order() -> None:
    both = withholding(withholding(None, ONE), OTHER)
    assert both == withholding(withholding(None, OTHER), ONE) == (OTHER, ONE)
    assert withholding(both, ONE) is None


def test_a_file_that_was_written_again_takes_its_own_place_in_that_column_alone() -> None:
    again, elsewhere = replace(ONE, etag="another"), replace(ONE, column="encounter_token")
    assert withholding((ONE,), again) == (again,)
    assert withholding((ONE,), elsewhere) == (elsewhere, ONE)


def test_what_is_lifted_is_withheld_no_more_and_nothing_else_changes() -> None:
    assert lifted((OTHER, ONE), [ONE]) == (OTHER,)
    assert lifted((ONE,), [ONE]) == ()
    assert lifted((OTHER,), [ONE]) is None
    assert lifted(None, [ONE]) is None


def test_it_comes_back_as_it_was_and_what_is_no_such_list_is_refused() -> None:
    assert from_json(to_json((OTHER, ONE))) == (OTHER, ONE)
    for body in (b"{}", b'{"protocol":9}', b'{"protocol":1}', b'{"protocol":1,"keys":[{"uri":"u"}]}', b"no"):
        with pytest.raises(ProtocolError):
            from_json(body)
