"""What a look at Druid's servers finds."""

from __future__ import annotations

from druid_reindex.model.druid_server import DruidServer, Handshake


def test_values() -> None:
    assert DruidServer("h:8281", "coordinator", -1, 8281) == DruidServer("h:8281", "coordinator", -1, 8281)
    assert Handshake(problem="self-signed").not_after is None
