"""After a good and a failed night, data and secrets are where they belong and nowhere else.

Among the events that Druid serves is one of a patient who does not exist; every password and key of the sandbox is
made at random for it. All of them are looked for, in every form, wherever a night leaves a trace. So are the good
night's own id, which must be there, and what the test itself leaves where nothing may be, which must be found.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import boto3
import pytest

from canaries import Canary, Hunt, secrets_of
from druid_reindex.clients.night_summary import summarise
from druid_reindex.sandbox import postgres
from emulated_account import LOGS
from hiding_places import Search, everywhere, seeing_all
from real_sandbox import BROKEN_PROFILE, SNAPSHOT, VITALS, Sandbox

pytestmark = pytest.mark.sandbox

LAST_DAY = "2026-10-05/2026-10-06"
RUN, LEAK = "the good night", "what the test left"
DATA = ("patient token", "description", "metric value")
SECRETS = rf"(?!{'|'.join((RUN, LEAK, *DATA))}).*"


@dataclass(frozen=True)
class Allowed:
    """Places in which some canaries may lie, and why; in places on disk nobody but the owner reads passwords."""

    places: str
    canaries: str
    reason: str

    def covers(self, place: str, canary: str) -> bool:
        return bool(re.fullmatch(self.places, place) and re.fullmatch(self.canaries, canary))


ANY_DATA = "|".join(DATA)
AIRFLOWS_OWN = "airflow_fernet|airflow_secret_key|airflow_jwt_secret"
# On disk a place is named without "(not private)": its owner alone may read the file.
ALLOWED = (
    Allowed(r"home/secrets\.json", SECRETS, "the sandbox's secrets file, 0600"),
    Allowed(r"home/data/airflow/passwords\.json", "airflow_admin_password", "what SimpleAuthManager reads, 0600"),
    Allowed(r"home/data/kdc/realm", "key of .*", "what the site's KDC knows, 0600"),
    Allowed(r"home/data/kdc/druid\.keytab", "key of druid@.*", "the keytab that Druid's peons log in from, 0600"),
    Allowed(r"home/data/patients/.*", ANY_DATA, "the input files"),
    Allowed(r"home/data/druid/segment-cache/.*", ANY_DATA, "the historical's volume of segments"),
    Allowed(r"s3://drx-phi-[0-9]+/landing/.*", ANY_DATA, "the input in S3, under the key of protected data"),
    Allowed(r"s3://drx-phi-[0-9]+/druid/segments/.*", ANY_DATA, "deep storage, under the key of protected data"),
    # PostgreSQL writes a row to its log first, and to the table's file at a checkpoint: which of them has it is chance.
    Allowed(r"home/data/postgres/(base/redshift|pg_wal)/.*", ANY_DATA, "the snapshot's table, in Redshift's database"),
    Allowed(r"s3://drx-phi-[0-9]+/runs/.*/export/.*", ANY_DATA, "what is loaded, under the key of protected data"),
    Allowed(r"AIRFLOW_CONN_DRUID_\w+ of airflow", r"druid_airflow_\w+_password", "connections come as variables"),
    Allowed(r"AIRFLOW_CONN_AWS_\w+ of airflow", "aws_airflow_secret_access_key", "connections come as variables"),
    Allowed(r"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN of airflow", "postgres_airflow_password", "Airflow's own database"),
    Allowed(r"AIRFLOW__[A-Z_]+ of airflow", AIRFLOWS_OWN, "settings of Airflow that it takes from its environment"),
    Allowed(
        r"AWS_SECRET_ACCESS_KEY of airflow", "aws_airflow_secret_access_key", "as whom Airflow acts in the account"
    ),
    Allowed(r"AWS_SECRET_ACCESS_KEY of druid", "aws_druid_secret_access_key", "as whom Druid acts in the account"),
    Allowed(r"DRUID_(ADMIN|INTERNAL)_PASSWORD of druid", r"druid_\w+_password", "its way to take a password"),
    Allowed(r"DRUID_KEYSTORE_PASSWORD of druid", "keystore_password", "Druid's way to take a password"),
    Allowed(
        r"(DRUID_METADATA_PASSWORD|DRX_SECRET) of (druid|another)",
        "postgres_druid_password",
        "Druid's way to take a password, in a step as well",
    ),
)
# The id of the good night must be found in each, so that nobody takes what is not read for what is clean.
TRACES = (
    r"airflow\.xcom",
    r"airflow\.rendered_task_instance_fields",
    r"druid\.druid_tasks",
    r"druid task .*",
    r"cluster j-.*",
    r"s3://.*/plan\.html",
    r"home/data/airflow/logs/.*",
)


LEFT = {
    "home/logs/left (not private)",
    f"s3://{LOGS}/left",
    "airflow.left",
    "druid.left",
    "LEFT of another",
    "a command line",
}


@contextlib.contextmanager
def left_behind(sandbox: Sandbox, leak: str) -> Iterator[None]:
    """Packed in a file, an object and a row of each database, and told to a process that lives for a moment."""
    file, s3, packed = sandbox.home.logs() / "left", boto3.client("s3"), gzip.compress(leak.encode())
    with contextlib.ExitStack() as ended:
        ended.callback(file.unlink, missing_ok=True)
        file.write_bytes(packed)
        kept = s3.put_object(Bucket=LOGS, Key="left", Body=packed)
        ended.callback(s3.delete_object, Bucket=LOGS, Key="left", VersionId=kept["VersionId"])
        for name in ("airflow", "druid"):
            reached = postgres.database(sandbox.home, sandbox.endpoints.postgres_port, name)
            cursor = ended.enter_context(reached.connect()).cursor()
            cursor.execute('CREATE TABLE "left" AS SELECT %s::bytea AS held', (packed,))
            ended.callback(cursor.execute, 'DROP TABLE "left"')
        command = (sys.executable, "-c", "input()", str(sandbox.home.root), leak)
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={"LEFT": leak}) as told:
            sandbox.census.look(sandbox.home)
            told.communicate(b"\n")
        yield


@pytest.fixture(scope="module")
def nights(sandbox: Sandbox) -> dict[str, str]:
    """A night that rebuilt something, one that failed, and one of the snapshot; other tests' own, or short ones."""
    if "rebuilt" not in _nights(sandbox):
        sandbox.run(VITALS, interval=LAST_DAY, force=True)
    if "failed" not in _nights(sandbox):
        sandbox.run(VITALS, interval=LAST_DAY, force=True, profile=BROKEN_PROFILE)
    if (SNAPSHOT, "success") not in {(datasource, state) for datasource, _, state in sandbox.ended}:
        sandbox.run(SNAPSHOT, interval=LAST_DAY, force=True)
    return _nights(sandbox)


def _nights(sandbox: Sandbox) -> dict[str, str]:
    """The run of each outcome, during which processes were looked at."""
    mine = [run_id for datasource, run_id, _ in sandbox.ended if datasource == VITALS]
    return {summarise(sandbox.api, sandbox.runs(VITALS).dag_id, run_id).status: run_id for run_id in mine}


@pytest.fixture(scope="module")
def search(sandbox: Sandbox, nights: dict[str, str]) -> Search:
    dag_id = sandbox.runs(VITALS).dag_id
    run = str(sandbox.api.xcom(dag_id, nights["rebuilt"], "plan", key="night")["run_id"])
    leak = secrets.token_hex(16)
    marks = (Canary(RUN, run), Canary(RUN, run.replace("-", "")[:12]))  # the second is in the names of Druid's tasks
    canaries = (*marks, Canary(LEAK, leak), *sandbox.planted.canaries(), *secrets_of(sandbox.home))
    with seeing_all(sandbox.home), left_behind(sandbox, leak):
        return everywhere(sandbox, Hunt(canaries))


def test_druid_serves_what_was_planted(sandbox: Sandbox, nights: dict[str, str]) -> None:
    """So that what is not found elsewhere could have been found."""
    assert {"rebuilt", "failed"} <= set(nights)
    rows = sandbox.druid.query(
        f'SELECT "patient_token", "description", "value_sum" FROM "{VITALS}" WHERE "patient_token" = ?',
        [{"type": "VARCHAR", "value": sandbox.planted.token}],
    )
    planted = sandbox.planted
    assert rows == [{"patient_token": planted.token, "description": planted.description, "value_sum": planted.value}]


def test_every_area_was_read(search: Search) -> None:
    assert min(search.looked_at.values()) > 3, search.looked_at
    places = {place for place, canary in search.found if canary == RUN}
    assert [trace for trace in TRACES if not any(re.fullmatch(trace, place) for place in places)] == []


def test_what_was_left_behind_is_found_and_nowhere_else(search: Search) -> None:
    """PostgreSQL's own files have it as well."""
    found = {place for place, canary in search.found if canary == LEAK}
    assert {place for place in found if not place.startswith("home/data/postgres/")} == LEFT


def test_data_and_secrets_are_nowhere_else(search: Search) -> None:
    hidden = sorted(each for each in search.found if each[1] not in {RUN, LEAK})
    assert [each for each in hidden if not any(allowed.covers(*each) for allowed in ALLOWED)] == []


def test_no_place_is_allowed_that_need_not_be(search: Search) -> None:
    used = {allowed for allowed, each in product(ALLOWED, search.found) if allowed.covers(*each)}
    assert [allowed.places for allowed in ALLOWED if allowed not in used] == []
