"""What is suspended, as a value that other releases and runs read."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.model.identity import RunId
from druid_reindex.model.suspension import Suspended, Suspension, from_json, to_json

NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
DEPLOYMENT = UUID(int=1)
RUN = RunId.of(DEPLOYMENT, dag_id="d", run_id="r")


def test_it_is_read_as_it_was_written() -> None:
    supervisors = (Suspended("s0", "2026-10-01T00:00:00.000Z", NOW), Suspended("s1", "", NOW, NOW))
    made = Suspension("vitals", DEPLOYMENT, RUN, 7, "druid_phi", supervisors)
    assert from_json(to_json(made)) == made
    assert to_json(from_json(to_json(made))) == to_json(made)


@pytest.mark.parametrize("body", [b"{}", b'{"protocol":2}', b'{"protocol":1,"datasource":"vitals"}', b"["])
def test_another_form_is_told(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="suspension"):
        from_json(body)
