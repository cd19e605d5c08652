"""Tests of the shelf of disposals: a record for each run, under the boundary's key."""

from __future__ import annotations

from datetime import UTC, datetime

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from timelines import RUN, boundaries
from twins import FakeStore

PHI = boundaries().phi
DEPLOYMENT = boundaries().deployment_id
OTHER = RunId.of(DEPLOYMENT, dag_id="retire__phi", run_id="manual__2")


def test_each_run_has_its_record_and_the_last_word_counts() -> None:
    store = FakeStore()
    shelf = DisposalShelf(store, PHI, "patient_vitals")
    begun = Disposal("patient_vitals", DEPLOYMENT, RUN, datetime(2026, 10, 20, tzinfo=UTC), segments=("a",))
    uri = shelf.keep(begun)
    assert str(uri) == f"{PHI.runs_uri.rstrip('/')}/disposals/patient_vitals/{RUN}.json"
    assert store.objects[uri][1] == PHI.kms_key_arn
    assert (shelf.read(RUN), shelf.read(OTHER)) == (begun, None)
    assert DisposalShelf(store, PHI, "claims").read(RUN) is None
