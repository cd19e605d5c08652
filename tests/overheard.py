"""`python overheard.py STAGE FOLDER`: real engines in a network of their own, and what could be read on the way.

STAGE is `hops`, which sends planted data once over each kind of hop (Airflow, Druid, S3, HDFS), or `nights`, a good and
a failed night as they are. Capturing begins before the first service starts. Then one hop, a client of PostgreSQL,
says the same with TLS off. What was found stands in FOLDER/told.json: by canary, the ports of whoever said it.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg2

import capture
from canaries import Hunt, Planted, secrets_of
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox import airflow, kdc, nightly, postgres, stack
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.events import LATE_DELIVERY, ON_TIME_DELIVERY, DayFiles, Delivery
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.state import Endpoints
from emulated_account import shell, step_state, until
from real_sandbox import BROKEN_PROFILE, VITALS, Sandbox
from secured_clusters import EXTERNAL, launched, put_certificates, terminated
from shared_sandbox import running

DAY = "2026-10-05/2026-10-06"
STEP_SECONDS = 120
HADOOP_PORTS = {"NameNode": 8020, "DataNode": 9866, "ResourceManager": 8031}
# HDFS under Kerberos keeps what S3 gave, and gives it back; a cluster reads and writes what is of its run.
THROUGH_HDFS = """
aws s3 cp --only-show-errors {folder}/events.json events.json
hdfs dfs -put events.json /tmp/events.json
hdfs dfs -cat /tmp/events.json > back.json
cmp events.json back.json
aws s3 cp --only-show-errors --sse aws:kms --sse-kms-key-id {key} back.json {folder}/back.json
"""


@dataclass(frozen=True)
class Ran:
    """What a stage leaves: the sandbox's home and addresses, what was planted, what Druid served of it, what ended."""

    home: SandboxHome
    endpoints: Endpoints
    planted: Planted
    served: list[dict[str, Any]]
    ended: list[str]


@contextlib.contextmanager
def hops(folder: Path) -> Iterator[Ran]:
    """Send planted data over each kind of hop."""
    home, planted = SandboxHome(folder / "home", SandboxHome.from_environment().cache), Planted.fresh()
    try:
        endpoints = stack.up(home, _say).endpoints
        nightly.deliver(home, endpoints, _days(planted, folder), _say, VITALS)
        with airflow.api(home, endpoints.airflow or "") as api:
            assert api.import_errors() == []
        yield Ran(home, endpoints, planted, served(home, endpoints, planted), [_through_hdfs(home, planted)])
    finally:
        stack.down(home)


@contextlib.contextmanager
def nights(_folder: Path) -> Iterator[Ran]:
    """A night that ends well and one that fails."""
    with running() as sandbox:
        states = [_state(sandbox), _state(sandbox, profile=BROKEN_PROFILE)]
        seen = served(sandbox.home, sandbox.endpoints, sandbox.planted)
        yield Ran(sandbox.home, sandbox.endpoints, sandbox.planted, seen, states)


STAGES = {"hops": hops, "nights": nights}


def served(home: SandboxHome, endpoints: Endpoints, planted: Planted) -> list[dict[str, Any]]:
    """What Druid serves of the planted patient."""
    columns = '"patient_token", "description", "value_sum"'
    parameters = [{"type": "VARCHAR", "value": planted.token}]
    with nightly.druid_client(home, endpoints) as druid:
        return druid.query(f'SELECT {columns} FROM "{VITALS}" WHERE "patient_token" = ? LIMIT 1', parameters)


def spoken_with(ran: Ran) -> dict[str, int]:
    """The ports of what every night speaks with."""
    found, home = ran.endpoints, ran.home
    urls = {"AWS": found.aws, "Druid": found.druid, "Coordinator": found.coordinator, "Overlord": found.overlord}
    zookeeper = re.search(r"secureClientPort=(\d+)", (home.conf("druid") / "zookeeper" / "zoo.cfg").read_text())
    realm = kdc.SiteRealm(home).address().rpartition(":")[2]
    assert zookeeper is not None
    ports = {name: urlsplit(url).port or 0 for name, url in (urls | {"Airflow": found.airflow or ""}).items()}
    services = {"PostgreSQL": found.postgres_port, "ZooKeeper": int(zookeeper[1]), "KDC": int(realm)}
    return ports | services | HADOOP_PORTS


def said_in_clear(ran: Ran) -> str:
    """What PostgreSQL answers to a client that speaks without TLS, once it may: the token that it asked for."""
    superuser = postgres.Database(postgres.SUPERUSER, postgres.SUPERUSER, ran.endpoints.postgres_port, ran.home)
    rules = ran.home.conf("postgres") / "pg_hba.conf"
    rules.write_text(rules.read_text().replace("hostssl", "host"))
    with superuser.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_reload_conf()")
    until(lambda: _without_tls(superuser, ran.planted.token), ran.planted.token)
    return ran.planted.token


@dataclass
class Heard:
    """The canaries in the packets, each with the ports between which it went; and who was spoken with at all."""

    canaries: dict[str, set[str]] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, file: Path, hunt: Hunt) -> Heard:
        """Listen to everything in the file."""
        made = cls()
        for ((_, source), (_, target)), content in capture.streams(file, hunt.longest):
            made.ports |= {target} if content else set()
            for name in hunt.within(content):
                made.canaries.setdefault(name, set()).add(f"{source} to {target}")
        return made


def main(stage: str, folder: Path) -> None:
    """Run the stage, and tell what was heard with and without TLS."""
    capture.own_network()
    both = [folder / "night.packets", folder / "clear.packets"]
    with contextlib.ExitStack() as opened:
        with capture.Capture(both[0]) as night:
            ran = opened.enter_context(STAGES[stage](folder))
        with capture.Capture(both[1]):
            said_in_clear(ran)
        hunt, wanted = Hunt(ran.planted.canaries() + secrets_of(ran.home)), spoken_with(ran)
    assert night.counted is not None
    heard, in_clear = (Heard.of(file, hunt) for file in both)
    told = {
        "heard": heard.canaries,
        "heard in clear": in_clear.canaries,
        "not spoken with": sorted(name for name, port in wanted.items() if port not in heard.ports),
        "planted": asdict(ran.planted),
        "served": ran.served,
        "ended": ran.ended,
        **asdict(night.counted),
    }
    (folder / "told.json").write_text(json.dumps(told, indent=1, default=sorted))


def _state(sandbox: Sandbox, **conf: object) -> str:
    return sandbox.run(VITALS, interval=DAY, force=True, **conf)[1]


def _days(planted: Planted, folder: Path) -> DayFiles:
    """The planted patient on time, and another measurement of him late."""
    files = [folder / "vitals-2026-10-05.json", folder / "vitals-late.json"]
    for file in files:
        file.write_text(json.dumps(planted.event) + "\n")
    on_time, late = Delivery(ON_TIME_DELIVERY, (files[0],), 1), Delivery(LATE_DELIVERY, (files[1],), 1)
    return DayFiles(on_time, late, 2 * planted.value)


def _through_hdfs(home: SandboxHome, planted: Planted) -> str:
    """The state of a step on a kerberized cluster; the site's password went to EMR for it."""
    emr, s3, boundary = boto3.client("emr"), boto3.client("s3"), load_boundaries(emr_configs()).phi
    put_certificates(home, s3)
    folder = S3Uri.parse(boundary.runs_uri) / "canaries"
    s3.put_object(Bucket=folder.bucket, Key=f"{folder.key}/events.json", Body=json.dumps(planted.event).encode())
    password = home.secret(kdc.SITE_ADMIN_SECRET)
    cluster_id, _ = launched(emr, "captured", EXTERNAL, {"Realm": kdc.SITE_REALM, "KdcAdminPassword": password})
    script = THROUGH_HDFS.format(folder=folder, key=boundary.kms_key_arn)
    (step_id,) = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("set -e\n" + script)])["StepIds"]
    ended = until(lambda: step_state(emr, cluster_id, step_id), "COMPLETED", "FAILED", seconds=STEP_SECONDS)
    terminated(emr, cluster_id)
    return ended


def _without_tls(database: postgres.Database, token: str) -> str:
    try:
        connection = psycopg2.connect(
            host="127.0.0.1", port=database.port, user=database.user, password=database.password,
            dbname=database.name, sslmode="disable",
        )  # fmt: skip
    except psycopg2.OperationalError:
        return ""
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT %s", (token,))
        return str((cursor.fetchone() or [""])[0])


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    finally:
        shutil.rmtree(Path(sys.argv[2]) / "home", ignore_errors=True)
        for packets in Path(sys.argv[2]).glob("*.packets"):
            packets.unlink()
