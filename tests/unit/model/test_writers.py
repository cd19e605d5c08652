"""Who else writes, as values."""

from __future__ import annotations

from druid_reindex.model.writers import Supervisor, Writers


def test_nobody_is_the_default_and_anybody_makes_a_difference() -> None:
    assert Writers() == Writers((), False, (), ())
    supervisor = Supervisor("vitals-stream", is_suspended=True)
    some = [Writers((supervisor,)), Writers(is_compacted=True), Writers(active=("t",)), Writers(succeeded=("t",))]
    assert len({Writers(), *some}) == 5
