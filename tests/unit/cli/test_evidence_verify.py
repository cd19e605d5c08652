"""`druid-reindex evidence verify`: by file, folder and S3 address; exit code, first change, the key's origin."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from typer.testing import CliRunner

import packs
from druid_reindex.cli.main import app
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.evidence.schema import json_schema
from druid_reindex.model.uri import S3Uri
from twins import FakeSigner

RUNNER = CliRunner()
KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"


def verify(*words: object) -> Any:
    return RUNNER.invoke(app, ["evidence", "verify", *map(str, words)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return packs.write(packs.series(2), tmp_path / "patient_vitals" / packs.RUN)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    (tmp_path / "trusted.pem").write_bytes(FakeSigner().public_key().pem)
    return tmp_path / "trusted.pem"


def test_a_folder_is_verified_without_a_network(folder: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a file is verified without the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    result = verify(folder, "--public-key", key)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("✓ patient_vitals/") == 2
    assert FakeSigner().public_key().fingerprint in result.stdout
    assert "pending: journal, matches, findings" in result.stdout
    assert "unread: attestation" in result.stdout
    assert "compare its fingerprint" not in result.stdout


def test_without_a_key_it_says_where_the_key_came_from(folder: Path) -> None:
    result = verify(folder)
    assert result.exit_code == 0
    assert "the key lies beside the pack: compare its fingerprint" in result.stdout


def test_a_file_is_verified_with_the_packs_before_it(folder: Path) -> None:
    assert verify(folder / "0000.jsonl").stdout.count("✓") == 1
    assert verify(folder / "0001.dsse.json").stdout.count("✓") == 2
    (folder / "0000.jsonl").write_bytes(b"")
    assert verify(folder / "0001.jsonl").exit_code == 1


def test_the_first_change_is_named(folder: Path) -> None:
    lines = folder / "0000.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"a late file"', b'"an audit"'))
    result = verify(folder)
    assert result.exit_code == 1
    assert '✗ 0000.jsonl line 2 (asked), field body.reason: "an audit".' in result.stdout
    assert "✓" not in result.stdout


def test_a_key_that_is_not_the_packs_is_refused(folder: Path, key: Path) -> None:
    key.write_bytes(FakeSigner(2).public_key().pem)
    result = verify(folder, "--public-key", key)
    assert result.exit_code == 1
    assert "another key" in result.stdout


def test_after_the_key_was_replaced_both_are_given(tmp_path: Path, key: Path) -> None:
    first, _ = packs.series(2)
    second = packs.packed(replace(packs.TITLE, sequence=1), predecessor=first.sha256, signer=FakeSigner(2))
    folder = packs.write([first], tmp_path / packs.RUN)
    packs.write([second], folder, FakeSigner(2))
    assert verify(folder).exit_code == 0
    assert verify(folder, "--public-key", key).exit_code == 1
    (tmp_path / "new.pem").write_bytes(FakeSigner(2).public_key().pem)
    assert verify(folder, "--public-key", key, "--public-key", tmp_path / "new.pem").exit_code == 0


def test_a_folder_of_runs_is_verified_run_by_run(folder: Path) -> None:
    other = packs.write(packs.series(1, packs.OTHER_RUN), folder.parent / packs.OTHER_RUN)
    assert verify(folder.parent.parent).stdout.count("✓") == 3
    for suffix in ("jsonl", "dsse.json"):  # a pack in another run's place
        (other / f"0000.{suffix}").write_bytes((folder / f"0000.{suffix}").read_bytes())
    result = verify(folder.parent)
    assert result.exit_code == 1
    assert f"It was put in the place of run {packs.OTHER_RUN}'s." in result.stdout


def test_a_missing_file_of_a_pack_is_a_change(folder: Path) -> None:
    (folder / "0001.dsse.json").unlink()
    result = verify(folder)
    assert result.exit_code == 1
    assert "0001.dsse.json: missing" in result.stdout


@pytest.mark.parametrize("where", ["nothing", "0000.jsonl"])
def test_where_there_is_no_pack_it_says_so(tmp_path: Path, where: str) -> None:
    result = verify(tmp_path / where)
    assert result.exit_code == 1
    assert "find a pack" in result.stderr


@pytest.mark.parametrize("body", [None, b"no key"])
def test_a_key_that_cannot_be_read_is_an_error(folder: Path, key: Path, body: bytes | None) -> None:
    key.unlink() if body is None else key.write_bytes(body)
    result = verify(folder, "--public-key", key)
    assert result.exit_code == 1
    assert "read a public key" in result.stderr


def test_a_program_reads_the_same(folder: Path) -> None:
    (told,) = json.loads(verify(folder, "--json").stdout)
    assert told["changed"] is None
    assert [each["title"]["sequence"] for each in told["verified"]] == [0, 1]
    (folder / "0001.jsonl").write_bytes(b"")
    result = verify(folder, "--json")
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)
    assert (told["changed"]["where"], len(told["verified"])) == ("0001.jsonl line 1 (run)", 1)


@mock_aws
def test_packs_in_s3_are_verified_where_they_lie(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    session, packs_uri = build_session(), S3Uri("drx-evidence-111122223333", f"packs/patient_vitals/{packs.RUN}")
    session.client("s3").create_bucket(Bucket=packs_uri.bucket)
    for file in folder.iterdir():
        S3Client(session).put(packs_uri / file.name, file.read_bytes(), kms_key_arn=KEY)
    assert verify(packs_uri).exit_code == 0
    assert verify("s3://drx-evidence-111122223333/packs").stdout.count("✓") == 2
    assert verify(packs_uri / "0000.jsonl").stdout.count("✓") == 1
    S3Client(session).put(packs_uri / "0000.jsonl", b"", kms_key_arn=KEY)
    assert verify(packs_uri / "0001.jsonl").exit_code == 1


def test_the_schema_is_printed() -> None:
    result = RUNNER.invoke(app, ["evidence", "schema"])
    assert json.loads(result.stdout) == json_schema()
