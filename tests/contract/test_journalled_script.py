"""`emr_configs/bootstrap/journalled.sh`: below the real `aws` on an emulated cluster's node, and below stand-ins."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from druid_reindex.clients.cloudtrail import CloudTrailClient
from druid_reindex.clients.journal import Binding, journalled
from druid_reindex.clients.run_journals import journal_files, read_journal
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import recorded
from druid_reindex.clients.trail_sight import TrailLook, around
from druid_reindex.evidence.attribution import search_keys
from druid_reindex.evidence.reconcile import Others, Outcome, Reconciliation, advance
from druid_reindex.evidence.run_facts import facts_of
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import emr as requests
from druid_reindex.plan import names
from druid_reindex.plan.tokens import SCRIPT as TOKENISE
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.trail import command
from emulated_account import ARTIFACTS, LOGS, Emulator, shell, state, step_state, until
from journals import aws_calls_in
from timelines import boundaries

PHI = boundaries().phi
ACCOUNT, REGION = "111122223333", "us-east-1"
CONFIGS = service.emr_configs()
SCRIPT = CONFIGS / requests.JOURNALLED_SCRIPT
SECRET_ID, KEY = "druid-reindex/tokens/phi/canary", "a canary that only the secret has"
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED")
Launch = Callable[..., str]


@dataclass(frozen=True)
class Node:
    """A cluster's primary node, which runs steps of one run."""

    emulator: Emulator
    emr: Any
    cluster_id: str
    run_id: RunId
    session: boto3.Session

    def add(self, name: str, payload: Mapping[str, Any]) -> str:
        """Add the step below the script that keeps its journal."""
        journal = told(self.run_id, name, names.step_journal_uri(PHI, self.run_id, name))
        place = S3Uri.parse(f"s3://{ARTIFACTS}/{requests.JOURNALLED_SCRIPT}")
        step = requests.journalled(payload, place, digest(SCRIPT.read_bytes()), journal)
        return str(self.emr.add_job_flow_steps(JobFlowId=self.cluster_id, Steps=[step])["StepIds"][0])

    def ended(self, step_id: str) -> str:
        return until(lambda: step_state(self.emr, self.cluster_id, step_id), *ENDED)

    def calls(self) -> list[AwsCall]:
        """What the run's journals in S3 have."""
        store = S3Client(self.session)
        found = read_journal(store, journal_files(store, PHI.runs_uri, str(self.run_id)))
        return [each for each in found if isinstance(each, AwsCall)]

    def stored(self) -> bytes:
        """All that lies below the run's prefix, and what the cluster's steps have written to their logs."""
        s3 = self.session.client("s3")
        runs = names.run_prefix(PHI, self.run_id)
        bodies = []
        for bucket, prefix in ((runs.bucket, f"{runs.key}/"), (LOGS, f"emr/{self.cluster_id}/")):
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
            for each in listed:
                body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
                bodies.append(gzip.decompress(body) if each["Key"].endswith(".gz") else body)
        s3.close()
        return b"".join(bodies)


@pytest.fixture
def node(emulator: Emulator, emr: Any, launch: Launch, monkeypatch: pytest.MonkeyPatch) -> Node:
    for name, value in service.user_environment(emulator.home, "owner").items():
        monkeypatch.setenv(name, value)
    cluster_id = launch()
    until(lambda: state(emr, cluster_id), "WAITING")
    return Node(emulator, emr, cluster_id, new_run(), boto3.Session(region_name=REGION))


def new_run() -> RunId:
    return RunId.of(uuid4(), dag_id="nightly_reindex__patient_vitals", run_id=str(uuid4()))


def told(run_id: RunId, task: str, uri: object) -> dict[str, str]:
    where = {"uri": str(uri), "kms_key_arn": PHI.kms_key_arn}
    return {"run": str(run_id), "task": task, "account": ACCOUNT, **where}


def asked_for_tokens(node: Node, session: boto3.Session) -> dict[str, Any]:
    """A step that makes tokens under a key of its own."""
    folder = names.prepared_prefix(PHI, node.run_id, "claims")
    secrets, s3 = session.client("secretsmanager"), S3Client(session)
    try:
        version = secrets.create_secret(Name=SECRET_ID, SecretString=KEY)["VersionId"]
    except secrets.exceptions.ResourceExistsException:
        version = secrets.describe_secret(SecretId=SECRET_ID)["VersionIdsToStages"].popitem()[0]
    finally:
        secrets.close()
    s3.put(folder / "rows", b'{"patient_id":"p1"}\n', kms_key_arn=PHI.kms_key_arn)
    spec = {
        "protocol": 1, "secret_id": SECRET_ID, "version_id": version, "format": "json", "columns": [],
        "tokens": {"patient_id": {"kind": "patient", "name": "patient_token"}},
        "inputs": [{"url": str(folder / "rows"), "rows": 1}],
        "output": f"{folder}/files/", "kms_key_arn": PHI.kms_key_arn,
    }  # fmt: skip
    s3.put(folder / "spec.json", json.dumps(spec).encode(), kms_key_arn=PHI.kms_key_arn)
    place = S3Uri.parse(f"s3://{ARTIFACTS}/{TOKENISE}")
    sha256 = digest((CONFIGS / TOKENISE).read_bytes())
    return requests.script_step("tokens", place, sha256, str(folder / "spec.json"), REGION)


def test_each_call_of_a_step_is_confirmed_by_its_request_and_no_secret_is_told(node: Node) -> None:
    name = f"{names.task_prefix('patient_vitals', node.run_id)}prepare_claims_0123abcd_g1"
    assert node.ended(node.add(name, asked_for_tokens(node, node.session))) == "COMPLETED"
    calls = node.calls()
    asked = {(each.event_source, each.operation) for each in calls}
    assert asked == {("s3.amazonaws.com", each) for each in ("HeadObject", "GetObject", "PutObject")} | {
        ("secretsmanager.amazonaws.com", "GetSecretValue")
    }
    about = {each for call in calls for each in call.resources}
    folder = str(names.prepared_prefix(PHI, node.run_id, "claims")).replace("s3://", "arn:aws:s3:::")
    assert {f"{folder}/spec.json", f"{folder}/result.json", f"{folder}/files/manifest", SECRET_ID} <= about
    assert f"arn:aws:s3:::{ARTIFACTS}/{TOKENISE}" in about
    assert all(each.host_id for each in calls if each.event_source == "s3.amazonaws.com")
    assert {(each.run, each.task, each.account) for each in calls} == {(str(node.run_id), name, ACCOUNT)}
    stored = node.stored()
    assert b"INFO startExec" in stored
    assert KEY.encode() not in stored
    found = outcomes(node, calls)
    unrecorded = sum(f":::{ARTIFACTS}/" in each.resources[0] for each in calls)
    assert found == {Outcome.E1: len(calls) - unrecorded, Outcome.NOT_LOGGED: unrecorded}


def outcomes(node: Node, calls: list[AwsCall]) -> Counter[Outcome]:
    """What becomes of the calls once the trail's files have come; it does not record what is read of the artifacts."""
    span = Window(calls[0].attempted_at, calls[-1].attempted_at)
    time.sleep(2.1)  # a digest ends in whole seconds
    command.ask(node.emulator.home, "deliver")
    facts = facts_of(str(node.run_id), calls, around(span))
    assert not facts.access_keys, "an instance's key is not the run's alone"
    look = TrailLook(CloudTrailClient(node.session), None, timedelta(seconds=1))
    sight = look.see(search_keys(facts, calls), span)
    start = Reconciliation(str(node.run_id))
    found = advance(start, calls, sight.events, Others((facts,)), sight.view, datetime.now(UTC))
    return Counter(found.calls.values())


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("aws s3 cp s3://drx-phi-111122223333/none -", ("HeadObject", 404, "404")),
        ("aws sts get-caller-identity; kill -9 $$", ("GetCallerIdentity", 200, None)),
    ],
    ids=["failed", "killed"],
)
def test_the_journal_is_there_however_the_command_ends(
    node: Node, script: str, last: tuple[str, int, str | None]
) -> None:
    assert node.ended(node.add("step_g1", shell(script))) == "FAILED"
    assert [(each.operation, each.status, each.error_code) for each in node.calls()] == [last]


@pytest.mark.parametrize(("how", "journalled_calls"), [("SEND_INTERRUPT", 1), ("TERMINATE_PROCESS", 0)])
def test_a_cancelled_step_leaves_its_journal_unless_it_is_killed_whole(
    node: Node, tmp_path: Path, how: str, journalled_calls: int
) -> None:
    step_id = node.add("step_g1", shell(f"aws sts get-caller-identity; touch {tmp_path}/asked; sleep 600"))
    until(lambda: str((tmp_path / "asked").exists()), "True")
    node.emr.cancel_steps(ClusterId=node.cluster_id, StepIds=[step_id], StepCancellationOption=how)
    assert node.ended(step_id) == "CANCELLED"
    until(lambda: str(len(node.calls())), str(journalled_calls))


@dataclass(frozen=True)
class Shell:
    """The script on this machine, with a run of its own."""

    root: Path
    environment: dict[str, str]

    def begin(self, *arguments: str, protocol: int = 1) -> subprocess.Popen[str]:
        journal = {"protocol": protocol, **told(new_run(), "step_g1", "s3://drx-phi-111122223333/runs/shell.jsonl")}
        return subprocess.Popen(
            ["bash", str(SCRIPT), json.dumps(journal), *arguments], env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str, protocol: int = 1) -> tuple[int, str]:
        """Exit status and standard error; nothing is left on the disk."""
        process = self.begin(*arguments, protocol=protocol)
        _, said = process.communicate(timeout=60)
        assert list((self.root / "tmp").iterdir()) == []
        return process.returncode, said


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """With an `aws` that keeps what it is told to put, says its release, and else fails."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "aws"
    program.write_text(
        '#!/bin/bash\nif [[ "$1" == --version ]]; then cat "$S3/version"; exit; fi\n'
        'if [[ -e "$S3/denied" ]]; then exit 1; fi\ncat "${*: -2:1}" > "$S3/stored"\n'
    )
    program.chmod(0o755)
    (tmp_path / "version").write_text("aws-cli/2.17.18 Python/3.9.16 Linux/6.1 source/x86_64.amzn.2023\n")
    path = os.pathsep.join([f"{tmp_path}/bin", str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    return Shell(tmp_path, {"PATH": path, "S3": str(tmp_path), "TMPDIR": f"{tmp_path}/tmp", "HOME": str(tmp_path)})


def test_it_ends_as_the_command_does(alone: Shell) -> None:
    assert alone.run("bash", "-c", 'exit "$1"', "-", "7") == (7, "")
    assert alone.run("bash", "-c", "kill -9 $$") == (137, "")
    assert alone.run("true") == (0, "")
    assert (alone.root / "stored").read_bytes() == b"", "nothing was asked, and that is told"
    assert alone.run("no-such-command") == (127, "no-such-command cannot be started: No such file or directory\n")


def test_a_journal_that_cannot_be_put_or_kept_is_told_and_ends_nothing(alone: Shell) -> None:
    (alone.root / "denied").touch()
    status, said = alone.run("bash", "-c", "exit 3")
    assert (status, said) == (
        3, "the journal of this step's calls cannot be put to s3://drx-phi-111122223333/runs/shell.jsonl\n"
    )  # fmt: skip
    (alone.root / "denied").unlink()
    (alone.root / "version").write_text("aws-cli/3.0.0\n")
    status, said = alone.run("true")
    assert status == 0
    assert said.endswith("/bin/aws asks, of a release that is not known\n")


def test_a_journal_of_another_protocol_is_refused_before_anything_runs(alone: Shell) -> None:
    status, said = alone.run("touch", str(alone.root / "ran"), protocol=2)
    assert (status, said) == (1, "this script keeps journals of protocol 1\n")
    assert not (alone.root / "ran").exists()


def test_a_signal_reaches_the_command_and_the_journal_is_put_after_it(alone: Shell) -> None:
    script = f'trap "exit 143" TERM; touch {alone.root}/begun; while true; do sleep 0.1; done'
    process = alone.begin("bash", "-c", script)
    until(lambda: str((alone.root / "begun").exists()), "True")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert (alone.root / "stored").exists()


@pytest.mark.parametrize(("release", "names_path"), [("1.44.0", False), ("2.17.18", True)])
def test_the_nodes_own_configuration_is_kept_but_for_its_plugins(
    alone: Shell, release: str, *, names_path: bool
) -> None:
    (alone.root / "version").write_text(f"aws-cli/{release} Python/3.9\n")
    (alone.root / ".aws").mkdir()
    (alone.root / ".aws/config").write_text(
        "[default]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 3\n[plugins]\nother = other\n"
    )
    config, path = alone.root / "seen", alone.root / "path"
    shown = f'script="$(command -v aws)"; source <(sed /^exec/d "$script"); cp "$AWS_CONFIG_FILE" {config}; '
    assert alone.run("bash", "-c", f'{shown} echo "${{PYTHONPATH:-}}" > {path}') == (0, "")
    said = config.read_text()
    assert "region = eu-west-1" in said
    assert "max_concurrent_requests = 3" in said
    assert "other" not in said
    assert "drx_journal = drx_journal" in said
    assert ("cli_legacy_plugin_path = " in said) is names_path
    assert bool(path.read_text().strip()) is not names_path


@pytest.fixture
def environment(emulator: Emulator) -> dict[str, str]:
    return service.user_environment(emulator.home, "owner") | {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}


@pytest.fixture
def both(
    emulator: Emulator, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, dict[str, str]], tuple[AwsCall, AwsCall]]:
    """Ask the same by boto3 below the product's own hook, and by the CLI below the script."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DRUID_REINDEX_SPOOL", str(tmp_path / "spool"))

    def ask(name: str, operation: str, parameters: dict[str, str]) -> tuple[AwsCall, AwsCall]:
        run_id = new_run()
        binding = Binding(Attempt(run_id, "step"), PHI.runs_uri, ACCOUNT)
        with journalled(binding) as journal:
            client = recorded(boto3.Session(region_name=REGION)).client(name)
            try:
                getattr(client, operation.replace("-", "_"))(**parameters)
            except ClientError:
                pass  # what it says of the refusal is compared
            finally:
                client.close()
            (ours,) = aws_calls_in(journal.path)
        words = [word for key, value in parameters.items() for word in (f"--{OPTIONS[key]}", value)]
        place = f"s3://drx-phi-111122223333/runs/{run_id}/journal/step.jsonl"
        asked = ["s3api" if name == "s3" else name, operation, *words]
        asked += ["/dev/null"] if operation == "get-object" else []
        journal_of = json.dumps({"protocol": 1, **told(run_id, "step.-1.1", place)})
        subprocess.run(
            ["bash", str(SCRIPT), journal_of, "aws", *asked],
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            check=False, capture_output=True,
        )  # fmt: skip
        store = S3Client(boto3.Session(region_name=REGION))
        (theirs,) = read_journal(store, journal_files(store, PHI.runs_uri, str(run_id)))
        assert isinstance(theirs, AwsCall)
        return ours, theirs

    return ask


OPTIONS = {"Bucket": "bucket", "Key": "key", "SecretId": "secret-id"}


@pytest.mark.parametrize(
    ("name", "operation", "parameters"),
    [
        ("s3", "get-object", {"Bucket": ARTIFACTS, "Key": requests.JOURNALLED_SCRIPT}),
        ("s3", "get-object", {"Bucket": ARTIFACTS, "Key": "none"}),
        ("s3", "head-bucket", {"Bucket": "nobodys-bucket-at-all"}),
        ("s3", "list-objects-v2", {"Bucket": ARTIFACTS}),
        ("secretsmanager", "get-secret-value", {"SecretId": "druid-reindex/metadata"}),
        ("secretsmanager", "get-secret-value", {"SecretId": "none"}),
        ("sts", "get-caller-identity", {}),
    ],
)
def test_a_steps_line_is_what_the_products_own_hook_would_write(
    both: Callable[[str, str, dict[str, str]], tuple[AwsCall, AwsCall]],
    name: str,
    operation: str,
    parameters: dict[str, str],
) -> None:
    ours, theirs = both(name, operation, parameters)
    assert ours.request_id != theirs.request_id
    assert (ours.host_id is None) is (theirs.host_id is None)
    same = {"request_id": ours.request_id, "attempted_at": ours.attempted_at, "host_id": ours.host_id}
    assert replace(theirs, **same) == ours
