"""Tests of the record of a disposal: it comes back as it was, and says how much went."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.model.disposal import Disposal, from_json, to_json
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import ObjectVersion, S3Uri

DEPLOYMENT = UUID("11111111-1111-4111-8111-111111111111")
NOW = datetime(2026, 10, 20, 4, tzinfo=UTC)
INDEX = S3Uri.parse("s3://drx-phi-111122223333/druid/segments/vitals/i/v/0/index.zip")

EXPORTED = S3Uri.parse("s3://drx-phi-111122223333/runs/r/export/snapshot/s/files/part-00000.json.gz")


def disposal() -> Disposal:
    return Disposal(
        datasource="vitals",
        deployment_id=DEPLOYMENT,
        run=RunId.of(DEPLOYMENT, dag_id="retire__phi", run_id="manual__1"),
        began_at=NOW,
        segments=("vitals_a", "vitals_b"),
        kills={"drx_vitals_1_kill_2_g1": "2026-09-01/2026-09-02"},
        objects=(ObjectVersion(INDEX, "1", is_latest=True), ObjectVersion(INDEX, "2", is_delete_marker=True)),
        files=(ObjectVersion(EXPORTED, "3"),),
        absent=("vitals_c",),
        left={"vitals_d": "it serves queries"},
        checked=("s3://drx-phi-111122223333/druid/segments/vitals",),
        ended_at=NOW + timedelta(minutes=2),
    )


def test_it_comes_back_as_it_was() -> None:
    assert from_json(to_json(disposal())) == disposal()
    assert from_json(to_json(disposal())).run.dag_run_id == "manual__1"


def test_it_says_how_much_went() -> None:
    document = json.loads(to_json(disposal()))
    assert document["counts"] == {"segments": 2, "versions": 1, "delete_markers": 1, "files": 1}
    assert document["protocol"] == 1


def test_a_record_of_a_release_that_disposed_of_no_files_is_read() -> None:
    document = json.loads(to_json(disposal()))
    del document["files"]
    assert from_json(json.dumps(document).encode()).files == ()


def test_only_what_has_ended_is_gone() -> None:
    assert disposal().gone == {"vitals_a", "vitals_b", "vitals_c"}
    begun = Disposal("vitals", DEPLOYMENT, disposal().run, NOW, segments=("vitals_a",))
    assert (begun.is_done, begun.gone) == (False, frozenset())
    assert from_json(to_json(begun)) == begun


def test_what_is_no_disposal_is_refused() -> None:
    for body in (b"{}", b'{"protocol":9}', b'{"protocol":1}', b"no"):
        with pytest.raises(ProtocolError):
            from_json(body)
