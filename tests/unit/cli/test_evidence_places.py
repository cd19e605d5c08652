"""Where commands find evidence, and who they say is reading."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import packs
from druid_reindex.cli.evidence_places import Reader, trusted_keys
from druid_reindex.cli.nights import Desk
from druid_reindex.clients import locked_store, survey
from druid_reindex.clients.evidence_folders import S3Folder
from druid_reindex.errors import ConfigurationError, NotFoundError, ProtocolError
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.uri import S3Uri
from twins import FakeLockedStore, FakeSigner

ARN = "arn:aws:sts::111122223333:assumed-role/officer/ada"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/88888888-8888-4888-8888-888888888888"
PLACE = EvidencePlace(uri="s3://evidence/e", kms_key_arn=KEY_ARN, signing_key_arn=KEY_ARN)


class Boundaries(Desk):
    """A desk whose boundaries keep evidence in one place, or nowhere."""

    boundaries = SimpleNamespace(phi=SimpleNamespace(evidence=PLACE), general=SimpleNamespace(evidence=None))  # type: ignore[assignment]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    store = FakeLockedStore()
    run = S3Uri.parse(PLACE.uri) / f"packs/patient_vitals/{packs.RUN}"
    (pack,) = packs.series(1)
    store.put(run / "0000.jsonl", pack.lines, kms_key_arn=KEY_ARN)
    store.put(run / "0000.dsse.json", pack.envelope, kms_key_arn=KEY_ARN)
    store.put(run / "0000.pem", FakeSigner().public_key().pem, kms_key_arn=KEY_ARN)
    monkeypatch.setattr(locked_store, "LockedStore", lambda _session, attempts: store)
    monkeypatch.setattr(
        survey, "AwsSurvey", lambda _session: SimpleNamespace(identity=lambda: SimpleNamespace(arn=ARN))
    )
    return Reader(Boundaries(Path(), Path()))


def test_without_a_place_it_is_where_the_boundaries_keep_it(reader: Reader) -> None:
    (folder,) = reader.folders(None)
    assert isinstance(folder, S3Folder)
    assert reader.evidence(folder)[0].changed is None


def test_a_side_that_has_had_no_night_hides_no_other(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = PLACE.model_copy(update={"uri": "s3://evidence/general"})
    monkeypatch.setattr(Reader, "places", lambda _self: [nothing, PLACE])
    assert len(reader.folders(None)) == 1
    monkeypatch.setattr(Reader, "places", lambda _self: [nothing])
    with pytest.raises(NotFoundError, match="general"):
        reader.folders(None)


def test_who_reads_in_s3_is_whom_aws_takes_them_for(reader: Reader) -> None:
    (folder,) = reader.folders("s3://evidence/e/packs")
    evidence, sign_offs = reader.evidence(folder)
    reader.note(folder, evidence, "report html")
    assert isinstance(folder, S3Folder)
    (noted,) = [uri for uri in folder.store.objects if "/access/" in uri.key]  # type: ignore[attr-defined]
    assert ARN.encode() in folder.store.get(noted)
    assert sign_offs == []


def test_on_a_disk_it_is_the_machine(reader: Reader, tmp_path: Path) -> None:
    packs.write(packs.series(1), tmp_path)
    (folder,) = reader.folders(str(tmp_path))
    assert reader.identity(folder)
    assert "arn:" not in reader.identity(folder)


def test_boundaries_without_evidence_say_what_to_do() -> None:
    nowhere = Boundaries(Path(), Path())
    nowhere.__dict__["boundaries"] = SimpleNamespace(
        phi=SimpleNamespace(evidence=None), general=SimpleNamespace(evidence=None)
    )
    with pytest.raises(ConfigurationError, match="--place"):
        Reader(nowhere).places()


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="name a PEM file"):
        trusted_keys([tmp_path / "none.pem"])
    assert trusted_keys(None) == []
