"""The auditor of an enforcing account reads evidence and decides on it, both written down; nothing else is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

import packs
from druid_reindex.cli.main import app
from druid_reindex.clients.evidence_folders import s3_folders
from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.clients.session import build_session
from druid_reindex.clients.signing import KmsSigner
from druid_reindex.evidence.sign_off import SignOff, read_sign_off
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, auditor_environment, role_environment, start

CONFIGS = Path(__file__).parents[2] / "emr_configs"
AUDITOR = f"arn:aws:sts::{ACCOUNT}:assumed-role/DrxAuditor/grace"
PHI = load_boundaries(CONFIGS).phi.evidence
assert PHI is not None
PLACE: EvidencePlace = PHI
ROOT = S3Uri.parse(PLACE.uri)
RUN = f"patient_vitals/{packs.RUN}"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("audited") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.NONE, enforcing=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in role_environment(home, service.airflow_role_arn(Classification.PHI)).items():
            patch.setenv(name, value)
        session = build_session(region=REGION)
        keeper = PackKeeper(PLACE, LockedStore(session), KmsSigner(session, PLACE.signing_key_arn), packs.A_RUN)
        keeper.keep(packs.gathered, datetime.now(UTC))
    try:
        yield started
    finally:
        assert started.process.stop() == 0


@pytest.fixture
def s3(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """S3 as the auditor has it, as has every client that is made from the environment."""
    for name, value in auditor_environment(account.home).items():
        monkeypatch.setenv(name, value)
    return boto3.client("s3", region_name=REGION)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evidence", *arguments, "--configs", str(CONFIGS)])


def readings() -> list[dict[str, Any]]:
    """The auditor's own, each of them locked as the packs are."""
    store = LockedStore(build_session(region=REGION))
    found = store.listing(ROOT / f"access/{RUN}")
    for each in found:
        lock = store.lock_of(each.uri)
        assert lock is not None
        assert (lock.mode, lock.is_held) == (PLACE.mode, True)
    return [json.loads(store.get(each.uri)) for each in found]


@pytest.mark.usefixtures("s3")
def test_a_report_is_made_once_it_is_written_down_who_reads(tmp_path: Path) -> None:
    made = run("report", "--latest", "--output", str(tmp_path / "night.html"))
    assert made.exit_code == 0, made.output
    assert packs.RUN in (tmp_path / "night.html").read_text()
    read = readings()[-1]
    assert (read["identity"], read["how"], len(read["packs"])) == (AUDITOR, "report html", 1)


@pytest.mark.usefixtures("s3")
def test_a_decision_is_signed_and_locked() -> None:
    said = run("sign-off", str(ROOT / f"packs/{RUN}"), "--by", "Grace Hopper", "--decision", "follow-up")
    assert said.exit_code == 0, said.output
    (folder,) = s3_folders(LockedStore(build_session(region=REGION)), ROOT / f"packs/{RUN}")
    decided = read_sign_off(folder.sign_offs()[-1], folder.keys())
    assert isinstance(decided, SignOff)
    assert (decided.by, decided.identity, decided.decision) == ("Grace Hopper", AUDITOR, "follow-up")
    assert readings()[-1]["how"] == "sign-off follow-up"


def put(s3: Any, key: str, **changes: Any) -> Any:
    wanted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": PLACE.kms_key_arn, "IfNoneMatch": "*"} | changes
    given = {name: value for name, value in wanted.items() if value is not None}
    return s3.put_object(Bucket=ROOT.bucket, Key=f"{ROOT.key.rstrip('/')}/{key}", Body=b"{}", **given)


def refused(call: Any, *arguments: Any, **options: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(*arguments, **options)
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "key",
    [
        f"packs/{RUN}/0001.jsonl", f"packs/{RUN}/access/0000.jsonl", f"keys/{'ab' * 32}.json",
        f"reconciliations/{RUN}/1.json", "accessed.json",
    ],
)  # fmt: skip
def test_nothing_is_written_among_the_evidence_itself(s3: Any, key: str) -> None:
    assert refused(put, s3, key) == "AccessDenied"


def test_a_record_is_never_written_over_lifted_or_deleted(s3: Any) -> None:
    key = f"access/{RUN}/one.json"
    put(s3, key, ObjectLockLegalHoldStatus="ON")
    assert refused(put, s3, key) == "PreconditionFailed"
    assert refused(put, s3, key, IfNoneMatch=None) == "AccessDenied"
    there = {"Bucket": ROOT.bucket, "Key": f"{ROOT.key.rstrip('/')}/{key}"}
    assert refused(s3.put_object_legal_hold, **there, LegalHold={"Status": "OFF"}) == "AccessDenied"
    assert refused(s3.delete_object, **there) == "AccessDenied"


def test_another_key_is_refused_for_a_record(s3: Any) -> None:
    other = load_boundaries(CONFIGS).phi.kms_key_arn
    assert refused(put, s3, f"access/{RUN}/two.json", SSEKMSKeyId=other) == "AccessDenied"
