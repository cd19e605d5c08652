"""An Airflow of its own whose nights left evidence in an emulated account: its api-server alone, for a browser."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import boto3

from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.signing import KmsSigner
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, Pack
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import SigningPort
from druid_reindex.sandbox.addresses import LOOPBACK, free_port
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION, Daemons
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec, answers
from emulated_account import Emulator, start
from night_world import SETTINGS
from own_airflow import RESTRICTED, ROOT, environment, told_by
from told_nights import FOREIGN, MISSING, TITLE, confirmed, night

DAG_ID = "nightly_reindex__patient_vitals"
USER, PASSWORD = "ada", "for the tests alone"
DRUID = {"conn_type": "druid_reindex_druid", "host": "druid.example.org", "port": 9088, "schema": "https"}
TOUCHED, GOOD, PENDING, CHANGED = range(4)
PLACE = SETTINGS.boundary.evidence


@dataclass(frozen=True)
class EvidenceAirflow:
    """A running api-server; ``runs`` are ``TOUCHED``, ``GOOD``, ``PENDING`` and ``CHANGED``."""

    url: str
    runs: Sequence[str]
    account: Emulator


@contextmanager
def evidence_airflow(folder: Path) -> Iterator[EvidenceAirflow]:
    """Airflow with four runs that left packs: touched by a stranger, good, waiting for CloudTrail, and changed."""
    home = folder / "airflow"
    home.mkdir()
    account = start(SandboxHome(folder / "aws", SandboxHome.from_environment().cache), Daemons.NONE)
    try:
        told = told_by("run_evidence.py", home, {"AIRFLOW_CONN_DRUID_PHI": json.dumps(DRUID)})
        _keep(account, list(told["runs"].values()))
        port = free_port()
        server = OwnedProcess.start(_api_server(home, account, port))
        try:
            server.wait_ready()
            yield EvidenceAirflow(f"http://{LOOPBACK}:{port}", list(told["runs"]), account)
        finally:
            server.stop()
    finally:
        account.process.stop()


def _keep(account: Emulator, runs: Sequence[str]) -> None:
    """Put packs where the runs' tasks say that they lie, signed by the account's own key."""
    assert PLACE is not None
    owner = service.user_environment(account.home, "owner")
    with _environment(owner):
        session = boto3.Session(region_name=REGION)
        store, signer = LockedStore(session), KmsSigner(session, PLACE.signing_key_arn)
        lock = PLACE.lock(datetime.now(UTC))
        for number, run in enumerate(runs):
            folder = S3Uri.parse(PLACE.uri) / f"packs/{SETTINGS.pipeline.datasource}/{run}"
            for pack in _packs(number, run, signer):
                for suffix, body in _files(pack, signer).items():
                    told = body.replace(b"BAA-2026-17", b"BAA-2026-71") if number == CHANGED else body
                    uri = folder / f"{pack.title.stem}{suffix}"
                    store.put_locked(uri, told, kms_key_arn=PLACE.kms_key_arn, lock=lock)


def _packs(number: int, run: str, signer: SigningPort) -> list[Pack]:
    supplement = {TOUCHED: confirmed(FOREIGN, MISSING), GOOD: confirmed(), CHANGED: confirmed()}.get(number)
    return night(supplement=supplement, title=replace(TITLE, run=run), signer=signer)


def _files(pack: Pack, signer: SigningPort) -> dict[str, bytes]:
    return {LINES: pack.lines, ENVELOPE: pack.envelope, KEY: signer.public_key().pem}


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _api_server(home: Path, account: Emulator, port: int) -> ServiceSpec:
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({USER: PASSWORD, RESTRICTED: PASSWORD}))
    key = service.access_key(account.home, "airflow")
    aws = {
        "conn_type": "aws", "login": key.id, "password": key.secret,
        "extra": {"region_name": REGION, "role_arn": service.airflow_role_arn("phi")},
    }  # fmt: skip
    settings = {
        "AIRFLOW__CORE__AUTH_MANAGER": "own_auth.OwnAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:viewer,{RESTRICTED}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of this test alone, " * 4,
        "AIRFLOW_CONN_AWS_PHI": json.dumps(aws),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    argv = (sys.executable, "-m", "airflow", "api-server", "--host", LOOPBACK, "--port", str(port), "--workers", "1")
    return ServiceSpec(
        name="airflow-api-server", argv=argv, env=environment(home) | account.environment | settings, cwd=ROOT,
        log=home / "api-server.log", ready_seconds=300.0,
        ready=answers(f"http://{LOOPBACK}:{port}/api/v2/monitor/health"),
    )  # fmt: skip
