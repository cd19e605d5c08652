"""A node's report as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.model.node_report import SCHEMA, read_report
from node_reports import NODES, body, report

GOOD = report(NODES[0], "n0nce")


def test_a_report_is_read() -> None:
    found = read_report(body(GOOD), "s3://x")
    assert (found.schema_, found.nonce, found.instance_id) == (SCHEMA, "n0nce", NODES[0])
    assert found.volumes is not None
    assert found.volumes[0].encryption == "luks"


def test_null_is_what_could_not_be_read() -> None:
    found = read_report(body(GOOD | {"volumes": None, "certificates": None, "imds": {"v1_refused": None}}), "s3://x")
    assert (found.volumes, found.certificates, found.imds.v1_refused) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": "druid-reindex/node-attestation/2"}, "schema"),
        ({"imds": {}}, "imds.v1_refused"),
        ({"more": 1}, "more"),
        ({"reported_at": "2026-10-06T02:35:00"}, "reported_at"),
        ({"volumes": [{"mount": "/", "device": None, "encryption": "maybe", "cipher": None}]}, "volumes.0.encryption"),
    ],
)
def test_another_form_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        read_report(body(GOOD | changes), "s3://x")
    assert told in refused.value.came_back


def test_no_json_is_refused() -> None:
    with pytest.raises(ProtocolError):
        read_report(b"{", "s3://x")
