"""The files of keys that are withheld, in the object store."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.clients.withheld import WithheldShelf
from druid_reindex.plan.names import withheld_uri
from druid_reindex.plan.purge import KeyFile
from timelines import boundaries
from twins import FakeStore

PHI = boundaries().phi
ONE = KeyFile("s3://drx-phi-111122223333/runs/keys/one.txt", "etag", "patient_token")
OTHER = replace(ONE, uri="s3://drx-phi-111122223333/runs/keys/another.txt")


def test_what_is_added_is_there_for_that_datasource_alone_under_the_boundarys_key() -> None:
    store = FakeStore()
    shelf = WithheldShelf(store, PHI, "patient_snapshot")
    assert shelf.read() == ()
    shelf.add(ONE)
    shelf.add(ONE)
    assert shelf.read() == (ONE,)
    assert WithheldShelf(store, PHI, "patient_vitals").read() == ()
    uri = withheld_uri(PHI, "patient_snapshot")
    assert store.kms_keys([uri]) == {uri: PHI.kms_key_arn}


def test_an_address_is_lifted_in_every_column_and_told() -> None:
    shelf, elsewhere = WithheldShelf(FakeStore(), PHI, "patient_snapshot"), replace(ONE, column="encounter_token")
    for each in (ONE, elsewhere, OTHER):
        shelf.add(each)
    assert shelf.lift(ONE.uri) == (elsewhere, ONE)
    assert shelf.read() == (OTHER,)
    assert shelf.lift(ONE.uri) == ()
