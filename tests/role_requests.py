"""What the product asks of AWS beside a plain night, asked for real: each client, as the role that it has.

For a process of its own: it serves an enforcing account, acts on it as both sides' roles, and stops at a refusal.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from moto.elbv2.models import elbv2_backends
from moto.secretsmanager.models import secretsmanager_backends

import packs
import redshift_requests
from druid_reindex.cli import doctor_aws
from druid_reindex.cli.doctor_security import security_checks
from druid_reindex.cli.evidence_places import Reader
from druid_reindex.cli.evidence_sign_off import sign_off as decide
from druid_reindex.cli.nights import Desk
from druid_reindex.clients.certificates import Certificates
from druid_reindex.clients.cloudtrail import CloudTrailClient
from druid_reindex.clients.cluster_security import ensure_configuration, kerberos_attributes
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.log_files import LogFiles
from druid_reindex.clients.packs import PackKeeper
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.secrets import SecretsClient
from druid_reindex.clients.session import build_session
from druid_reindex.clients.signing import KmsSigner
from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.clients.survey_entry import EntrySurvey
from druid_reindex.clients.survey_facts import Gathering, Night, security_of
from druid_reindex.clients.trail_reading import TrailReading
from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.sign_off import Decision
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.cluster import StepState
from druid_reindex.model.cluster_security import ClusterSecurity
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Classification, Pipeline, Submission
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.security_file import load_security
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import ObjectVersion, S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.certificates import ROTATION
from druid_reindex.plan.emr import run_job_flow
from druid_reindex.plan.security import Needed, kerberos_needs, needed
from druid_reindex.sandbox import addresses, pki
from druid_reindex.sandbox.aws import server, service
from druid_reindex.sandbox.aws.account import key_arn
from druid_reindex.sandbox.aws.emr.backend import EmrBackend
from druid_reindex.sandbox.aws.gate import records
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Daemons, Site
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.tokens import TOKEN_KEY_ID
from emulated_account import auditor_environment, role_environment
from redshift_account import engine

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "emr_configs"
PIPELINE = ROOT / "dags" / "pipelines" / "patient_vitals.yaml"
PROFILE = "small"
WAIT_SECONDS = 60.0
LOGIN = "druid-reindex/databases/{side}/ehr"
# What a node does with the `aws` command; `druid_index.sh` and `install_druid.sh` ask for the same.
NODE = """
set -euo pipefail
file="$(mktemp)"
aws s3 cp --only-show-errors {artifacts}bootstrap/druid_index.sh "$file" &
aws s3 ls {artifacts}bootstrap/ &
aws s3 cp --only-show-errors {certificates} - > "$file.zip" &
aws s3api get-bucket-location --bucket {bucket} &
aws secretsmanager get-secret-value --secret-id {secret} --query Name &
aws secretsmanager get-secret-value --secret-id {login} --query Name &
{tokens}
aws s3api abort-multipart-upload --bucket {bucket} --key {parts} --upload-id "$(
  aws s3api create-multipart-upload --bucket {bucket} --key {parts} --query UploadId --output text)" &
for job in $(jobs -p); do wait "$job"; done
aws s3 cp --only-show-errors "$file" {segments}recorded/index.zip.0
aws s3 ls {segments}
aws s3 mv --only-show-errors {segments}recorded/index.zip.0 {segments}recorded/index.zip
aws s3 cp --only-show-errors "$file" {runs}recorded/result.json
"""


def ask(home: SandboxHome, *, with_nodes: bool) -> Path:
    """Return the file of decisions on all that was asked; `with_nodes`, also on what a cluster's node asks."""
    os.environ["DRUID_REINDEX_HOME"] = str(home.root)
    pki.ensure_ca(home)
    service.keep_metadata_secret(home, "druid", "a password", "jdbc:postgresql://127.0.0.1:1/druid")
    port = addresses.free_port()
    spec = service.aws_service(home, port)
    assert spec.name == service.NAME
    with engine(home) as postgres_port:
        site = Site(home, service.endpoint_url(home), Daemons.NONE, postgres_port)
        serving, redshift = server.start(site, port, enforcing=True)
        _add_what_a_site_has()
        try:
            for side in Classification:
                with acting_for(home, side):
                    _as_airflow(side, with_nodes=with_nodes)
                _as_druid(home, side)
            with acting_as_auditor(home):
                _as_auditor()
        finally:
            EmrBackend.stop_clusters()
            redshift.data.stop()
            serving.shutdown()
    return records.file(home)


@contextmanager
def acting_for(home: SandboxHome, side: Classification) -> Iterator[None]:
    """Airflow's user has become the side's role, as a task does, for every session made from the environment."""
    before = dict(os.environ)
    told = Attempt(RunId(UUID(int=1), "recorded"), "recorded", datasource="recorded").role_session
    os.environ |= role_environment(home, service.airflow_role_arn(side), told.pop("RoleSessionName"), **told)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


@contextmanager
def acting_as_auditor(home: SandboxHome) -> Iterator[None]:
    """The user `operator` has become the auditor, for every session made from the environment."""
    before = dict(os.environ)
    os.environ |= auditor_environment(home)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def _as_auditor() -> None:
    """Each side's evidence is read, which is written down, and a decision on it is signed."""
    reader = Reader(Desk(PIPELINE.parent, CONFIGS))
    boundaries = load_boundaries(CONFIGS)
    for side in Classification:
        place = boundaries.of(side).evidence
        assert place is not None
        (folder,) = reader.folders(str(S3Uri.parse(place.uri) / "packs"))
        decide(folder.where, by="Grace Hopper", decision=Decision.ACCEPTED, pipelines=PIPELINE.parent, configs=CONFIGS)


def _add_what_a_site_has() -> None:
    """What no template makes: a load balancer, whose name leads to itself, and logins of databases."""
    elb: Any = elbv2_backends[ACCOUNT][REGION]
    made = elb.create_load_balancer("druid", ["sg-0d70000000000001"], ["subnet-0d70000000000001"])
    elb.create_listener(made.arn, "HTTPS", "443", "ELBSecurityPolicy-TLS13-1-2-2021-06", None, [])
    made.dns_name = "druid.internal"
    secrets: Any = secretsmanager_backends[ACCOUNT][REGION]
    for side in Classification:
        name = LOGIN.format(side=side.value)
        secrets.create_secret(name, "of no use", None, "", [], key_arn("DruidKey"), None, [], False)
    setattr(socket, "gethostbyname_ex", lambda host: (host, [], []))  # noqa: B010 - no resolver knows the name


def _as_druid(home: SandboxHome, side: Classification) -> None:
    """On a server of Druid's: a task of the Overlord looks at the rows that a purge has kept, to cut them into splits.

    Source: https://hadoop.apache.org/docs/r3.3.6/api/org/apache/hadoop/mapreduce/lib/input/FileInputFormat.html
    """
    before = dict(os.environ)
    os.environ |= service.user_environment(home, "druid")
    try:
        assert S3Client(build_session(region=REGION)).exists(_kept_rows(load_boundaries(CONFIGS).of(side)))
    finally:
        os.environ.clear()
        os.environ |= before


def _kept_rows(boundary: Boundary) -> S3Uri:
    return S3Uri.parse(boundary.runs_uri) / "recorded/purge/0/sift/files/part-00000.json.gz"


def _pipeline(boundaries: Boundaries, side: Classification) -> Pipeline:
    if side is Classification.PHI:
        return load_pipeline(PIPELINE, boundaries)
    written = yaml.safe_load(PIPELINE.read_text())
    file = Path(os.environ["DRUID_REINDEX_HOME"]) / "clinic_visits.yaml"
    general = {"datasource": "clinic_visits", "classification": "general", "declared_actors": []}
    file.write_text(yaml.safe_dump(written | general))
    return load_pipeline(file, boundaries)


def _as_airflow(side: Classification, *, with_nodes: bool) -> None:
    boundaries = load_boundaries(CONFIGS)
    boundary, pipeline = boundaries.of(side), _pipeline(boundaries, side)
    profile = load_profile(CONFIGS, PROFILE)
    run_id = RunId.of(boundaries.deployment_id, dag_id=pipeline.dag_id, run_id="recorded")
    request = run_job_flow(pipeline, boundaries, boundary, profile, run_id)
    emr = EmrClient(build_session(region=REGION))
    certificates = _certificates(boundaries, side)
    zip_uri = certificates.zip_uri(PROFILE, datetime.now(UTC))
    secured, wanted = _security(emr, boundary, zip_uri)
    cluster_id = emr.run_job_flow(request)
    script = _node_script(boundaries, boundary, zip_uri) if with_nodes else "true"
    _cluster(emr, cluster_id, script, run_id)
    _objects(boundary)
    _evidence(boundary)
    security = security_of(wanted, secured, boundary)
    night = Night(pipeline, boundaries, profile, security)
    Gathering(night, night.intent(run_id), build_session(region=REGION), _no_druid).facts()
    EntrySurvey(build_session(region=REGION)).load_balancers(["https://druid.internal"])
    steps = pipeline.model_copy(update={"submit": Submission.EMR_STEP})
    about = doctor_aws.Night(steps, profile, boundaries, security=secured)
    for check in [*doctor_aws.aws_checks(about), *security_checks(about)]:
        check.look()
    if boundary.redshift is not None:
        redshift_requests.ask(boundary, boundary.redshift)
    emr.terminate(cluster_id)
    assert certificates.sweep(PROFILE, datetime.now(UTC) + 3 * ROTATION) == [zip_uri]


def _no_druid() -> DruidConfig:
    raise ConfigurationError("find Druid", resource="the environment", came_back="not asked here", remedy="none")


def _node_script(boundaries: Boundaries, boundary: Boundary, zip_uri: S3Uri) -> str:
    return NODE.format(
        artifacts=boundaries.artifacts_uri, segments=boundary.segments_uri, runs=boundary.runs_uri,
        bucket=S3Uri.parse(boundary.data_uri).bucket, secret=boundary.metadata_secret_id,
        parts="druid/segments/recorded/parts", certificates=zip_uri,
        login=LOGIN.format(side="phi" if boundary == boundaries.phi else "general"),
        tokens=f"aws secretsmanager get-secret-value --secret-id {TOKEN_KEY_ID} --query Name &"
        if boundary == boundaries.phi else "",
    )  # fmt: skip


def _cluster(emr: EmrClient, cluster_id: str, script: str, run_id: RunId) -> None:
    """What is asked of a cluster that is up, and what its node does."""
    survey = EmrSurvey(build_session(region=REGION))
    work = emr.add_step(cluster_id, _shell("node", script))
    idle = emr.add_step(cluster_id, _shell("idle", "sleep 600"))
    emr.find_clusters(names.RUN_TAG, str(run_id))
    emr.living_clusters(names.RUN_TAG)
    _await(emr, cluster_id, work)
    log = f"{emr.describe_cluster(cluster_id).log_uri.rstrip('/')}/{cluster_id}/steps/{work}/stderr.gz"
    S3Client(build_session(region=REGION)).get(S3Uri.parse(log))
    emr.cancel_step(cluster_id, idle)
    emr.list_steps(cluster_id)
    survey.volumes([each.instance_id for each in survey.instances(cluster_id)])
    survey.cluster(cluster_id)


def _certificates(boundaries: Boundaries, side: Classification) -> Certificates:
    session = build_session(region=REGION)
    return Certificates(boundaries, side, S3Client(session), SecretsClient(session))


def _security(emr: EmrClient, boundary: Boundary, zip_uri: S3Uri) -> tuple[ClusterSecurity, Needed]:
    """The side's strictest security, kept on EMR and swept again; where a KDC has a secret, that is read."""
    external = boundary.kerberos.external_kdc is not None
    security = load_security(CONFIGS, "external_kdc" if external else "dedicated_kdc")
    wanted, needs = needed(security, boundary, zip_uri), kerberos_needs(security, boundary)
    ensure_configuration(emr, wanted, print)
    emr.security_configuration_names()
    emr.delete_security_configuration(wanted.name)
    assert needs is not None
    kerberos_attributes(needs, lambda: SecretsClient(build_session(region=REGION)))
    return security, wanted


def _shell(name: str, script: str) -> dict[str, Any]:
    jar_step = {"Jar": "command-runner.jar", "Args": ["bash", "-c", script]}
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar_step}


def _await(emr: EmrClient, cluster_id: str, step_id: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (step := emr.describe_step(cluster_id, step_id)).state.is_ended:
        assert time.monotonic() < deadline, step
        time.sleep(0.2)
    if step.state is not StepState.COMPLETED:
        logs = Path(os.environ["DRUID_REINDEX_HOME"]).rglob(f"{step_id}/stderr")
        raise AssertionError(step, [each.read_text() for each in logs])


def _objects(boundary: Boundary) -> None:
    store = S3Client(build_session(region=REGION))
    uri = S3Uri.parse(boundary.runs_uri) / "recorded" / "plan.json"
    etag = store.put_if(uri, b"{}", kms_key_arn=boundary.kms_key_arn, etag=None)
    store.put_if(uri, b"[]", kms_key_arn=boundary.kms_key_arn, etag=etag)
    store.get(uri)
    store.listing(S3Uri.parse(boundary.runs_uri))
    store.exists(S3Uri.parse(boundary.segments_uri) / "recorded" / "index.zip")
    store.exists(S3Uri.parse(boundary.runs_uri) / "recorded" / "none.json")
    store.delete(uri)
    store.put(_kept_rows(boundary), b"{}", kms_key_arn=boundary.kms_key_arn)
    killed = S3Uri.parse(boundary.segments_uri) / "recorded"
    assert store.folders(killed) == []
    store.delete_versions([*store.versions(killed), ObjectVersion(killed / "index.zip", "null")])


def _evidence(boundary: Boundary) -> None:
    """A pack is written, found again, and followed by a supplement."""
    place = boundary.evidence
    assert place is not None
    session = build_session(region=REGION)
    keeper = PackKeeper(place, LockedStore(session), KmsSigner(session, place.signing_key_arn), packs.A_RUN)
    for reason in ("a late file", "another"):
        keeper.keep(partial(packs.gathered, reason), datetime.now(UTC))
    _trail(CloudTrailClient(session))
    _nodes_logs(boundary)


def _nodes_logs(boundary: Boundary) -> None:
    """What EMR has archived of a cluster is looked for."""
    logs, files = S3Uri.parse(boundary.emr_log_uri), LogFiles(build_session(region=REGION))
    assert files.listing(logs / "j-RECORDED/node") == []


def _trail(trail: CloudTrailClient) -> None:
    """A run is laid beside what CloudTrail has delivered."""
    command.ask(SandboxHome.from_environment(), "deliver")
    (scope,) = trail.trails()
    assert trail.selectors(scope).management
    now = datetime.now(UTC)
    reading = TrailReading(trail, scope, frozenset({"recorded"}))
    assert trail.regions(scope) == [REGION]
    assert any(isinstance(each, LogCheck) for each in reading.read(Window(now - timedelta(hours=1), now)))
