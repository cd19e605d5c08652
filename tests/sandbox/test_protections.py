"""Each protection of Druid and of a live cluster turned off, one at a time: the night stops by name, and no data moved.

The account's protections are tests/contract/test_protections.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import careless_druid
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import attest
from druid_reindex.operators.attest import AttestClusterOperator
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.night import NightOperator, NightSettings
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.posture import MOST_TOLD, JudgePostureOperator
from druid_reindex.operators.triggers.reports import report_uri
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from druid_reindex.sandbox import airflow, pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.druid_security import api_config
from druid_reindex.sandbox.home import SandboxHome
from emr_documents import changed
from emulated_account import Emulator, shell, step_state, until
from judged_night import JudgedNight, connections
from protected_account import Owner
from real_sandbox import VITALS, Sandbox

pytestmark = pytest.mark.sandbox


@dataclass(frozen=True)
class Careless:
    """What is turned off in one more server of Druid, and the rules that alone close the gate."""

    what: str
    rules: str
    seen: str
    process: str
    properties: Mapping[str, str]
    stands_for: tuple[str, ...] = ("overlord_url", "coordinator_url", "broker_url")


SERVERS = [
    Careless("a port in clear text", "DRU-01", "plaintext_port", "router", {"druid.enablePlaintextPort": "true"}),
    Careless("everybody may do everything", "DRU-04", "authorizer basic allows everything", "router",
             {"druid.auth.authorizer.basic.type": "allowAll"}),
    Careless("servers without credentials", "DRU-05", "druid.escalator.type is noop", "router",
             {careless_druid.ESCALATOR: "noop"}),
    Careless("segments under S3's own keys", "DRU-08", "druid.storage.sse.type is s3", "router",
             {"druid.storage.sse.type": "s3"}),
    Careless("intermediate data beside the cluster", "DRU-17", "file:///tmp/druid-indexing", "router",
             {"druid.indexer.task.hadoopWorkingPath": "file:///tmp/druid-indexing"}, ("overlord_url",)),
    Careless("queries without a login", "DRU-03", "Broker", "broker",
             {"druid.auth.authenticatorChain": '["basic","anonymous"]',
              "druid.auth.authenticator.basic.skipOnFailure": "true",
              "druid.auth.authenticator.anonymous.type": "anonymous",
              "druid.auth.authenticator.anonymous.identity": "anybody",
              "druid.auth.authenticator.anonymous.authorizerName": "basic"}, ("broker_url",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox) -> NightSettings:
    file = sandbox.checkout / "dags" / "pipelines" / f"{VITALS}.yaml"
    return NightSettings.read(file, configs=sandbox.checkout / "emr_configs")


@pytest.fixture(scope="module")
def config(sandbox: Sandbox) -> DruidConfig:
    return api_config(sandbox.home, sandbox.endpoints, Classification.PHI)


def client(sandbox: Sandbox, user: str = "operator") -> Callable[[str], Any]:
    """Makes boto3 clients of one of the account's users."""
    return Emulator(sandbox.home, None, service.user_environment(sandbox.home, user)).client


@contextmanager
def nights(sandbox: Sandbox, config: DruidConfig) -> Iterator[None]:
    """Airflow's own connections, with Druid at ``config``."""
    made = airflow.connections(sandbox.home, sandbox.endpoints)
    druid = json.loads(made["AIRFLOW_CONN_DRUID_PHI"])
    urls = {name: getattr(config, name) for name in ("overlord_url", "coordinator_url", "broker_url")}
    druid["extra"] = urls | {"ca_file": str(config.ca_file)}
    made |= {"AIRFLOW_CONN_DRUID_PHI": json.dumps(druid)}
    with connections(service.user_environment(sandbox.home, "airflow"), made):
        yield


def judged(sandbox: Sandbox, settings: NightSettings, config: DruidConfig) -> tuple[str, list[dict[str, Any]]]:
    """What `posture` says of a night with Druid at ``config``, and the findings that close the gate."""
    night = JudgedNight(settings, client(sandbox))
    with nights(sandbox, config):
        before = night.segment_objects()
        told = night.posture()
        closing = night.closing("posture.json")
        assert night.clusters() == []
        assert night.segment_objects() == before
    assert sandbox.druid.active_tasks(VITALS) == []
    assert all(each["rule"] in told and each["remedy"] in told for each in closing[:MOST_TOLD]), told
    return told, closing


def where(finding: Mapping[str, Any]) -> str:
    """What was seen, and on what."""
    return f"{finding['resource']}: {finding['seen']}"


def rules(closing: list[dict[str, Any]], status: str = "fail") -> set[str]:
    return {each["rule"] for each in closing if each["status"] == status}


def test_as_it_is_the_night_goes_on(sandbox: Sandbox, settings: NightSettings, config: DruidConfig) -> None:
    assert judged(sandbox, settings, config) == ("", [])


@pytest.mark.parametrize("off", SERVERS, ids=lambda off: off.what)
def test_a_careless_server_of_druid_stops_the_night(
    sandbox: Sandbox, settings: NightSettings, config: DruidConfig, off: Careless, tmp_path: Path
) -> None:
    with careless_druid.server(sandbox, tmp_path, off.process, off.properties) as started:
        seen_through = replace(config, **dict.fromkeys(off.stands_for, started.tls_url))
        told, closing = judged(sandbox, settings, seen_through)
        if "clear text" in off.what:
            clear = replace(config, broker_url=started.plain_url, protected=False)
            assert {"DRU-02", "DRU-11"} <= rules(judged(sandbox, settings, clear)[1])
    assert {each["rule"] for each in closing} == {off.rules}, told
    assert any(off.seen in where(each) for each in closing), closing


WAYS: dict[str, tuple[str, str, Callable[[Sandbox, DruidConfig], AbstractContextManager[str]]]] = {
    "expired certificate": (
        "DRU-02", "certificate has expired",
        lambda sandbox, config: careless_druid.entry(sandbox, config, "expired", timedelta(minutes=-1))),
    "certificate that ends in ten days": (
        "DRU-02", "ends within 30 days",
        lambda sandbox, config: careless_druid.entry(sandbox, config, "ending", timedelta(days=10))),
    "entry that logs everybody in": ("DRU-03", "Coordinator", careless_druid.entry_that_logs_in),
}  # fmt: skip


@pytest.mark.parametrize("what", WAYS)
def test_an_unprotected_way_to_druid_stops_the_night(
    sandbox: Sandbox, settings: NightSettings, config: DruidConfig, what: str
) -> None:
    rule, seen, way = WAYS[what]
    with way(sandbox, config) as address:
        _, closing = judged(sandbox, settings, replace(config, coordinator_url=address))
    assert rules(closing) == {rule}
    assert any(seen in where(each) for each in closing), closing


def test_a_server_of_another_authority_stops_the_night(
    sandbox: Sandbox, settings: NightSettings, config: DruidConfig, tmp_path: Path
) -> None:
    another = pki.ensure_ca(SandboxHome(tmp_path / "home", tmp_path / "cache"))
    _, closing = judged(sandbox, settings, replace(config, ca_file=another))
    assert rules(closing) == {"DRU-02"}
    assert {"DRU-01", "DRU-03", "DRU-08"} <= rules(closing, "unknown")


# Each of a node's protections in the file that says it is on, with what stands there once it is off.
NODE = {
    "no Kerberos": ("ATT-04", "hadoop.security.authentication is simple", "core-site",
                    "hadoop.security.authentication=simple"),
    "another realm": ("ATT-04", "its realm is ELSEWHERE.INTERNAL", "hdfs-site",
                      "dfs.namenode.kerberos.principal=hdfs/_HOST@ELSEWHERE.INTERNAL"),
    "RPC in clear": ("ATT-05", "hadoop.rpc.protection is integrity", "core-site", "hadoop.rpc.protection=integrity"),
    "blocks in clear": ("ATT-06", "dfs.data.transfer.protection is authentication", "hdfs-site",
                        "dfs.data.transfer.protection=authentication dfs.encrypt.data.transfer=false"),
    "blocks without AES": ("ATT-06", "the cipher suites are not set", "hdfs-site",
                           "dfs.encrypt.data.transfer.cipher.suites="),
    "pages in clear": ("ATT-07 ATT-09", "dfs.http.policy is HTTP_AND_HTTPS", "hdfs-site",
                       "dfs.http.policy=HTTP_AND_HTTPS"),
    "shuffle in clear": ("ATT-08", "mapreduce.shuffle.ssl.enabled: false", "mapred-site",
                         "mapreduce.shuffle.ssl.enabled=false"),
    "authority that nobody knows": ("ATT-09", "is not trusted", "ssl-client",
                                    "ssl.client.truststore.location=other.p12 ssl.client.truststore.password=changeit"),
    "IMDSv1": ("ATT-10", "IMDSv1 refused: false", "core-site", "metadata=v1"),
}  # fmt: skip
# The node's own script, once more for each of them, on a copy of the node's files.
REPORT_AGAIN = """
set -euo pipefail
report() {{ bash "$DRX_NODE_ROOT/opt/druid-reindex/bin/attest.sh" --report "{prefix}$1/" "{nonce}" < /dev/null; }}
keytool -genkeypair -alias other -dname CN=other -keyalg EC -keystore other.p12 -storepass changeit
cat > metadata.py <<'PY'
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen
REAL = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
class Lax(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = {{name: value for name, value in self.headers.items() if name.lower().startswith("x-aws")}}
        if self.command == "GET" and not sent:
            wanted = {{"X-aws-ec2-metadata-token-ttl-seconds": "60"}}
            token = urlopen(Request(f"{{REAL}}/latest/api/token", method="PUT", headers=wanted)).read().decode()
            sent = {{"X-aws-ec2-metadata-token": token}}
        said = urlopen(Request(REAL + self.path, method=self.command, headers=sent))
        self.send_response(said.status)
        self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        self.end_headers()
        self.wfile.write(said.read())
    do_PUT = do_GET
served = HTTPServer(("127.0.0.1", 0), Lax)
print(f"http://127.0.0.1:{{served.server_port}}", flush=True)
served.serve_forever()
PY
python3 metadata.py > metadata.url & trap "kill $!" EXIT
cat > change.py <<'PY'
import sys
from xml.etree import ElementTree
tree = ElementTree.parse(sys.argv[1])
for change in sys.argv[2:]:
    name, _, value = change.partition("=")
    for item in tree.iter("property"):
        if item.findtext("name") == name:
            item.find("value").text = value
tree.write(sys.argv[1])
PY
while read -r number file changes; do
  rm -rf conf && cp -r "$HADOOP_CONF_DIR" conf
  if [[ "$changes" == metadata=v1 ]]; then
    AWS_EC2_METADATA_SERVICE_ENDPOINT="$(cat metadata.url)" report "$number"
  else
    # shellcheck disable=SC2086
    python3 change.py "conf/$file.xml" $changes
    HADOOP_CONF_DIR="$PWD/conf" DRX_ATTEST_SECONDS=0 report "$number"
  fi
done <<'CASES'
{cases}
CASES
"""
REPORT_SECONDS = 240


@dataclass(frozen=True)
class LiveNight:
    """A night whose cluster is up; ``reports`` are the primary node's: the good one, and one for each of NODE."""

    night: JudgedNight
    cluster_id: str
    primary: str
    reports: Mapping[str, bytes]

    def report(self, body: bytes | None) -> None:
        """Let the primary node have reported ``body``; None takes its report away."""
        uri = report_uri(reports_of(self.night), self.primary)
        s3, key = self.night.client("s3"), self.night.settings.boundary.kms_key_arn
        if body is None:
            s3.delete_object(Bucket=uri.bucket, Key=uri.key)
        else:
            s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)

    def attested(self, settings: NightSettings | None = None) -> tuple[str, list[dict[str, Any]]]:
        """What `attest` says, and the findings that close the gate."""
        night = replace(self.night, settings=settings or self.night.settings)
        told = night.run(task(AttestClusterOperator, "attest", night.settings))
        return told, night.closing("attestation.json")


def task(kind: type[NightOperator], name: str, settings: NightSettings) -> NightOperator:
    return kind(task_id=name, settings=settings, poll_seconds=0.5)


def reports_of(night: JudgedNight) -> S3Uri:
    """Where the nodes of the night's cluster leave their reports."""
    return names.attestation_prefix(night.settings.boundary, str(night.run_id))


@pytest.fixture(scope="module")
def live(sandbox: Sandbox, settings: NightSettings, config: DruidConfig) -> Iterator[LiveNight]:
    """A night of the shipped pipeline up to its live cluster, which is attested and ended."""
    night = JudgedNight(settings, client(sandbox))
    night.world.conf |= {"interval": "2026-10-04/2026-10-05", "force": True}
    with nights(sandbox, config):
        try:
            for kind, name in (
                (JudgePostureOperator, "posture"),
                (PlanNightOperator, "plan"),
                (LaunchEmrClusterOperator, "cluster_up"),
                (AttestClusterOperator, "attest"),
            ):
                assert night.run(task(kind, name, settings)) == ""
            yield _reporting(night)
        finally:
            ended = [
                night.run(task(TerminateEmrClusterOperator, "cluster_down", settings)),
                night.run(task(NightVerdictOperator, "verdict", settings)),
            ]
    assert ended == ["", ""]
    (cluster_id,) = night.clusters()
    status = night.client("emr").describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]
    assert status["State"] == "TERMINATED"


def _reporting(night: JudgedNight) -> LiveNight:
    """The night with all reports, which the primary node makes in one step."""
    emr, s3 = night.client("emr"), night.client("s3")
    cluster_id = night.world.xcoms["cluster_up", "return_value"]["cluster_id"]
    (primary,) = emr.list_instances(ClusterId=cluster_id, InstanceGroupTypes=["MASTER"])["Instances"]
    prefix, nonce = reports_of(night), names.attestation_nonce(str(night.run_id))
    cases = "\n".join(f"{number} {file} {changes}" for number, (*_, file, changes) in enumerate(NODE.values()))
    step = shell(REPORT_AGAIN.format(prefix=f"{prefix}-again-", nonce=nonce, cases=cases), name="report again")
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step])["StepIds"]
    until(lambda: step_state(emr, cluster_id, step_id), "COMPLETED", "FAILED", seconds=REPORT_SECONDS)
    assert step_state(emr, cluster_id, step_id) == "COMPLETED"
    instance_id = primary["Ec2InstanceId"]

    def body(folder: str) -> bytes:
        return bytes(s3.get_object(Bucket=prefix.bucket, Key=f"{folder}/{instance_id}.json")["Body"].read())

    reports = {what: body(f"{prefix.key}-again-{number}") for number, what in enumerate(NODE)}
    return LiveNight(night, cluster_id, instance_id, reports | {"good": body(prefix.key)})


Stops = Callable[..., None]


@pytest.fixture
def stops(sandbox: Sandbox, live: LiveNight) -> Iterator[Stops]:
    """Asserts that `attest` stops the night with these rules alone, before any data moves; all is well afterwards."""
    before = live.night.segment_objects()

    def check(expected: str, seen: str, settings: NightSettings | None = None) -> None:
        told, closing = live.attested(settings)
        assert {each["rule"] for each in closing} == set(expected.split()), told
        assert any(seen in each["seen"] for each in closing), closing
        assert all(each["rule"] in told and each["remedy"] in told for each in closing), told
        steps = live.night.client("emr").list_steps(ClusterId=live.cluster_id)["Steps"]
        assert [each["Name"] for each in steps] == ["report again"]
        assert sandbox.druid.active_tasks(VITALS) == []
        assert live.night.segment_objects() == before

    yield check
    live.report(live.reports["good"])
    assert live.attested() == ("", [])


@pytest.mark.parametrize("what", NODE)
def test_a_node_without_a_protection_stops_the_night(live: LiveNight, stops: Stops, what: str) -> None:
    expected, seen, *_ = NODE[what]
    live.report(live.reports[what])
    stops(expected, seen)


def test_a_node_that_does_not_report_stops_the_night(
    live: LiveNight, stops: Stops, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.report(None)
    with monkeypatch.context() as patch:
        patch.setattr(attest, "LONGEST_REPORT_SECONDS", 0.0)
        stops("ATT-01", "the node has not reported")


def test_a_report_of_another_run_stops_the_night(live: LiveNight, stops: Stops) -> None:
    nonce = names.attestation_nonce("another run")
    live.report(json.dumps(json.loads(live.reports["good"]) | {"nonce": nonce}).encode())
    stops("ATT-01", "its report has another nonce")


def test_disks_without_luks_stop_the_night_unless_somebody_answers_for_it(
    live: LiveNight, stops: Stops, tmp_path: Path
) -> None:
    configs = tmp_path / "emr_configs"
    configs.mkdir()
    (configs / "exceptions.yaml").write_text("exceptions: []\n")
    for name in ("profiles", "security", "boundaries.yaml", "prices.yaml"):
        (configs / name).symlink_to(live.night.settings.configs / name)
    has_mapper = "device-mapper" in Path("/proc/misc").read_text()
    expected, seen = ("ATT-02", "is not encrypted") if has_mapper else ("ATT-03", "dm-crypt is unavailable")
    stops(expected, seen, replace(live.night.settings, configs=configs))


def test_a_configuration_changed_behind_a_live_cluster_stops_the_night(
    sandbox: Sandbox, live: LiveNight, stops: Stops
) -> None:
    name = live.night.client("emr").describe_cluster(ClusterId=live.cluster_id)["Cluster"]["SecurityConfiguration"]

    def clear_volumes(document: dict[str, Any]) -> dict[str, Any]:
        return changed(document, {"DISK.EnableEbsEncryption": False})

    with Owner(client(sandbox, "owner")).another_configuration(name, clear_volumes):
        stops("EMR-27 EMR-28", "is not encrypted")
