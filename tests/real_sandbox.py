"""The running sandbox, and what tests on real engines ask of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import psutil

from canaries import Planted
from census import Census
from druid_reindex.clients.airflow import AirflowApi
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.night_runs import NightRuns
from druid_reindex.clients.night_summary import Summary, summarise
from druid_reindex.clients.s3 import S3Client
from druid_reindex.sandbox import confirmation
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.nightly import Patients, patients_nights
from druid_reindex.sandbox.state import Endpoints, supervisor_pid

ROOT = Path(__file__).parents[1]
PATIENTS = Patients(seed=7, population=8)
VITALS, STEPS, SMOKE, SNAPSHOT = "patient_vitals", "patient_steps", "patient_smoke", "patient_snapshot"
BROKEN_PROFILE = "broken"
LOOSENED_PROFILE, LOOSENING_SCRIPT = "loosened", "tests/loosen.sh"
WATCH_SECONDS = 2.0


@cache
def store() -> S3Client:
    """S3 as the sandbox's administrator: one client, since a dropped one leaves its connections to be collected."""
    return S3Client(boto3.Session())


@dataclass
class Watch:
    """What was seen of the sandbox's processes: by program the ports beyond loopback, and the most memory."""

    open_to_all: dict[str, set[int]] = field(default_factory=dict)
    sockets: int = 0
    memory_bytes: int = 0

    def look(self, home: SandboxHome) -> None:
        """Look at every process once."""
        memory_bytes = sockets = 0
        for process in processes(home):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                memory_bytes += process.memory_info().rss
                for connection in process.net_connections("inet"):
                    if _hears_anybody(connection):
                        sockets += 1
                        if not connection.laddr.ip.startswith(("127.", "::ffff:127.")):
                            self.open_to_all.setdefault(_program(process), set()).add(connection.laddr.port)
        self.memory_bytes, self.sockets = max(self.memory_bytes, memory_bytes), max(self.sockets, sockets)


def processes(home: SandboxHome) -> list[psutil.Process]:
    """Everything that runs for the sandbox in `home`: the supervisor's descendants, and whatever else names it.

    Airflow's processes write their title over their command line and environment.
    """
    found = {child.pid: child for child in _descendants(home)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if str(home.root) in json.dumps([process.cmdline(), process.environ()]) and process.pid != os.getpid():
                found[process.pid] = process
    return list(found.values())


def _descendants(home: SandboxHome) -> list[psutil.Process]:
    supervisor = supervisor_pid(home)
    return psutil.Process(supervisor).children(recursive=True) if supervisor else []


@contextlib.contextmanager
def watched(home: SandboxHome) -> Iterator[Watch]:
    """Look at the sandbox's processes again and again while the block runs."""
    seen, done = Watch(), threading.Event()

    def look_on() -> None:
        while not done.wait(WATCH_SECONDS):
            seen.look(home)

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _hears_anybody(connection: Any) -> bool:
    """Whether it is TCP that listens, or UDP that is not connected to one peer."""
    return connection.status == psutil.CONN_LISTEN or (connection.type == socket.SOCK_DGRAM and not connection.raddr)


def _program(process: psutil.Process) -> str:
    """The main class of a JVM, without its package; else the program's name."""
    classes = [word for word in process.cmdline() if word.startswith("org.apache.")]
    return classes[0].rpartition(".")[2] if classes else process.name()


@dataclass(frozen=True)
class Sandbox:
    """The running sandbox and what tests ask of it; ``planted`` is among its data and must be nowhere else."""

    home: SandboxHome
    endpoints: Endpoints
    druid: DruidClient
    api: AirflowApi
    checkout: Path
    planted: Planted
    census: Census = field(default_factory=Census)
    ended: list[tuple[str, str, str]] = field(default_factory=list)

    def runs(self, datasource: str) -> NightRuns:
        """The nights of the datasource's pipeline."""
        return patients_nights(self.api, f"nightly_reindex__{datasource}", print)

    def night(self, datasource: str, **conf: object) -> Summary:
        """The summary of one night, green or red."""
        run_id, _ = self.run(datasource, **conf)
        return summarise(self.api, self.runs(datasource).dag_id, run_id)

    def run(self, datasource: str, **conf: object) -> tuple[str, str]:
        """The id and the final state of one night, kept in ``ended`` and ``census``."""
        runs = self.runs(datasource)
        with self.census.taken(self.home):
            run_id = runs.start(conf)
            state = runs.follow(run_id)
        self.ended.append((datasource, run_id, state))
        return run_id, state

    def confirmed(self, night: Summary) -> Summary:
        """The night's summary once Airflow's DAG has laid it beside CloudTrail."""
        confirmation.confirm(self.home, self.api, print)
        return confirmation.told(night, self.home.root / "reports")

    def told_nights(self) -> list[str]:
        """What a notifier was told of late and failed nights."""
        told = self.checkout / "dags" / "told_nights.txt"
        return told.read_text().split("\f")[:-1] if told.is_file() else []

    def rows_by_day(self, datasource: str) -> list[dict[str, object]]:
        """Rows and sums per day, by query."""
        return self.druid.query(
            'SELECT TIME_FLOOR("__time", \'P1D\') AS d, COUNT(*) AS n, SUM("events") AS e, '
            'ROUND(SUM("value_sum"), 4) AS v, COUNT(DISTINCT "patient_token") AS p '
            f'FROM "{datasource}" GROUP BY 1 ORDER BY 1'
        )

    def segments(self, datasource: str) -> list[str]:
        """The ids of the segments that serve."""
        rows = self.druid.query(
            "SELECT segment_id FROM sys.segments WHERE datasource = ? AND is_active = 1 AND is_overshadowed = 0",
            [{"type": "VARCHAR", "value": datasource}],
        )
        return sorted(str(row["segment_id"]) for row in rows)

    def content(self, datasource: str) -> str:
        """A digest of every row, all dimensions and metrics, by query."""
        dimensions = '"patient_token", "encounter_token", "category", "code", "description", "units", "type"'
        rows = self.druid.query(
            f'SELECT "__time", {dimensions}, COUNT(*) AS n, SUM("events") AS e, ROUND(SUM("value_sum"), 4) AS v '
            f'FROM "{datasource}" GROUP BY "__time", {dimensions}'
        )
        return hashlib.sha256("\n".join(sorted(json.dumps(row, sort_keys=True) for row in rows)).encode()).hexdigest()
