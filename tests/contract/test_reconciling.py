"""A short night in an emulated account with a trail: journalled by the real hook, laid beside what CloudTrail says."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

import packs
from druid_reindex.cli.journalling import command_journal
from druid_reindex.clients.cloudtrail import CloudTrailClient
from druid_reindex.clients.evidence_folders import s3_folders
from druid_reindex.clients.journal import Binding, current, journalled
from druid_reindex.clients.journal_files import JournalFiles
from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.log_files import LogFiles
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.clients.reconciling import Looked, Reconciling
from druid_reindex.clients.session import build_session, recorded, role_session
from druid_reindex.clients.signing import KmsSigner
from druid_reindex.evidence.parts import Kind, Part, Run, Task, Tasks, told
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Level
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.evidence_place import Trail
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION, Daemons
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, start

CONFIGS = Path(__file__).parents[2] / "emr_configs"
DEPLOYMENT = uuid4()
ACCOUNT, DATASOURCE = "111122223333", "patient_vitals"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/DrxAirflowPhi"
OUTSIDER = f"arn:aws:iam::{ACCOUNT}:user/outsider"
DIGESTS = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("trail") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.NONE)
    started.environment = service.user_environment(home, "owner")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        patch.setenv("DRUID_REINDEX_SPOOL", str(tmp_path_factory.mktemp("spool")))
        try:
            yield started
        finally:
            assert started.process.stop() == 0


@dataclass(frozen=True)
class Night:
    """A run's identity, and the side of the boundary that it is on."""

    account: Emulator
    run_id: RunId
    boundary: Boundary

    @property
    def segment(self) -> S3Uri:
        return S3Uri.parse(self.boundary.segments_uri) / f"{DATASOURCE}/{self.run_id.short}/index.zip"

    @property
    def run(self) -> Run:
        told_as = (str(self.run_id), str(DEPLOYMENT), self.run_id.dag_id, self.run_id.dag_run_id, DATASOURCE, "phi")
        return Run(*told_as, REGION, Trail.EMULATED, 0, "", None)

    @contextmanager
    def task(self, task_id: str, run_id: RunId | None = None) -> Iterator[boto3.Session]:
        """The session of a task's try, which became the side's role as Airflow's connection does."""
        attempt, runs = Attempt(run_id or self.run_id, task_id), self.boundary.runs_uri
        with journalled(Binding(attempt, runs, ACCOUNT)) as journal:
            base = recorded(boto3.Session(region_name=REGION))
            sts = base.client("sts")
            given = sts.assume_role(RoleArn=ROLE, **role_session("assume_role"))["Credentials"]
            sts.close()
            session = boto3.Session(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION
            )
            yield recorded(session)
            journal.close()
            JournalFiles(runs, self.boundary.kms_key_arn).deliver(LockedStore(session))

    def happen(self) -> None:
        """Write and read a segment, list, ask for what is not there, and leave a pack."""
        key = self.boundary.kms_key_arn
        with self.task("reindex") as session:
            store = LockedStore(session)
            store.put(self.segment, b"rows", kms_key_arn=key)
            store.put(S3Uri.parse(self.boundary.runs_uri) / f"{self.run_id}/plan.json", b"{}", kms_key_arn=key)
            assert store.get(self.segment) == b"rows"
            assert store.listing(S3Uri.parse(self.boundary.segments_uri)) != []
            assert not store.exists(S3Uri.parse(self.boundary.segments_uri) / f"{DATASOURCE}/none")
        with self.task("evidence") as session:
            self.keeper(session).keep(parts, datetime.now(UTC))

    def keeper(self, session: boto3.Session) -> PackKeeper:
        place = self.boundary.evidence
        assert place is not None
        return PackKeeper(place, LockedStore(session), KmsSigner(session, place.signing_key_arn), self.run)

    def look(self) -> Looked:
        """A look by a task of another run, as the DAG of evidence has it."""
        place = self.boundary.evidence
        assert place is not None
        other = RunId.of(DEPLOYMENT, dag_id="evidence__phi", run_id=str(uuid4()))
        with self.task("reconcile", other) as session:
            store = LockedStore(session)
            (folder,) = s3_folders(store, self.keeper(session).folder)
            looking = Reconciling(
                boundary=self.boundary,
                place=place,
                store=store,
                signer=KmsSigner(session, place.signing_key_arn),
                trail=CloudTrailClient(boto3.Session(region_name=REGION)),
                actors=lambda _: (),
                instances=lambda _: (),
                logs=LogFiles(session),
            )
            found = looking.look(folder, datetime.now(UTC))
            assert looking.is_due(folder_of(store, found)) is found.is_pending
            return found

    def evidence(self) -> Evidence:
        """What the packs tell once they are verified."""
        (folder,) = s3_folders(LockedStore(boto3.Session(region_name=REGION)), self.keeper_folder)
        return read_packs(folder.packs(), folder.keys())

    @property
    def keeper_folder(self) -> S3Uri:
        assert self.boundary.evidence is not None
        return S3Uri.parse(self.boundary.evidence.uri) / f"packs/{DATASOURCE}/{self.run_id}"

    def deliver(self) -> None:
        """Close a digest that tells of the last call too: its end is in whole seconds."""
        time.sleep(2.1)
        command.ask(self.account.home, "deliver")


def folder_of(store: LockedStore, looked: Looked) -> Any:
    (folder,) = s3_folders(store, S3Uri(looked.kept.uri.bucket, looked.kept.uri.key.rpartition("/")[0]))
    return folder


def parts() -> list[Part]:
    green = told(Tasks((Task("reindex", "success"),)))
    return [
        green if part.kind is Kind.TASKS else part for part in packs.gathered() if part.kind is not Kind.ATTESTATION
    ] + [replace(part, kind=Kind.ATTESTATION) for part in packs.gathered() if part.kind is Kind.ROLLBACK]


@pytest.fixture
def night(account: Emulator) -> Night:
    boundary = load_boundaries(CONFIGS).of(Classification.PHI)
    assert boundary.evidence is not None
    sandbox = boundary.model_copy(
        update={"evidence": boundary.evidence.model_copy(update={"trail": Trail.EMULATED, "retention_days": 1})}
    )
    run_id = RunId.of(DEPLOYMENT, dag_id="nightly_reindex__patient_vitals", run_id=str(uuid4()))
    return Night(account, run_id, sandbox)


def verdicts(evidence: Evidence) -> set[tuple[str, str, str]]:
    told_of = evidence.told(Kind.FINDINGS)["findings"]
    return {(each["verdict"], each["principal"], each["operation"]) for each in told_of}


def test_every_call_of_a_night_is_confirmed_and_nothing_else_is_found(night: Night) -> None:
    night.happen()
    first = night.look()
    assert first.is_pending
    assert not first.alert, "what has not come yet is not missing"
    night.deliver()
    looked = night.look()
    assert not looked.is_pending
    assert not looked.alert, night.evidence().told(Kind.FINDINGS)
    evidence = night.evidence()
    assert evidence.changed is None
    shares = {each["what"]: (each["found"], each["of"]) for each in evidence.told(Kind.MATCHES)["coverage"]}
    calls = shares["our calls that CloudTrail must have, and has"]
    assert calls[0] == calls[1] > 8
    events = shares["events on the night's objects and keys that are explained"]
    assert events[0] == events[1] > calls[1]
    hows = {each["how"] for each in evidence.told(Kind.MATCHES)["matches"]}
    assert "E1" in hows <= {"E1", "E2", "S1"}
    assert night_report(evidence, ()).level is not Level.RED
    again = night.look()
    assert not again.kept.is_new, "nothing new is known, so nothing is written"
    assert again.kept.pack.sha256 == looked.kept.pack.sha256


def test_an_outsider_is_found_and_named_and_the_night_is_amber(night: Night) -> None:
    night.happen()
    home = night.account.home
    read = command.ask(home, "read", bucket=night.segment.bucket, key=night.segment.key)
    opened = command.ask(home, "decrypt", key=night.boundary.kms_key_arn)
    assert (read["error"], opened["error"]) == ("", "")
    night.deliver()
    looked = night.look()
    assert looked.alert
    evidence = night.evidence()
    assert evidence.changed is None
    foreign = {each for each in verdicts(evidence) if each[0] == Unexplained.FOREIGN}
    assert foreign == {(Unexplained.FOREIGN, OUTSIDER, "GetObject"), (Unexplained.FOREIGN, OUTSIDER, "Decrypt")}
    resources = {each["resource"] for each in evidence.told(Kind.FINDINGS)["findings"] if each["principal"] == OUTSIDER}
    assert f"arn:aws:s3:::{night.segment.bucket}/{night.segment.key}" in resources
    assert night_report(evidence, ()).level is Level.AMBER


def test_a_stranger_on_hdfs_is_found_in_what_emr_archived_under_its_own_key(night: Night) -> None:
    logs = S3Uri.parse(night.boundary.emr_log_uri)
    audit = logs / "j-1/node/i-0d70000000000001/applications/hadoop-hdfs/hdfs-audit.log.gz"
    line = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S},000 INFO FSNamesystem.audit: allowed=true\tugi=eve (auth:SIMPLE)\t"
        "ip=/10.0.0.9\tcmd=open\tsrc=/tmp/druid-indexing/patient_vitals/1/part-0\tdst=null\tperm=null\tproto=rpc\n"
    )
    owner = LockedStore(boto3.Session(region_name=REGION))
    owner.put(audit, gzip.compress(line.encode()), kms_key_arn=night.boundary.emr_log_kms_key_arn)
    try:
        night.happen()
        night.deliver()
        assert night.look().alert
    finally:
        owner.delete(audit)
    evidence = night.evidence()
    assert (Unexplained.FOREIGN, "eve", "open") in verdicts(evidence)
    sources = {each["witness"]: each for each in evidence.told(Kind.WITNESSES)["sources"]}
    assert (sources["hdfs-audit"]["state"], sources["hdfs-audit"]["lines"]) == ("read", 1)
    assert night_report(evidence, ()).level is Level.AMBER


def test_what_an_engineer_does_by_the_command_line_meanwhile_is_confirmed_by_its_request(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a profile that becomes a role, as an engineer of an account with people's identities elsewhere has it."""
    night.happen()
    keys = {name: night.account.environment[name.upper()] for name in ("aws_access_key_id", "aws_secret_access_key")}
    own = "".join(f"{name} = {value}\n" for name, value in keys.items())
    (tmp_path / "config").write_text(f"[default]\nrole_arn = {ROLE}\nsource_profile = own\n[profile own]\n{own}")
    boundaries = load_boundaries(CONFIGS).model_copy(update={"deployment_id": DEPLOYMENT})
    with monkeypatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        for name in keys:
            patch.delenv(name.upper())
        store = cache(lambda: LockedStore(build_session(region=REGION)))
        with command_journal(boundaries, [night.boundary], "rollback", store, mutates=True):
            writing = current()
            assert writing is not None
            assert store().get(night.segment) == b"rows"
    night.deliver()
    night.look()
    unexplained = {who for verdict, who, _ in verdicts(night.evidence()) if verdict == Unexplained.FOREIGN}
    assert not [who for who in unexplained if "botocore-session" in who], unexplained
    found = {(each["how"], each["who"], each["operation"]) for each in night.evidence().told(Kind.MATCHES)["matches"]}
    assert ("E2", writing.run, "PutObject") in found, "what puts the journal into S3 is in no journal"


def test_a_call_that_was_removed_from_the_trail_is_missing(night: Night) -> None:
    night.happen()
    night.deliver()
    removed = event_of(night, "GetObject", night.segment.key)
    assert command.ask(night.account.home, "remove-event", event=removed)["digests"] >= 1
    looked = night.look()
    assert not looked.is_pending
    evidence = night.evidence()
    assert (Unexplained.MISSING, "reindex.-1.1", "GetObject") in verdicts(evidence)
    assert night_report(evidence, ()).level is Level.RED


def test_a_digest_that_was_removed_is_a_gap_of_the_trail(night: Night) -> None:
    night.deliver()
    night.happen()
    night.deliver()
    digest = digests(night)[-1]
    night.deliver()
    assert command.ask(night.account.home, "remove-digest", digest=digest)["digest"] == digest
    night.look()
    evidence = night.evidence()
    assert (Unexplained.TRAIL_GAP, "reindex.-1.1", "GetObject") in verdicts(evidence)
    assert Unexplained.MISSING not in {each[0] for each in verdicts(evidence)}
    gaps = {each["resource"] for each in evidence.told(Kind.FINDINGS)["findings"] if each["principal"] == "the trail"}
    assert any(digest in each for each in gaps)


def digests(night: Night) -> list[str]:
    s3 = night.account.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="drx-trail-111122223333", Prefix=f"{DIGESTS}{REGION}/")
    found = [each["Key"] for page in pages for each in page.get("Contents", ())]
    s3.close()
    return found


def event_of(night: Night, name: str, key: str) -> str:
    s3 = night.account.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="drx-trail-111122223333", Prefix=f"AWSLogs/{ACCOUNT}/CloudTrail/"
    )
    names = [each["Key"] for page in pages for each in page.get("Contents", ())]
    bodies = [s3.get_object(Bucket="drx-trail-111122223333", Key=each)["Body"].read() for each in names]
    s3.close()
    records = [each for body in bodies for each in json.loads(gzip.decompress(body))["Records"]]
    return next(
        str(each["eventID"])
        for each in records
        if each["eventName"] == name and (each["requestParameters"] or {}).get("key") == key
    )
